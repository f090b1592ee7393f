from __future__ import annotations

import json
from typing import Any

from engine.making import Room, at_least, regex, rule, signal_of
from livecue.domain import SignalKind
from livecue.engine import Limits, RoomState, compile_rules, signal
from livecue.engine.fields import reader
from livecue.engine.rules import Operation, ReplyOrder
from livecue.engine.state import RuleState

NO_RULES = compile_rules([])


def told(state: RoomState, kind: SignalKind, **data: object) -> RoomState:
    signal(NO_RULES, state, signal_of(kind, **data))
    return state


def test_the_state_survives_being_stored() -> None:
    room = Room(
        rule("once", regex("一"), time_window=-1, per_user_cooldown_s=9),
        rule("turns", regex("二"), reply_texts=("甲", "乙"), reply_order=ReplyOrder.ORDER),
        rule("sum", at_least("level", "13.5", Operation.SUM)),
    )
    for text in ("一", "二"):
        room.see(text, at_s=1)
    told(room.state, SignalKind.SCRIPT_SWITCH, scene="A", job_id="j")
    stored = json.loads(json.dumps(room.state.to_json()))
    room.state = RoomState.from_json(stored)
    assert room.state.to_json() == stored
    assert room.said("一") == []
    assert room.said("二") == ["乙"]
    assert room.said({"level": 2}) == ["sum!"]


def test_a_fresh_state_is_small_and_unknown_fields_of_a_later_version_are_passed_over() -> None:
    assert RoomState().to_json() == {"v": 1}
    later = {"v": 9, "scene": "A", "rules": {"a": {"fired_at_ms": 5, "mood": "good"}}, "weather": {}}
    assert RoomState.from_json(later).rules["a"].fired_at_ms == 5


def test_the_state_says_when_it_has_to_be_stored() -> None:
    room = Room(rule("a", regex("价"), time_window=5), rule("free", regex("免")))
    room.see("哈")
    room.see("免")
    assert room.state.dirty is False
    for dirty in (True, False):  # the second hit is held back and changes nothing
        room.state.dirty = False
        room.see("价")
        assert room.state.dirty is dirty


def test_a_new_job_starts_afresh_and_the_same_job_told_again_does_not() -> None:
    room = Room(rule("once", regex("."), time_window=-1), rule("sum", at_least("level", "9", Operation.SUM)))
    told(room.state, SignalKind.JOB_STARTED, job_id="j1")
    assert room.see("x").cues[0].job_id == "j1"
    told(room.state, SignalKind.JOB_STARTED, job_id="j1")
    assert room.said("x") == []
    told(room.state, SignalKind.JOB_STARTED, job_id="j2")
    assert room.state.totals == {}
    assert room.see("x").cues[0].job_id == "j2"


def test_only_the_end_of_the_current_job_clears_it() -> None:
    state = told(RoomState(), SignalKind.JOB_STARTED, job_id="j2")
    assert told(state, SignalKind.JOB_ENDED, job_id="j1").job_id == "j2"
    assert told(state, SignalKind.JOB_ENDED, job_id="j2").job_id == ""
    state.rule("a").fired_at_ms = 1
    assert told(state, SignalKind.JOB_STARTED, job_id="j2").rules["a"].fired_at_ms == 1
    assert state.job_id == "j2"


def test_a_switch_of_another_job_is_late_news_and_one_before_its_job_is_kept_for_it() -> None:
    state = told(RoomState(), SignalKind.JOB_STARTED, job_id="j1")
    assert told(state, SignalKind.SCRIPT_SWITCH, job_id="j0", scene="旧").scene == ""
    assert told(state, SignalKind.SCRIPT_SWITCH, job_id="j1", scene="甲").scene == "甲"
    told(state, SignalKind.JOB_ENDED, job_id="j1")
    told(state, SignalKind.SCRIPT_SWITCH, job_id="j2", scene="乙")
    assert told(state, SignalKind.JOB_STARTED, job_id="j2").scene == "乙"
    assert told(state, SignalKind.JOB_STARTED, job_id="j3").scene == ""


