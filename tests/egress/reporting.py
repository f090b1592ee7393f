"""A reporter between in-memory twins, and the clock it lives by."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from livecue.domain import Job, Report, ReportedEvent, Signal, SignalKind
from livecue.egress.breaker import Breaker
from livecue.egress.gate import Gate
from livecue.egress.history import standings
from livecue.egress.limiter import Slots
from livecue.egress.records import Records
from livecue.egress.reporter import Reporter
from livecue.runtime.memory import MemoryBus, MemoryJobs, MemoryLog, MemoryReports, Tally
from livecue.runtime.ports import Count
from runtime.faults import Killed
from runtime.making import JOB, T0, Clock

MAX_AGE_MS = 15_000
_TURNS = 50
DANMAKU, ENTER, LIKE, GIFT, FOLLOW, VIEWERS = range(1, 7)


def events(many: int, kind: int = DANMAKU, name: str = "e") -> tuple[ReportedEvent, ...]:
    """Events that can be told apart."""
    return tuple(ReportedEvent(T0, kind, f"{name}.{n}") for n in range(many))


def report(
    name: str, room: str = "a", *, many: int = 1, kind: int = DANMAKU, age_ms: int = 0, job_id: str = ""
) -> Report:
    return Report(name, room, T0 - age_ms, events(many, kind, name), job_id)


class Cloud(MemoryReports):
    """Takes `trip_ms` of virtual time for each call, and remembers when it came."""

    def __init__(self, *failures: Any, trip_ms: int = 0) -> None:
        super().__init__(*failures)
        self.trip_ms = trip_ms
        self.clock = Clock()
        self.at: list[tuple[str, int]] = []
        self.jobs: list[str] = []
        self.out: Counter[str] = Counter()
        self.most_out = 0

    async def send(self, room: str, job: Job, events: tuple[ReportedEvent, ...]) -> None:  # type: ignore[override]
        self.at.append((room, self.clock()))
        self.jobs.append(job.job_id)
        self.out[room] += 1
        self.most_out = max(self.most_out, self.out[room])
        until = self.clock() + self.trip_ms
        while self.clock() < until:  # noqa: ASYNC110 - nothing tells the virtual time
            await asyncio.sleep(0)
        self.out[room] -= 1
        await super().send(room, job, events)


class DyingCloud(Cloud):
    """The process dies as soon as the first call has arrived."""

    async def send(self, room: str, job: Job, events: tuple[ReportedEvent, ...]) -> None:  # type: ignore[override]
        await super().send(room, job, events)
        if self.calls == 1:
            raise Killed


class Stage:
    """`log` is what the bus holds; `start` is a new life on the same bus, cloud and clock."""

    def __init__(
        self, *reports: Report, bus: MemoryBus | None = None, cloud: Cloud | None = None, limit: int = 4
    ) -> None:
        self.bus = bus or MemoryBus()
        self.cloud = cloud or Cloud()
        self.clock = self.cloud.clock
        self.jobs = MemoryJobs(a=JOB, b=JOB)
        self.meter = Tally()
        self.looked: list[str] = []
        self.log = list(reports)
        self.limit = limit
        self.reporter: Reporter = None  # type: ignore[assignment]  # made by start
        self.start()

    def start(self) -> None:
        if self.reporter is not None:  # dead: nothing of it goes on
            for task in self.reporter._sending | self.records._writers:
                task.cancel()
        self.records: Records = Records(self.bus, self.bus)
        self.gate = Gate(Slots(self.limit), Breaker(), lambda: 0.0)
        self.reporter = Reporter(
            MemoryLog(),
            self.bus,
            self.cloud,
            self.jobs,
            self.records,
            self.meter,
            self.gate,
            now=self.clock,
            mono=self.clock,
            jitter=lambda: 0.0,
            look=self.looked.append,
            max_age_ms=MAX_AGE_MS,
        )
        self.known = standings([(room, line) for room, lines in self.bus.audit.items() for line in lines])
        self.arrived = list(self.log)

    def arrive(self, *reports: Report) -> None:
        """More reports are decided."""
        self.log += reports
        self.arrived += reports

    def hear(self, kind: SignalKind, room: str = "a", **data: Any) -> None:
        """A signal is published."""
        self.reporter.hear(Signal(room, "", self.clock(), kind, {"job_id": JOB.job_id, **data}))

    async def run(self, ms: int = 0) -> None:
        """All that happens until `ms` from now."""
        end = self.clock.now_ms + ms
        while True:
            await self.settle()
            if self.clock.now_ms >= end:
                return
            self.clock.now_ms = min(end, self.clock.now_ms + 50)

    async def settle(self) -> None:
        """Let it do all it can do at this moment."""
        while self.arrived:
            one = self.arrived.pop(0)
            self.reporter.arrive(one, self.known.pop((one.room, one.id), None))
        for _ in range(1000):
            pause_s = self.reporter.step()
            busy = await self.rest()
            if pause_s > 0 and not busy:
                return
        raise AssertionError("the reporter never comes to rest")

    async def rest(self) -> bool:
        """Let calls come back and lines be written, as far as they do by themselves; whether any call did."""
        seen: set[asyncio.Task[None]] = set()
        calls: set[asyncio.Task[None]] = set()
        for _ in range(_TURNS):
            calls |= self.reporter._sending
            seen |= calls | self.records._writers
            await asyncio.sleep(0)
            if all(task.done() for task in seen):
                break
        for task in seen:
            if task.done():
                task.result()
        return any(task.done() for task in calls)

    @property
    def sizes(self) -> list[int]:
        return [len(events) for _, events in self.cloud.reports]

    @property
    def told(self) -> list[str]:
        """The events that the cloud took, in order."""
        return [event.content for _, events in self.cloud.reports for event in events]

    def ends(self, room: str = "a") -> list[tuple[str, str]]:
        """(report, outcome) of the room's audit without the lines that say it waits."""
        return [pair for pair in self.bus.outcomes(room) if pair[1] != "queued"]

    def unreported(self) -> dict[str, int]:
        """Events not reported, by why."""
        return {why: n for (what, why), n in self.meter.counts.items() if what == Count.UNREPORTED}


__all__ = ["JOB", "MAX_AGE_MS", "T0", "Cloud", "DyingCloud", "Stage", "events", "report"]
