"""The sender of reports: at most once, one call per room and second, a thousand events a call."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from livecue.domain import Job, JobState, Meaning, Report, ReportedEvent
from livecue.egress.limiter import Slots
from livecue.egress.reporter import Reporter
from livecue.runtime.memory import MemoryBus, MemoryJobs, MemoryLog, MemoryReports, Tally
from livecue.runtime.ports import Count
from runtime.faults import Fault, FaultyBus, Killed
from runtime.making import JOB, Clock, refusal, report, settle

MAX_AGE_MS = 15_000


class Timed(MemoryReports):
    """Remembers when each call came, and which reports' events it carried."""

    def __init__(self, clock: Clock, *failures: Any) -> None:
        super().__init__(*failures)
        self.clock = clock
        self.at: list[tuple[str, int]] = []

    async def send(self, room: str, job: Job, events: tuple[ReportedEvent, ...]) -> None:  # type: ignore[override]
        self.at.append((room, self.clock.now_ms))
        await super().send(room, job, events)


class Stage:
    """A reporter between in-memory twins, and the clock it lives by."""

    def __init__(
        self, *reports: Report, failures: tuple[Any, ...] = (), bus: MemoryBus | None = None
    ) -> None:
        self.bus = bus or MemoryBus()
        self.clock = Clock()
        self.cloud = Timed(self.clock, *failures)
        self.jobs = MemoryJobs(a=JOB, b=JOB)
        self.meter = Tally()
        self.looked: list[str] = []
        self.reports = reports
        self.start()

    def start(self) -> None:
        """A new life on the same bus, cloud and clock."""
        self.reporter = Reporter(
            MemoryLog(),
            self.cloud,
            self.jobs,
            self.bus,
            self.meter,
            Slots(4),
            self.clock,
            lambda: 0.0,
            self.looked.append,
            MAX_AGE_MS,
        )
        for one in self.reports:
            assert self.reporter._queue.put(one) == []

    async def run(self, ms: int = 0) -> None:
        """All that happens until `ms` from now."""
        end = self.clock.now_ms + ms
        while True:
            await settle(self.reporter.step, self.reporter._sending)
            if self.clock.now_ms >= end:
                return
            self.clock.now_ms = min(end, self.clock.now_ms + 50)

    @property
    def sizes(self) -> list[int]:
        return [len(events) for _, events in self.cloud.reports]


async def test_reports_of_a_room_go_together_up_to_a_thousand_events_one_call_a_second() -> None:
    stage = Stage(*(report(f"r{n}", events=400) for n in range(5)), report("b0", "b"))
    await stage.run(5000)
    assert stage.sizes == [800, 1, 800, 400]
    times = [at for room, at in stage.cloud.at if room == "a"]
    assert all(later - earlier >= 1000 for earlier, later in pairwise(times))
    assert times[-1] - times[0] < 2500
    assert stage.meter.total(Count.REPORTED_EVENTS) == 2001
    assert stage.meter.counts[Count.REPORTS, "sent"] == 4


async def test_a_report_is_claimed_before_it_is_sent_and_its_end_is_written_down() -> None:
    stage = Stage(report("r1", events=3))
    await stage.run()
    assert stage.bus.outcomes("a") == [("r1", "sending"), ("r1", "sent")]
    assert stage.bus.audit["a"][-1].events == 3


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_report_is_sent_twice_whatever_call_breaks_and_however(fault: Fault) -> None:
    reports = [report("r1", events=1), report("r2", events=2), report("r3", "b", events=4)]
    plain = Stage(*reports, bus=FaultyBus())
    await plain.run(3000)
    assert sorted(plain.sizes) == [3, 4]
    assert isinstance(plain.bus, FaultyBus)
    for at in range(1, plain.bus.calls + 1):
        stage = Stage(*reports, bus=FaultyBus(at, fault))
        with suppress(Killed):
            await stage.run(3000)
        stage.start()
        await stage.run(3000)
        assert sum(stage.sizes) <= 7, at
        if fault is Fault.REFUSED:  # what a bus refused is taken up in the next life
            assert sum(stage.sizes) == 7, at