def test_a_cue_says_whether_its_rule_has_anything_to_give_back() -> None:
    layer: dict[str, Any] = {"layer_config": {"layer_type": "TEXT"}}
    rules = [rule("free", regex("a")), rule("once", regex("b"), time_window=-1, **layer)]
    room = Room(*rules)
    assert [cue.limited for cue in room.see("a", at_s=1).cues] == [False]
    assert [(cue.kind, cue.limited) for cue in room.see("b", at_s=2).cues] == [
        ("speak", True),
        ("show_layer", False),  # beside a reply: it has no window of its own
    ]


def test_a_cue_that_was_never_spoken_gives_its_window_back() -> None:
    room = Room(rule("once", regex("."), time_window=-1, per_user_cooldown_s=99))
    (cue,) = room.see("x", at_s=1).cues
    back = {"rule_index": "once", "cue_id": cue.id, "fired_at_ms": cue.at_ms}
    told(room.state, SignalKind.CUE_RETURNED, **{**back, "fired_at_ms": 999})
    told(room.state, SignalKind.CUE_RETURNED, **{**back, "job_id": "another"})
    told(room.state, SignalKind.CUE_RETURNED, **{**back, "cue_id": f"{cue.id}:layer"})
    assert room.said("x", at_s=2) == []
    told(room.state, SignalKind.CUE_RETURNED, **back)
    assert room.said("x", at_s=3) == ["once!"]


def test_a_returned_cue_does_not_undo_a_later_firing() -> None:
    room = Room(rule("a", regex("."), time_window=5))
    (old,) = room.see("x", at_s=0).cues
    room.see("x", at_s=5)
    told(room.state, SignalKind.CUE_RETURNED, rule_index="a", cue_id=old.id, fired_at_ms=old.at_ms)
    assert room.said("x", at_s=6) == []


def test_the_memory_of_served_viewers_is_bounded() -> None:
    room = Room(
        rule("a", regex("a"), per_user_cooldown_s=9999), rule("b", regex("b"), per_user_cooldown_s=9999)
    )
    room.limits = Limits(users_per_room=500)
    forgotten = [
        room.see({"user": {"userId": f"u{n}"}, "content": "ab"[n % 2]}, at_s=n).evicted for n in range(600)
    ]
    kept = room.state.rules
    assert [len(kept[index].users) for index in "ab"] == [250, 250]
    assert "u99" not in kept["b"].users
    assert {"u100", "u599"} <= {*kept["a"].users, *kept["b"].users}
    assert forgotten == [0] * 500 + [1] * 100


def test_a_leaf_name_finds_the_shallowest_scalar_and_a_path_the_very_field() -> None:
    content = {
        "gift": {"level": None, "deep": {"level": 1}},
        "user": {"level": 2},
        "list": [{"x": 3}],
        "a.b": 4,
    }
    assert [reader(tag)(content) for tag in ("level", "gift.deep.level", "x", "a.b", "gift", "no.way")] == [
        *(2, 1, 3, 4, None, None)
    ]


def test_what_fires_between_two_lives_counts_for_the_coming_one() -> None:
    state = told(RoomState(), SignalKind.JOB_STARTED, job_id="j1")
    state.rules["old"] = RuleState(fired_at_ms=1)
    told(state, SignalKind.JOB_ENDED, job_id="j1")
    state.rules["early"] = RuleState(fired_at_ms=2)
    told(state, SignalKind.JOB_STARTED, job_id="j2")
    assert list(state.rules) == ["early"]


def test_a_live_that_replaces_another_without_its_end_starts_afresh() -> None:
    state = told(RoomState(), SignalKind.JOB_STARTED, job_id="j1")
    state.rules["old"] = RuleState(fired_at_ms=1)
    assert told(state, SignalKind.JOB_STARTED, job_id="j2").rules == {}
