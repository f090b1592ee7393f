"""Which reports go next."""

from __future__ import annotations

from collections import Counter

from egress.reporting import ENTER, GIFT, LIKE, T0, report
from livecue.domain import Report, ReportedEvent
from livecue.egress.report_queue import Cut, Pending, ReportQueue


def anyone(_: str) -> bool:
    return True


def filled(*reports: Report, per_room: int = 20_000) -> ReportQueue:
    queue = ReportQueue(per_room)
    for one in reports:
        assert queue.put(Pending(one)) == Cut()
    return queue


def names(ones: list[Pending]) -> list[str]:
    return [one.report.id for one in ones]


def call(queue: ReportQueue) -> list[str]:
    """The next call."""
    room = queue.whose_turn(anyone)
    return names(queue.take(room)[0]) if room else []


def test_one_call_takes_the_reports_of_one_room_up_to_a_thousand_events_oldest_first() -> None:
    reports = [report(f"r{n}", many=size) for n, size in enumerate((600, 400, 1))]
    queue = filled(*reports, report("other", "b"))
    assert [call(queue) for _ in range(4)] == [["r0", "r1"], ["other"], ["r2"], []]


def test_one_call_holds_no_more_text_than_a_body_may() -> None:
    large = [Report(f"r{n}", "a", T0, (ReportedEvent(T0, 1, "x" * 900_000),)) for n in range(3)]
    queue = filled(*large)
    assert [call(queue), call(queue)] == [["r0", "r1"], ["r2"]]


def test_rooms_take_turns_however_much_one_of_them_has_waiting() -> None:
    flood = [report(f"a{n}", "a", many=1000, age_ms=9000) for n in range(4)]
    queue = filled(*flood, report("b0", "b"), report("c0", "c"))
    assert [call(queue) for _ in range(3)] == [["a0"], ["b0"], ["c0"]]
    queue.put(Pending(report("b1", "b")))
    assert [call(queue) for _ in range(4)] == [["a1"], ["b1"], ["a2"], ["a3"]]


def test_a_room_that_is_not_ready_does_not_hold_up_the_others_and_keeps_its_turn() -> None:
    queue = filled(report("a0"), report("b0", "b"), report("c0", "c"))
    assert queue.whose_turn(lambda room: room != "a") == "b"
    queue.take("b")
    assert queue.whose_turn(anyone) == "a"
    assert queue.whose_turn(lambda _: False) is None
    assert queue.take("unknown") == ([], Cut())


def test_reports_put_back_stay_first() -> None:
    queue = filled(report("r0"), report("r1"))
    taken, _ = queue.take("a")
    queue.put(Pending(report("r2")))
    queue.put_back(taken)
    assert call(queue) == ["r0", "r1", "r2"]


def test_more_than_a_call_thins_likes_and_enters_so_that_all_the_rest_goes_in_it() -> None:
    queue = filled(
        report("likes", many=900, kind=LIKE),
        report("talk", many=400),
        report("enters", many=900, kind=ENTER),
        report("gifts", many=300, kind=GIFT),
    )
    taken, cut = queue.take("a")
    assert names(taken) == ["likes", "talk", "enters", "gifts"]
    assert Counter(event.type for one in taken for event in one.events) == {1: 400, 4: 300, 2: 150, 3: 150}
    assert cut == Cut(1500)
    assert queue.whose_turn(anyone) is None


def test_a_call_that_carries_all_that_waits_leaves_nothing_out() -> None:
    queue = filled(report("r0", many=999, kind=LIKE), report("r1"))
    taken, cut = queue.take("a")
    assert (sum(len(one.events) for one in taken), cut) == (1000, Cut())


def test_a_report_of_which_nothing_is_left_is_gone_and_does_not_take_part_in_a_call() -> None:
    queue = filled(report("talk", many=1000), report("like", kind=LIKE))
    taken, cut = queue.take("a")
    assert (names(taken), names(cut.gone), cut.left_out) == (["talk"], ["like"], 1)


def test_of_too_much_likes_and_enters_go_first() -> None:
    queue = filled(report("likes", many=8, kind=LIKE), report("talk", many=2), per_room=10)
    cut = queue.put(Pending(report("gift", kind=GIFT)))
    assert cut == Cut(4)
    assert [len(one.events) for one in queue.take("a")[0]] == [4, 2, 1]


def test_of_too_much_without_likes_the_oldest_reports_give_way() -> None:
    queue = filled(
        report("r0", many=4), report("likes", many=2, kind=LIKE), report("r1", many=4), per_room=10
    )
    cut = queue.put(Pending(report("r2", many=5)))
    assert (cut.left_out, names(cut.gone)) == (2, ["likes", "r0"])
    assert call(queue) == ["r1", "r2"]


def test_reports_that_waited_too_long_are_taken_out() -> None:
    queue = filled(report("old", age_ms=10), report("new"), report("other", "b", age_ms=10))
    assert names(queue.expire(T0)) == ["old", "other"]
    assert [call(queue), call(queue)] == [["new"], []]


def test_reports_that_nobody_wants_any_more_are_taken_out() -> None:
    queue = filled(report("r0", job_id="over"), report("r1", many=999, kind=LIKE, job_id="on"), report("r2"))
    assert names(queue.drop("a", lambda one: one.job_id == "over")) == ["r0"]
    assert queue.drop("b", lambda _: True) == []
    assert queue.take("a")[1] == Cut()  # what is gone does not count as waiting
    assert queue.drop("a", lambda _: True) == []
