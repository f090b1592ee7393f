from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.making import AGES, signal_of
from engine.test_meaning_property import rule_lists
from livecue.domain import LiveEvent, SignalKind
from livecue.engine import RoomState, Rule, compile_rules, handle, signal

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "user", "userId", "level", "gift", "totalValue"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(rules=rule_lists(), content=json_values, data=json_values)
def test_no_data_makes_the_engine_raise(rules: list[Rule], content: Any, data: Any) -> None:
    program, state = compile_rules(rules), RoomState()
    thing = content if isinstance(content, dict) else {"content": content, "user": content}
    for event_type in (1, 4):
        handle(
            program,
            state,
            LiveEvent("r", "1", 5, 5, event_type, thing, ""),
            ages=AGES,
        )
    msgspec.json.encode(state.to_json())
    names = (
        "job_id",
        "scene",
        "rule_index",
        "fired_at_ms",
        "cue_id",
        "title",
        "sequence_no",
        "text",
        "at_ms",
    )
    loose = dict.fromkeys((*names, "expires_ms", "event_id"), data)
    for kind in SignalKind:
        signal(program, state, signal_of(kind, **loose))
    tables = dict.fromkeys(("rules", "groups", "seen", "combos", "user_totals", "timeouts"), data)
    nested = {"combos": {"r0": data}, "user_totals": {"1:level": {"a": data}}, "totals": {"1:level": data}}
    RoomState.from_json({**tables, "scene": data, "new": data})
    state = RoomState.from_json({"rules": {"r0": data}, **nested})
    handle(program, state, LiveEvent("r", "1", 5, 5, 1, thing, ""), ages=AGES)
