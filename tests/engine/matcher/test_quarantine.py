from __future__ import annotations

import json
import time

from engine.making import Room, regex, rule, signal_of
from livecue.domain import SignalKind
from livecue.engine import RoomState, signal
from livecue.engine.rules import Relation

SLOW = "(价|价)*$"
TRAP = "价" * 60 + "!"


def test_a_pattern_that_takes_too_long_is_no_hit_and_is_told() -> None:
    room = Room(rule("slow", regex(SLOW), priority=1), rule("next", regex("价")))
    decision = room.see(TRAP)
    assert (decision.hit_rule, decision.timeouts, decision.quarantined) == ("next", ("slow",), ())
    assert room.state.dirty


def test_after_the_third_time_the_rule_is_put_aside_for_the_live_and_the_room_is_quick_again() -> None:
    room = Room(rule("slow", regex(SLOW), priority=1), rule("next", regex("!")))
    told = [room.see(TRAP) for _ in range(4)]
    assert [decision.timeouts for decision in told] == [("slow",), ("slow",), ("slow",), ()]
    assert [decision.quarantined for decision in told] == [(), (), ("slow",), ()]
    start = time.perf_counter()
    assert room.see(TRAP).hit_rule == "next"
    assert time.perf_counter() - start < 0.005
    assert room.see("价").hit_rule == ""


def test_a_miss_that_took_too_long_is_told_too() -> None:
    decision = Room(rule("slow", regex(SLOW))).see(TRAP)
    assert (decision.matched, decision.timeouts) == (False, ("slow",))


def test_a_rule_in_quarantine_stays_there_over_a_restart_and_leaves_it_with_a_new_job() -> None:
    room = Room(rule("slow", regex(SLOW)))
    for _ in range(3):
        room.see(TRAP)
    room.state = RoomState.from_json(json.loads(json.dumps(room.state.to_json())))
    assert room.see("价").hit_rule == ""
    signal(room.program, room.state, signal_of(SignalKind.JOB_STARTED, job_id="next"))
    assert room.see("价").hit_rule == "slow"


def test_one_message_costs_three_time_limits_however_many_such_rules_there_are() -> None:
    rules = [rule(f"slow{n}", regex(f"(价|价)*$|x{n}(y|y)*z")) for n in range(50)]
    room = Room(*rules, rule("next", regex("价"), priority=999))
    start = time.perf_counter()
    decision = room.see(TRAP)
    assert time.perf_counter() - start < 0.5
    assert (decision.hit_rule, len(decision.timeouts)) == ("next", 3)


def test_the_other_conditions_of_a_rule_count_all_the_same() -> None:
    room = Room(rule("either", regex(SLOW), regex("!"), relation=Relation.OR))
    decision = room.see(TRAP)
    assert (decision.hit_rule, decision.timeouts) == ("either", ("either",))
