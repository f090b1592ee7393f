"""livecue's own keys: what holds a hit back, what counts whom, what totals run over."""

from __future__ import annotations

from typing import Any

import pytest

from engine.making import Room, at_least, regex, rule
from livecue.domain import SignalKind
from livecue.engine import Limits, RoomState
from livecue.engine.rules import Aggregate, DistinctUsers, Match, Mode, Operation, Reset, Scope, Tag


def by(user: object, text: str = "价") -> dict[str, Any]:
    return {"user": {"userId": user, "name": f"n{user}"}, "content": text}


def test_rules_of_a_group_share_their_cooldown_and_each_has_its_own_length() -> None:
    room = Room(
        rule("a", regex("a"), group="price", group_cooldown_s=10),
        rule("b", regex("b"), group="price", group_cooldown_s=5),
        rule("c", regex("c")),
    )
    assert room.said("a", at_s=0) == ["a!"]
    held = room.see("b", at_s=4.9)
    assert (held.suppressed, held.held, held.matched) == (("b",), ("group_cooldown_s",), True)
    assert room.said("c", at_s=4.9) == ["c!"]
    assert room.said("b", at_s=5) == ["b!"]
    assert room.said("a", at_s=14.9) == []
    assert room.said("a", at_s=15) == ["a!"]


def test_a_rule_without_limits_leaves_nothing_behind_and_answers_every_time() -> None:
    room = Room(rule("a", regex("价")))
    assert [room.said("价"), room.said("价")] == [["a!"], ["a!"]]
    assert (room.state, room.state.dirty) == (RoomState(), False)


@pytest.mark.parametrize(
    "limit",
    [
        {"time_window": -1},
        {"per_user_cooldown_s": 9},
        {"group": "g", "group_cooldown_s": 9},
        {"wait_messages": 1},
        {"dedup_s": 9},
        {"distinct_users": DistinctUsers(2, 9)},
    ],
)
def test_each_limit_by_itself_holds_a_second_hit_back(limit: dict[str, Any]) -> None:
    room = Room(rule("a", regex("价"), **limit))
    first, second = room.said("价"), room.said("价")
    assert second == [], limit
    assert first == ([] if "distinct_users" in limit else ["a!"])
    assert room.state.dirty


def test_a_rule_waits_for_other_messages_of_its_type() -> None:
    room = Room(rule("a", regex("价"), wait_messages=2))
    assert room.said("价") == ["a!"]
    assert room.see("价").held == ("wait_messages",)
    room.see("哈", type=2)
    assert room.said("价") == []
    assert room.said("价") == ["a!"]


def test_the_same_question_is_answered_once_however_it_is_spelt() -> None:
    room = Room(rule("a", regex("."), dedup_s=30))
    assert room.said("这个多少钱？", at_s=0) == ["a!"]
    assert room.see("这个 多少钱呀!!!", at_s=29.9).held == ("dedup_s",)
    assert room.said("那个多少钱", at_s=29.9) == ["a!"]
    assert room.said("ＯＫ 吗", at_s=29.9) == ["a!"]
    assert room.said("ok", at_s=29.9) == []
    assert room.said("这个多少钱", at_s=30) == ["a!"]
    assert [len(room.said("?!", at_s=30)) for _ in range(2)] == [1, 1]  # nothing that could be the same


def test_a_rule_hits_once_enough_different_viewers_met_its_conditions() -> None:
    room = Room(
        rule("crowd", regex("价"), priority=1, distinct_users=DistinctUsers(3, 60)),
        rule("one", regex("价"), priority=2),
    )
    said = [room.said(by(user), at_s=n)[0] for n, user in enumerate("aabbc")]
    assert said == ["one!", "one!", "one!", "one!", "crowd!"]
    assert [room.said(by(user), at_s=5)[0] for user in "cab"] == ["one!", "one!", "crowd!"]


def test_viewers_count_as_long_as_they_are_recent_and_somebody() -> None:
    room = Room(rule("crowd", regex("价"), distinct_users=DistinctUsers(2, 10)))
    seen = [("a", 0), ("b", 10), ("0", 11), ("111111", 11), ("", 11), ("a", 19.9)]
    assert [bool(room.said(by(user), at_s=at)) for user, at in seen] == [False] * 5 + [True]


def test_only_events_that_reach_the_rule_count_for_its_viewers() -> None:
    room = Room(
        rule("first", regex("价格"), priority=1),
        rule("crowd", regex("价"), priority=2, distinct_users=DistinctUsers(2, 60)),
    )
    assert [room.said(by("a", "价格")), room.said(by("b"))] == [["first!"], []]
    assert room.said(by("c")) == ["crowd!"]


def total(
    *, field: str = "totalValue", operation: Operation = Operation.SUM, at: str = "10", **own: Any
) -> Room:
    return Room(rule("sum", at_least(field, at, operation), event_type=4, aggregate=Aggregate(**own)))


def gift(value: object, user: object = "7") -> dict[str, Any]:
    return {"user": {"userId": user}, "gift": {"totalValue": value}}