async def test_one_failed_line_of_the_audit_does_not_lose_the_others() -> None:
    class Forgetful(MemoryBus):
        async def record(self, room: str, entry: Any) -> None:
            if entry.subject_id == "r0":
                self.fail_next = 1
            await asyncio.sleep(0)
            await super().record(room, entry)

    stage = Stage(*(report(f"r{n}") for n in range(5)), bus=Forgetful())
    await stage.run()
    assert [outcome for _, outcome in stage.bus.outcomes("a")].count("sent") == 4


async def test_no_answer_means_no_second_call() -> None:
    stage = Stage(report("r1"), failures=(refusal(Meaning.OUTCOME_UNKNOWN),))
    await stage.run(5000)
    assert stage.cloud.calls == 1
    assert stage.bus.outcomes("a")[-1] == ("r1", "unknown")


async def test_a_fault_of_our_own_in_sending_ends_the_report_as_unknown() -> None:
    stage = Stage(report("r1"), failures=(ZeroDivisionError(),))
    await stage.run(3000)
    assert stage.bus.outcomes("a") == [("r1", "sending"), ("r1", "unknown")]


async def test_slow_down_pauses_all_rooms_and_the_report_goes_out_later_under_the_same_claim() -> None:
    stage = Stage(report("r1", age_ms=1), failures=(refusal(Meaning.SLOW_DOWN),))
    await stage.run()
    stage.reporter._queue.put(report("b1", "b"))
    await stage.run(900)
    assert stage.cloud.calls == 1
    await stage.run(3000)
    assert sorted(room for room, _ in stage.cloud.reports) == ["a", "b"]
    assert stage.bus.outcomes("a") == [("r1", "sending"), ("r1", "sent")]


async def test_a_dead_url_makes_the_supervisor_look_and_the_report_is_tried_again() -> None:
    stage = Stage(report("r1"), failures=(refusal(Meaning.REPORT_URL_DEAD),))
    await stage.run(3000)
    assert stage.looked == ["a"]
    assert stage.sizes == [1]


async def test_pauses_between_tries_grow_and_begin_afresh_with_the_next_report() -> None:
    failures = (refusal(Meaning.UNAVAILABLE), refusal(Meaning.UNAVAILABLE), refusal(Meaning.INVALID))
    stage = Stage(report("r1"), failures=failures)
    await stage.run(6000)
    assert stage.bus.outcomes("a")[-1] == ("r1", "refused")
    assert stage.reporter._attempts == {}


async def test_without_a_running_job_reports_wait_and_end_as_expired() -> None:
    stage = Stage(report("r1"), report("r2", "b"))
    stage.jobs.jobs = {"a": Job("job-1", JobState.WAITING)}
    await stage.run(1000)
    assert stage.cloud.calls == 0
    stage.jobs.jobs["a"] = JOB
    await stage.run(MAX_AGE_MS)
    assert stage.sizes == [1]
    assert stage.bus.outcomes("b") == [("r2", "expired")]


async def test_the_loops_read_wake_send_count_what_gives_way_and_stop() -> None:
    stage = Stage()

    class Log(MemoryLog):
        async def take(self, wait_s: float) -> list[Any]:
            await asyncio.sleep(0.005)
            return await super().take(wait_s)

    stage.reporter._reports = Log([report(f"r{n}", events=1000) for n in range(7)])
    loops = asyncio.gather(stage.reporter.read(), stage.reporter.send())
    async with asyncio.timeout(5):
        while not stage.sizes:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    await stage.reporter.stop(1)
    async with asyncio.timeout(5):
        await loops
    assert stage.meter.counts[Count.REPORTS, "overflow"] == 2
    assert stage.sizes == [1000]
