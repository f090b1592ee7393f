"""Which cue, which report goes next; and what a failed send calls for."""

from __future__ import annotations

import pytest

from livecue.domain import Meaning
from livecue.egress.cue_queue import CueQueue
from livecue.egress.report_queue import ReportQueue
from livecue.egress.verdict import outcome_of, pause_ms
from livecue.runtime.health import HealthBoard
from livecue.runtime.ports import Outcome
from runtime.making import T0, cue, refusal, report


def anyone(_: str) -> bool:
    return True


def drained(queue: CueQueue) -> list[str]:
    found = []
    while (taken := queue.take(anyone)) is not None:
        found.append(taken.id)
    return found


def test_within_a_room_the_lower_priority_number_goes_first_then_the_older_event() -> None:
    queue = CueQueue()
    for one in (cue("late"), cue("gift", priority=1), cue("old", age_ms=500), cue("late2")):
        assert queue.put(one) is None
    assert drained(queue) == ["gift", "old", "late", "late2"]


def test_a_busy_room_does_not_keep_the_others_waiting() -> None:
    queue = CueQueue()
    for n in range(5):
        queue.put(cue(f"a{n}", "a", priority=1))
    queue.put(cue("b0", "b"))
    queue.put(cue("c0", "c"))
    assert sorted(drained(queue)[:3]) == ["a0", "b0", "c0"]
    queue.put(cue("a9", "a"))
    queue.put(cue("d0", "d"))
    assert queue.take(anyone) == cue("d0", "d")  # never served before


def test_a_room_that_is_not_ready_is_passed_over() -> None:
    queue = CueQueue()
    queue.put(cue("a0", "a"))
    queue.put(cue("b0", "b"))
    assert queue.take(lambda room: room == "b") == cue("b0", "b")
    assert queue.take(lambda room: room == "b") is None
    assert len(queue) == 1


def test_what_is_too_late_is_taken_out_at_its_very_millisecond() -> None:
    queue = CueQueue()
    queue.put(cue("soon", expires_ms=T0 + 10))
    queue.put(cue("later", "b", expires_ms=T0 + 20))
    assert queue.next_expiry() == T0 + 10
    assert queue.expire(T0 + 9) == []
    assert [one.id for one in queue.expire(T0 + 10)] == ["soon"]
    assert drained(queue) == ["later"]
    assert queue.next_expiry() is None


def test_a_full_room_gives_up_its_least_urgent_cue_and_no_other_rooms() -> None:
    queue = CueQueue(per_room=2)
    queue.put(cue("b0", "b", priority=999))
    queue.put(cue("slow", priority=900))
    queue.put(cue("normal"))
    gone = queue.put(cue("urgent", priority=1))
    assert gone is not None
    assert gone.id == "slow"
    assert sorted(drained(queue)) == ["b0", "normal", "urgent"]


def test_among_equals_a_full_room_gives_up_the_oldest_because_it_is_late_first() -> None:
    queue = CueQueue(per_room=2)
    for number in range(2):
        queue.put(cue(f"c{number}", age_ms=-number))
    gone = queue.put(cue("fresh", age_ms=-9))
    assert gone is not None
    assert gone.id == "c0"
    assert sorted(drained(queue)) == ["c1", "fresh"]


def test_one_call_takes_the_reports_of_one_room_up_to_a_thousand_events() -> None:
    queue = ReportQueue()
    for number, size in enumerate((600, 400, 1)):
        queue.put(report(f"r{number}", events=size))
    queue.put(report("other", "b", age_ms=-1))
    assert [one.id for one in queue.take(anyone)] == ["r0", "r1"]
    assert [one.id for one in queue.take(anyone)] == ["r2"]
    assert [one.id for one in queue.take(anyone)] == ["other"]
    assert queue.take(anyone) == []


def test_the_room_that_waits_longest_reports_first_if_it_is_ready() -> None:
    queue = ReportQueue()
    queue.put(report("young", "a"))
    queue.put(report("old", "b", age_ms=5))
    assert [one.id for one in queue.take(lambda room: room == "a")] == ["young"]
    assert [one.id for one in queue.take(anyone)] == ["old"]


def test_reports_put_back_stay_first_and_the_oldest_give_way_when_it_is_too_much() -> None:
    queue = ReportQueue(per_room=10)
    queue.put(report("r0", events=4))
    queue.put_back(queue.take(anyone))
    assert [one.id for one in queue.put(report("r1", events=5))] == []
    assert [one.id for one in queue.put(report("r2", events=5))] == ["r0"]
    assert [one.id for one in queue.take(anyone)] == ["r1", "r2"]


def test_reports_that_waited_too_long_are_taken_out() -> None:
    queue = ReportQueue()
    queue.put(report("old", age_ms=10))
    queue.put(report("new"))
    assert [one.id for one in queue.expire(T0)] == ["old"]
    assert [one.id for one in queue.take(anyone)] == ["new"]


@pytest.mark.parametrize(
    ("meaning", "outcome"),
    [
        (Meaning.SLOW_DOWN, None),
        (Meaning.UNAVAILABLE, None),
        (Meaning.NOT_PUSHED, None),
        (Meaning.NOT_RUNNING, None),
        (Meaning.REPORT_URL_DEAD, None),
        (Meaning.JOB_OVER, Outcome.NO_JOB),
        (Meaning.NOT_FOUND, Outcome.NO_JOB),
        (Meaning.OUTCOME_UNKNOWN, Outcome.UNKNOWN),
        (Meaning.TEXT_REFUSED, Outcome.REFUSED),
        (Meaning.INVALID, Outcome.REFUSED),
        (Meaning.UNAUTHENTICATED, Outcome.REFUSED),
    ],
)
def test_an_answer_means_try_again_or_the_end(meaning: Meaning, outcome: Outcome | None) -> None:
    assert outcome_of(refusal(meaning)) == outcome


def test_a_bare_500_may_have_been_spoken_and_a_503_was_not() -> None:
    assert outcome_of(refusal(Meaning.UNAVAILABLE, status=500)) is Outcome.UNKNOWN
    assert outcome_of(refusal(Meaning.UNAVAILABLE, status=503)) is None


def test_pauses_double_up_to_a_ceiling_and_never_come_near_zero() -> None:
    pauses = [pause_ms(refusal(Meaning.NOT_PUSHED), attempt, 0.0) for attempt in range(1, 8)]
    assert pauses == [300, 600, 1200, 2400, 4800, 5000, 5000]
    assert pause_ms(refusal(Meaning.SLOW_DOWN), 1, 0.0) == 1000
    assert pause_ms(refusal(Meaning.SLOW_DOWN, retry_after_s=3), 1, 1.0) == 3300


def test_the_daemon_is_ready_when_no_part_has_an_error() -> None:
    board = HealthBoard("bus", "inbox")
    seen = [board.ready]
    board.report("bus")
    board.report("inbox")
    seen.append(board.ready)
    board.report("inbox-3", "the bus is away")
    board.report("inbox-4")
    seen.append(board.ready)
    assert board.parts() == {"bus": "ok", "inbox": "the bus is away"}
    board.report("inbox-3")
    seen.append(board.ready)
    assert seen == [False, True, False, True]
