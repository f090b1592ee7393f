"""Which reports go next."""

from __future__ import annotations

from livecue.egress.report_queue import ReportQueue
from runtime.making import T0, report


def anyone(_: str) -> bool:
    return True


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