def test_a_window_forgets_and_fires_again_when_it_is_crossed_anew() -> None:
    room = total(window_s=60)
    seen = [(6, 0), (4, 30), (1, 31), (1, 62), (8, 63), (9, 300)]
    assert [bool(room.said(gift(value), at_s=at, type=4)) for value, at in seen] == [
        *(False, True, False, False, True, False)
    ]


def test_a_total_that_fell_below_in_silence_crosses_with_the_next_event() -> None:
    room = total(window_s=60)
    assert room.said(gift(10), at_s=0, type=4) == ["sum!"]
    assert room.said(gift(10), at_s=100, type=4) == ["sum!"]


def test_a_reset_starts_the_total_again_when_the_rule_fires_and_touches_no_other_rule() -> None:
    sums = at_least("totalValue", "10", Operation.SUM)
    room = Room(
        rule("lap", sums, event_type=4, priority=2, aggregate=Aggregate(reset=Reset.ON_FIRE)),
        rule("goal", at_least("totalValue", "25", Operation.SUM), event_type=4, priority=1),
    )
    said = [room.said(gift(6), type=4) for _ in range(6)]
    assert said == [[], ["lap!"], [], ["lap!"], ["goal!"], ["lap!"]]


def test_each_viewer_has_his_own_total_and_nobody_has_none() -> None:
    room = total(scope=Scope.USER)
    seen = [(6, "a"), (6, "b"), (4, "a"), (4, "a"), (9, "0"), (9, "0"), (4, "b")]
    assert [bool(room.said(gift(value, user), type=4)) for value, user in seen] == [
        *(False, False, True, False, False, False, True)
    ]


def test_the_totals_of_viewers_are_bounded_and_the_longest_silent_goes_first() -> None:
    room = total(scope=Scope.USER)
    room.limits = Limits(users_per_room=2)
    for at, user in enumerate("abac"):
        room.see(gift(6 if user != "c" else 1, user), at_s=at, type=4)
    (shelf,) = room.state.user_totals.values()
    assert list(shelf) == ["a", "c"]


def test_mode_level_fires_on_every_event_while_it_holds() -> None:
    room = total(mode=Mode.LEVEL, window_s=10)
    assert [bool(room.said(gift(5), at_s=at, type=4)) for at in (0, 1, 2, 50)] == [False, True, True, False]


def test_a_window_keeps_few_slots_however_much_comes() -> None:
    room = total(window_s=60, at="100000")
    for n in range(2000):
        room.see(gift(1), at_s=n / 10, type=4)
    (kept,) = room.state.totals.values()
    assert len(kept.slots) <= 60
    assert 590 <= kept.seen <= 600


def test_rules_that_read_the_same_total_share_it() -> None:
    window = Aggregate(window_s=60)
    room = Room(
        *(
            rule(f"r{n}", at_least("totalValue", str(n), Operation.SUM), event_type=4, aggregate=window)
            for n in (1, 2)
        ),
        rule("avg", Tag("totalValue", Match.MATH_GT, "1", Operation.AVG), event_type=4, aggregate=window),
    )
    room.see(gift(1), type=4)
    assert len(room.state.totals) == 1


@pytest.mark.parametrize(
    "own",
    [
        {"group": "g", "group_cooldown_s": 99},
        {"wait_messages": 5},
        {"dedup_s": 99},
        {"per_user_cooldown_s": 99},
        {"time_window": 99},
    ],
)
def test_a_cue_that_was_never_spoken_gives_every_limit_back(own: dict[str, Any]) -> None:
    room = Room(rule("a", regex("."), **own))
    (cue,) = room.see("x", at_s=1).cues
    assert room.said("x", at_s=2) == []
    back: dict[str, Any] = {"rule_index": "a", "cue_id": cue.id, "fired_at_ms": cue.at_ms}
    room.told(SignalKind.CUE_RETURNED, **{**back, "fired_at_ms": 7})
    assert room.said("x", at_s=3) == []
    room.told(SignalKind.CUE_RETURNED, **back)
    assert room.said("x", at_s=4) == ["a!"]


def test_a_new_live_forgets_it_all() -> None:
    room = Room(
        rule("a", regex("a"), group="g", group_cooldown_s=99),
        rule("b", regex("b"), wait_messages=9),
        rule("c", regex("c"), distinct_users=DistinctUsers(2, 99)),
        rule("d", at_least("level", "9", Operation.SUM), aggregate=Aggregate(scope=Scope.USER)),
    )
    room.told(SignalKind.JOB_STARTED, job_id="before")
    for text in "abc":
        room.see(text)
    room.told(SignalKind.JOB_STARTED, job_id="j")
    assert room.state.to_json() == {"v": 1, "job_id": "j", "live_id": "j"}


def test_a_total_that_came_to_hold_in_silence_crosses_with_the_next_event() -> None:
    few = Tag("totalValue", Match.MATH_LE, "2", Operation.COUNT)
    room = Room(rule("few", few, event_type=4, aggregate=Aggregate(window_s=60)))
    said = [bool(room.said(gift(1), at_s=at, type=4)) for at in (0, 1, 50, 70, 71)]
    assert said == [True, False, False, True, False]
