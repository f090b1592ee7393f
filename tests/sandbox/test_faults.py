"""Which fault strikes: by operation, room, event, time, count and chance."""

from __future__ import annotations

from livecue.sandbox.faultfile import parse
from livecue.sandbox.faults import Faults


def faults(*lines: str, seed: int = 0) -> Faults:
    return Faults(parse(f"seed: {seed}\nfaults:\n" + "".join(f"  - {{{line}}}\n" for line in lines)), 100.0)


def struck(of: Faults, subject: str = "start", room: str = "r", now_s: float = 100.0, event: str = "") -> str:
    strike = of.strike(subject, room, now_s, event)
    return strike.fault.effect if strike else ""


def test_it_strikes_its_operations_in_its_rooms_and_nothing_else() -> None:
    of = faults("target: [start, stop], effect: hang, room: [r, s]")
    assert [struck(of, name, room) for name, room in (("start", "r"), ("stop", "s"))] == ["hang", "hang"]
    assert [struck(of, name, room) for name, room in (("start", "t"), ("show_job", "r"))] == ["", ""]
    assert of.struck == {"start hang": 1, "stop hang": 1}


def test_every_operation_is_meant_by_a_star_and_neither_callback_nor_job() -> None:
    of = faults('target: "*", effect: hang')
    assert [struck(of, name) for name in ("start", "report", "callback", "job")] == ["hang", "hang", "", ""]


def test_its_time_begins_with_the_plan_and_ends_before_its_last_second() -> None:
    of = faults("target: start, effect: hang, from_s: 2, until_s: 4")
    assert [struck(of, now_s=100.0 + at) for at in (0, 1.9, 2, 3.9, 4)] == ["", "", "hang", "hang", ""]


def test_calls_are_counted_over_its_own_matches_alone() -> None:
    of = faults("target: start, effect: hang, room: r, calls: [1, 3-4], from_s: 1")
    assert struck(of, now_s=100) == ""
    assert struck(of, room="s", now_s=101) == ""
    assert [struck(of, now_s=101) for _ in range(5)] == ["hang", "", "hang", "hang", ""]


def test_the_first_that_applies_decides_and_the_next_has_its_turn_after_it() -> None:
    of = faults("target: start, effect: hang, calls: 1", "target: start, effect: drop")
    assert [struck(of), struck(of)] == ["hang", "drop"]
    assert of.hits == {0: 1, 1: 1}


def test_an_event_narrows_a_callbacks_fault() -> None:
    of = faults("target: callback, effect: forge, event: REPLY_COMMAND_FINISH")
    assert struck(of, "callback", event="REPLY_COMMAND_FINISH") == "forge"
    assert struck(of, "callback", event="SHOOT_SCRIPT_SWITCH") == ""


def test_chance_is_the_seeds_and_the_same_whatever_happens_beside_it() -> None:
    line = "target: start, effect: hang, room: r, probability: 0.3"
    first, again, other = faults(line), faults("target: stop, effect: hang", line), faults(line, seed=1)
    drawn = [struck(first) for _ in range(400)]
    assert 80 < drawn.count("hang") < 160
    for _ in range(50):
        struck(again, "stop")
    moved = faults(line, "target: stop, effect: hang")
    seen = []
    for _ in range(400):
        struck(moved, "stop")
        seen.append(struck(moved))
    assert seen == drawn
    assert [struck(other) for _ in range(400)] != drawn


def test_a_latency_is_drawn_from_its_range() -> None:
    of = faults("target: start, effect: slow, latency_s: [1, 2]")
    drawn = [strike.latency_s for _ in range(100) if (strike := of.strike("start", "r", 100.0))]
    assert len(set(drawn)) > 90
    assert 1 <= min(drawn) < 1.1
    assert 1.9 < max(drawn) <= 2
