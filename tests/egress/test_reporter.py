"""The sender of reports: each event at most once, in order, in turn, and accounted for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from egress.reporting import GIFT, JOB, LIKE, MAX_AGE_MS, Cloud, DyingCloud, Stage, report
from livecue.domain import Job, JobState, Meaning, SignalKind
from livecue.runtime.memory import MemoryBus, MemoryLog
from livecue.runtime.ports import AuditEntry, BusError, Count
from runtime.faults import Fault, FaultyBus, Killed
from runtime.making import refusal

NEXT = Job("job-2", JobState.PROCESSING)


async def test_a_room_is_reported_once_a_second_one_call_at_a_time_in_order() -> None:
    stage = Stage(*(report(f"r{n}", many=600) for n in range(10)), cloud=Cloud(trip_ms=100))
    await stage.run(1000)
    assert len(stage.cloud.at) == 1
    assert stage.cloud.most_out == 1
    await stage.run(12_000)
    assert all(later - earlier > 1_000 for (_, earlier), (_, later) in pairwise(stage.cloud.at))
    assert stage.told == [f"r{n}.{k}" for n in range(10) for k in range(600)]
    assert stage.meter.total(Count.REPORTED_EVENTS) == 6000
    assert stage.meter.counts[Count.REPORTS, "sent"] == 10


async def test_many_rooms_share_the_quota_in_turn_whatever_each_has_waiting() -> None:
    stage = Stage(*(report(f"a{n}", many=1000, age_ms=5000) for n in range(9)), limit=1)
    rooms = "bcdefgh"
    stage.jobs.jobs |= dict.fromkeys(rooms, JOB)
    for n in range(4):
        stage.arrive(*(report(f"{room}{n}", room) for room in rooms))
        await stage.run(2500)
    called = [room for room, _ in stage.cloud.at]
    assert sorted(called[:8]) == sorted("a" + rooms)
    assert sorted(called[8:10]) != ["a", "a"]
    assert all(pair != ("a", "a") for pair in pairwise(called))


async def test_small_reports_of_a_room_go_together() -> None:
    stage = Stage(*(report(f"r{n}", many=3) for n in range(50)))
    await stage.run()
    assert stage.sizes == [150]


async def test_a_report_is_claimed_before_it_is_sent_and_its_end_is_written_down() -> None:
    seen: list[list[tuple[str, str]]] = []

    class Watching(Cloud):
        async def send(self, *args: Any) -> None:  # type: ignore[override]
            seen.append(stage.ends())
            await super().send(*args)

    stage = Stage(report("r1", many=3, age_ms=40), cloud=Watching())
    await stage.run()
    assert seen == [[("r1", "sending")]]
    assert stage.bus.outcomes("a") == [("r1", "queued"), ("r1", "sending"), ("r1", "sent")]
    sent = stage.bus.audit["a"][-1]
    assert (sent.events, sent.job_id, sent.attempt, sent.latency_ms) == (3, "job-1", 1, 40)


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("cloud_refuses", [0, 2])
async def test_no_event_is_reported_twice_whatever_call_breaks_and_however(
    fault: Fault, cloud_refuses: int
) -> None:
    reports = [
        report("r1"),
        report("r2", many=2),
        report("r3", "b", many=4),
        report("late", "b", age_ms=99_999),
    ]
    all_told = sorted(event.content for one in reports[:3] for event in one.events)

    def cloud() -> Cloud:
        return Cloud(*[refusal(Meaning.NOT_PUSHED)] * cloud_refuses)

    plain = Stage(*reports, bus=FaultyBus(), cloud=cloud())
    await plain.run(3000)
    assert sorted(plain.told) == all_told
    assert isinstance(plain.bus, FaultyBus)
    for at in range(1, plain.bus.calls + 1):
        stage = Stage(*reports, bus=FaultyBus(at, fault), cloud=cloud())
        with suppress(Killed):
            await stage.run(3000)
        stage.start()
        await stage.run(3000)
        assert len(stage.told) == len(set(stage.told)), at
        if fault is Fault.REFUSED:  # nothing is lost to a bus that says no
            assert sorted(stage.told) == all_told, at


async def test_a_process_that_dies_between_the_call_and_its_record_does_not_report_again() -> None:
    stage = Stage(report("r1", many=5), cloud=DyingCloud())
    with suppress(Killed):
        await stage.run()
    stage.start()
    await stage.run(MAX_AGE_MS)
    assert len(stage.told) == 5
    assert stage.ends() == [("r1", "sending"), ("r1", "unknown")]
    assert stage.unreported() == {"unknown": 5}


async def test_a_restart_skips_what_has_ended_and_goes_on_with_the_next_attempt_of_what_waits() -> None:
    stage = Stage(report("r1"), cloud=Cloud(refusal(Meaning.NOT_RUNNING)))
    await stage.run()
    stage.arrive(report("old", "b"))
    await stage.run(100)
    stage.start()
    await stage.run(3000)
    assert stage.told == ["old.0", "r1.0"]
    assert stage.bus.outcomes("b").count(("old", "queued")) == 1
    assert [(str(line.outcome), line.attempt) for line in stage.bus.audit["a"]] == [
        ("queued", 0),
        ("sending", 1),
        ("waiting", 1),
        ("sending", 2),
        ("sent", 2),
    ]


async def test_no_answer_means_no_second_call() -> None:
    stage = Stage(report("r1", many=2), cloud=Cloud(refusal(Meaning.OUTCOME_UNKNOWN)))
    await stage.run(5000)
    assert stage.cloud.calls == 1
    assert stage.ends()[-1] == ("r1", "unknown")
    assert stage.unreported() == {"unknown": 2}


async def test_a_fault_of_our_own_in_sending_ends_the_report_as_unknown_and_the_room_goes_on() -> None:
    stage = Stage(report("r1"), cloud=Cloud(ZeroDivisionError()))
    await stage.run(3000)
    assert stage.ends() == [("r1", "sending"), ("r1", "unknown")]
    stage.arrive(report("r2"))
    await stage.run(1100)
    assert stage.told == ["r2.0"]


async def test_slow_down_pauses_all_rooms_and_the_report_goes_out_later_as_a_second_attempt() -> None:
    stage = Stage(report("r1", age_ms=1), cloud=Cloud(refusal(Meaning.SLOW_DOWN, status=429)))
    await stage.run()
    stage.arrive(report("b1", "b"))
    await stage.run(900)
    assert stage.cloud.calls == 1
    await stage.run(3000)
    assert sorted(stage.told) == ["b1.0", "r1.0"]
    assert stage.ends() == [("r1", outcome) for outcome in ("sending", "waiting", "sending", "sent")]
    assert [line.attempt for line in stage.bus.audit["a"]] == [0, 1, 1, 2, 2]
    assert stage.bus.audit["a"][2].detail == "slow_down"


async def test_a_cloud_that_is_away_is_probed_by_one_call_alone() -> None:
    away = [refusal(Meaning.UNAVAILABLE, status=503)] * 5
    rooms = "abcdef"
    stage = Stage(*(report(room, room) for room in rooms), cloud=Cloud(*away), limit=9)
    stage.jobs.jobs = dict.fromkeys(rooms, JOB)
    await stage.run()
    calls = stage.cloud.calls
    await stage.run(900)
    assert stage.gate.open
    assert stage.cloud.calls == calls
    await stage.run(4000)
    assert sorted(stage.told) == [f"{room}.0" for room in rooms]


@pytest.mark.parametrize("meaning", [Meaning.REPORT_URL_DEAD, Meaning.REPORT_KEY_WRONG])
async def test_a_report_url_that_is_no_good_makes_the_supervisor_look_and_the_report_is_tried_again(
    meaning: Meaning,
) -> None:
    stage = Stage(report("r1"), cloud=Cloud(refusal(meaning)))
    await stage.run(3000)
    assert stage.looked == ["a"]
    assert stage.told == ["r1.0"]


async def test_a_report_url_that_does_not_heal_lets_its_reports_expire() -> None:
    stage = Stage(report("r1", many=7), cloud=Cloud(*[refusal(Meaning.REPORT_URL_DEAD)] * 99))
    await stage.run(MAX_AGE_MS + 1000)
    assert stage.ends()[-1] == ("r1", "expired")
    assert stage.unreported() == {"expired": 7}


async def test_pauses_between_tries_grow_and_hold_up_no_other_room() -> None:
    class Failing(Cloud):
        async def send(self, room: str, *args: Any) -> None:  # type: ignore[override]
            self.failures = [refusal(Meaning.NOT_PUSHED)] if room == "a" and len(self.at) < 5 else []
            await super().send(room, *args)

    stage = Stage(report("r1"), cloud=Failing())
    await stage.run(400)
    stage.arrive(report("b1", "b"))
    await stage.run(9000)
    at = [at for room, at in stage.cloud.at if room == "a"]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 2 * gaps[0] > 2_000
    assert set(stage.told) == {"r1.0", "b1.0"}


async def test_without_a_running_job_reports_wait_and_end_as_no_job() -> None:
    stage = Stage(report("r1"), report("r2", "b", many=2))
    stage.jobs.jobs = {"a": Job("job-1", JobState.WAITING)}
    await stage.run(1000)
    assert stage.cloud.calls == 0
    stage.jobs.jobs["a"] = JOB
    await stage.run(MAX_AGE_MS)
    assert stage.told == ["r1.0"]
    assert stage.ends("b") == [("r2", "no_job")]
    assert stage.unreported() == {"no_job": 2}


async def test_the_backlog_of_a_job_that_ended_is_dropped_and_never_goes_to_the_next_one() -> None:
    stage = Stage(report("r1", many=4, job_id="job-1"), report("next", job_id="job-2"), report("any"))
    stage.jobs.jobs = {"b": JOB}
    await stage.run()
    stage.hear(SignalKind.JOB_ENDED)
    stage.jobs.jobs["a"] = JOB  # not seen yet by the board
    stage.arrive(report("straggler", job_id="job-1"))
    await stage.run(500)
    assert stage.cloud.calls == 0
    assert stage.ends() == [("r1", "no_job"), ("straggler", "no_job")]
    assert stage.unreported() == {"no_job": 5}
    stage.jobs.jobs["a"] = NEXT
    stage.hear(SignalKind.JOB_STARTED, job_id="job-2")
    await stage.run()
    assert (stage.told, stage.cloud.jobs) == (["next.0", "any.0"], ["job-2"])


async def test_a_report_of_another_live_is_not_sent_in_this_one() -> None:
    stage = Stage(report("r0", job_id="job-0"), report("r1", job_id="job-1"))
    await stage.run()
    assert stage.told == ["r1.0"]
    assert ("r0", "no_job") in stage.ends()


@pytest.mark.parametrize("meaning", [Meaning.JOB_OVER, Meaning.NOT_FOUND])
async def test_an_answer_that_the_job_is_over_ends_its_backlog_and_is_looked_into(meaning: Meaning) -> None:
    stage = Stage(
        *(report(f"r{n}", many=600, job_id="job-1") for n in range(3)), cloud=Cloud(refusal(meaning))
    )
    await stage.run(2000)
    assert stage.cloud.calls == 1
    assert stage.looked == ["a"]
    assert stage.ends() == [("r0", "sending"), ("r0", "no_job"), ("r1", "no_job"), ("r2", "no_job")]
    assert stage.bus.audit["a"][-3].code == "MSS.1"
    assert stage.unreported() == {"no_job": 1800}
    stage.arrive(report("r3", job_id="job-1"))
    await stage.run(1000)
    assert stage.cloud.calls == 1
    await stage.run(4000)
    assert stage.told == ["r3.0"]  # the job was still there: the room is not left alone for good


async def test_a_new_job_does_not_wait_for_the_pause_of_the_old_one() -> None:
    stage = Stage(report("r1", job_id="job-1"), cloud=Cloud(refusal(Meaning.JOB_OVER)))
    await stage.run()
    stage.jobs.jobs["a"] = NEXT
    stage.hear(SignalKind.JOB_STARTED, job_id="job-2")
    stage.arrive(report("r2", job_id="job-2"))
    await stage.run()
    assert stage.told == ["r2.0"]


async def test_a_job_that_ends_while_a_call_is_out_takes_what_comes_back_along() -> None:
    class Ending(Cloud):
        async def send(self, *args: Any) -> None:  # type: ignore[override]
            stage.hear(SignalKind.JOB_ENDED)
            await super().send(*args)

    stage = Stage(report("r1", job_id="job-1"), cloud=Ending(refusal(Meaning.NOT_PUSHED)))
    await stage.run(1000)
    assert stage.ends() == [("r1", "sending"), ("r1", "waiting"), ("r1", "no_job")]


async def test_a_job_that_ends_during_the_claim_gets_no_call_and_the_slot_is_free() -> None:
    class Slow(MemoryBus):
        async def claim(self, room: str, entry: AuditEntry) -> bool:
            stage.hear(SignalKind.JOB_ENDED)
            return await super().claim(room, entry)

    stage = Stage(report("r1"), bus=Slow(), limit=1)
    await stage.run()
    assert stage.cloud.calls == 0
    assert stage.ends() == [("r1", "sending"), ("r1", "no_job")]
    assert stage.gate.wait_ms(stage.clock()) == 0


async def test_a_report_whose_time_runs_out_during_its_claim_is_not_sent() -> None:
    class Slow(MemoryBus):
        async def claim(self, room: str, entry: AuditEntry) -> bool:
            stage.clock.now_ms += 60_000
            return await super().claim(room, entry)

    stage = Stage(report("r1"), bus=Slow())
    await stage.run()
    assert stage.cloud.calls == 0
    assert stage.ends() == [("r1", "sending"), ("r1", "expired")]


class Refusing(MemoryBus):
    """Does not take the first claim; `done`: it did, but the answer was lost."""

    def __init__(self, *, done: bool) -> None:
        super().__init__()
        self.done = done
        self.claims = 0

    async def claim(self, room: str, entry: AuditEntry) -> bool:
        self.claims += 1
        if self.claims > 1:
            return await super().claim(room, entry)
        if self.done:
            await super().claim(room, entry)
        raise BusError("away")


async def test_a_claim_that_the_bus_did_not_take_is_made_again_after_a_pause() -> None:
    stage = Stage(report("r1"), bus=Refusing(done=False), limit=1)
    await stage.run(400)
    assert (stage.cloud.calls, stage.gate.wait_ms(stage.clock())) == (0, 0)
    await stage.run(1500)
    assert stage.told == ["r1.0"]


async def test_a_claim_whose_answer_was_lost_is_not_trusted_and_the_report_accounted_for() -> None:
    stage = Stage(report("r1"), bus=Refusing(done=True))
    await stage.run(3000)
    assert stage.cloud.calls == 0
    assert stage.ends() == [("r1", "sending"), ("r1", "unknown")]


async def test_what_another_one_has_claimed_is_left_to_it() -> None:
    stage = Stage(report("r1"), report("r2"))
    stage.bus._claims.add(("a", "r1", 1))
    await stage.run(1000)
    assert stage.told == ["r2.0"]
    assert stage.unreported() == {}


async def test_likes_are_thinned_when_more_waits_than_a_call_carries_and_the_audit_says_what_was_sent() -> (
    None
):
    stage = Stage(report("likes", many=1500, kind=LIKE), report("gifts", many=200, kind=GIFT))
    await stage.run()
    assert stage.sizes == [1000]
    assert sum(name.startswith("gifts") for name in stage.told) == 200
    assert stage.unreported() == {"sampled": 700}
    assert [line.events for line in stage.bus.audit["a"] if line.outcome == "sent"] == [800, 200]


async def test_what_gives_way_in_the_queue_is_written_down_and_counted() -> None:
    stage = Stage(*(report(f"r{n}", many=1000) for n in range(21)), report("like", kind=LIKE))
    stage.jobs.jobs = {}
    await stage.run()
    assert stage.ends() == [("r0", "overflow"), ("like", "overflow")]
    assert stage.unreported() == {"overflow": 1000, "sampled": 1}


async def test_one_line_that_cannot_be_written_does_not_lose_the_others() -> None:
    class Forgetful(MemoryBus):
        async def record(self, room: str, entry: AuditEntry) -> None:
            if entry.subject_id == "r0":
                raise BusError("away")
            await super().record(room, entry)

    stage = Stage(*(report(f"r{n}") for n in range(5)), bus=Forgetful())
    await stage.run()
    assert [outcome for _, outcome in stage.bus.outcomes("a")].count("sent") == 4


async def test_the_loops_read_wake_send_and_stop() -> None:
    class Away(MemoryBus):
        async def lines(self) -> list[tuple[str, AuditEntry]]:
            read.append(1)
            return await super().lines()

    read: list[int] = []
    stage = Stage(bus=Away())
    log = MemoryLog()
    stage.reporter._reports = log
    loops = asyncio.gather(stage.reporter.read(), stage.reporter.send())
    await asyncio.sleep(0.05)
    log.items.append(report("r1"))
    async with asyncio.timeout(5):
        while not stage.told:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    await stage.reporter.stop(1)
    async with asyncio.timeout(5):
        await loops
    assert read == [1]
    assert stage.meter.counts[Count.REPORTS, "sent"] == 1
    assert stage.bus.outcomes("a")[-1] == ("r1", "sent")


async def test_an_error_of_the_cloud_says_its_code_in_the_audit() -> None:
    stage = Stage(report("r1"), cloud=Cloud(refusal(Meaning.INVALID)))
    await stage.run(3000)
    assert stage.cloud.calls == 1
    line = stage.bus.audit["a"][-1]
    assert (line.outcome, line.code, line.detail) == ("refused", "MSS.1", "invalid")
