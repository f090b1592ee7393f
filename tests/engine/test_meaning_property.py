from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.making import MAX_AGE_MS, signal_of
from engine.naive import Naive
from livecue.domain import LiveEvent, SignalKind
from livecue.engine import RoomState, Rule, compile_rules, handle, signal
from livecue.engine.rules import (
    Additions,
    Aggregate,
    HitCondition,
    Match,
    Operation,
    Relation,
    ReplyAudio,
    ReplyMode,
    ReplyOrder,
    Tag,
    Trigger,
)

NUMBERS: list[Any] = [
    *(0, 1, 2, 5, 10, -3, 10**30, 0.5, 2.5, 1e300, float("inf"), float("nan"), True, False, None),
    *("1", "10", " 5 ", "2.50", "1e1", "1e999", "NaN", "", "十", "1_0", [], {}, [3]),
]
scalars = st.sampled_from(NUMBERS)
users = st.fixed_dictionaries(
    {}, optional={"userId": st.sampled_from(["a", "b", "0", 7]), "level": scalars, "content": st.just("深")}
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "user": users,
        "content": st.sampled_from(["价格", "多少钱", "价", "hello 10", "", 10, True]),
        "gift": st.fixed_dictionaries({}, optional={"totalValue": scalars, "level": scalars}),
        "list": st.lists(st.fixed_dictionaries({"level": scalars}), max_size=2),
    },
)
tags = st.builds(
    Tag,
    tag=st.sampled_from(["content", "level", "user.level", "totalValue", "userId", "missing", "gift.nope"]),
    match=st.sampled_from(Match),
    value=st.sampled_from(["价", "价格|钱", "10", "1", "2.5", "true", "0", "3", "-1", "1.50"]),
    operation=st.sampled_from([Operation.NONE, *Operation]),
)
triggers = st.builds(
    Trigger,
    time_window=st.sampled_from([-1, 0, 0, 1, 2]),
    reply_mode=st.sampled_from(
        [ReplyMode.SYSTEM_REPLY, ReplyMode.SYSTEM_REPLY, ReplyMode.SHOW_LAYER, ReplyMode.CALLBACK]
    ),
    reply_texts=st.sampled_from([("a",), ("a", "b", "c"), ("", "b"), ()]),
    reply_audios=st.just((ReplyAudio("https://x/1.mp3"), ReplyAudio("https://x/2.mp3"))),
    reply_order=st.sampled_from(ReplyOrder),
    layer_config=st.sampled_from([None, {"layer_type": "TEXT"}]),
)


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    return [
        Rule(
            rule_index=f"r{n}",
            event_type=draw(st.sampled_from([1, 1, 4])),
            enabled=draw(st.sampled_from([True, True, True, False])),
            enabled_scenes=draw(st.sampled_from([(), (), ("A",), ("A", "B")])),
            hit_condition=HitCondition(
                relation=draw(st.sampled_from([Relation.AND, Relation.OR, Relation.OR, Relation.RESERVED])),
                priority=draw(st.sampled_from([1, 2, 500])),
                tags=tuple(draw(st.lists(tags, max_size=3))),
            ),
            trigger=draw(triggers),
            livecue=Additions(
                per_user_cooldown_s=draw(st.sampled_from([0, 0, 1, 3])),
                aggregate=Aggregate(level=draw(st.booleans())),
            ),
        )
        for n in range(draw(st.integers(1, 6)))
    ]


@st.composite
def streams(draw: st.DrawFn) -> list[LiveEvent]:
    at_ms, events = 1_000_000, []
    for n in range(draw(st.integers(1, 15))):
        at_ms += draw(st.sampled_from([0, 1, 400, 999, 1000, 2000]))
        events.append(
            LiveEvent("shop", f"{n}.0", at_ms, 0, draw(st.sampled_from([1, 1, 4, 9])), draw(contents), "")
        )
    return events


@settings(max_examples=400, deadline=None)
@given(rules=rule_lists(), stream=streams(), scene=st.sampled_from(["", "A", "C"]))
def test_the_engine_decides_what_the_meaning_says_also_when_its_state_is_stored_each_time(
    rules: list[Rule], stream: list[LiveEvent], scene: str
) -> None:
    program, state, naive = compile_rules(rules), RoomState(), Naive(rules, scene)
    signal(program, state, signal_of(SignalKind.SCRIPT_SWITCH, scene=scene))
    for happened in stream:
        decision = handle(program, state, happened, default_max_age_ms=MAX_AGE_MS)
        wanted = naive.decide(happened)
        said = [(cue.kind.value, cue.text or cue.audio_url, cue.rule_index) for cue in decision.cues]
        assert said == wanted.cues
        assert (decision.matched, decision.hit_rule) == (wanted.matched, wanted.hit_rule)
        assert (list(decision.suppressed), decision.odd) == (wanted.suppressed, wanted.odd)
        assert len({cue.id for cue in decision.cues}) == len(decision.cues)
        state = RoomState.from_json(json.loads(json.dumps(state.to_json())))


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
            LiveEvent("r", "\ud800", 5, 5, event_type, thing, ""),
            default_max_age_ms=MAX_AGE_MS,
        )
    loose = {"job_id": data, "scene": data, "rule_index": data, "fired_at_ms": data, "cue_id": data}
    for kind in SignalKind:
        signal(program, state, signal_of(kind, **loose))
    state = RoomState.from_json({"rules": data, "totals": {"1:level": data}, "scene": data, "new": data})
    handle(program, state, LiveEvent("r", "1", 5, 5, 1, thing, ""), default_max_age_ms=MAX_AGE_MS)
