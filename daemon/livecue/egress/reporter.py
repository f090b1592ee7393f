"""Forwards events to live-event-report: batches of at most 1000, one call per room and second.

Like a cue, a report is claimed before it is sent: an event reported twice would make the cloud's
own rules answer twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from livecue.domain import CloudError, Job, JobState, Meaning, Report
from livecue.egress.limiter import Slots
from livecue.egress.report_queue import ReportQueue
from livecue.egress.verdict import LOOK_AGAIN, outcome_of, pause_ms
from livecue.runtime.ports import (
    Audit,
    AuditEntry,
    BusError,
    Count,
    Meter,
    Now,
    Outcome,
)
from livecue.runtime.sender_ports import JobBoard, ReportLog, Reports

log = structlog.get_logger()

_IDLE_S = 0.25
_TAKE_WAIT_S = 1.0


class Reporter:
    """Takes reports from the log and sends them while their room's job is on."""

    def __init__(
        self,
        reports: ReportLog,
        cloud: Reports,
        jobs: JobBoard,
        audit: Audit,
        meter: Meter,
        slots: Slots,
        now: Now,
        jitter: Callable[[], float],
        look: Callable[[str], None],
        max_age_ms: int,
    ) -> None:
        """`max_age_ms`: an event older than this is not reported any more."""
        self._reports = reports
        self._cloud = cloud
        self._jobs = jobs
        self._audit = audit
        self._meter = meter
        self._slots = slots
        self._now = now
        self._jitter = jitter
        self._look = look
        self._max_age_ms = max_age_ms
        self._queue = ReportQueue()
        self._rooms: dict[str, Slots] = {}
        self._claimed: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._resting: dict[str, int] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Something changed (a job came up): look at the queue now."""
        self._woken.set()

    async def read(self) -> None:
        """Fill the queue from the log until stopped."""
        while not self._stopping:
            try:
                arrived = await self._reports.take(_TAKE_WAIT_S)
            except BusError as error:
                log.warning("reports-unreadable", error=str(error))
                await asyncio.sleep(_IDLE_S)
                continue
            for report in arrived:
                await self._end(self._queue.put(report), Outcome.OVERFLOW)
            if arrived:
                self._woken.set()

    async def send(self) -> None:
        """Send from the queue until stopped."""
        while not self._stopping:
            pause_s = await self.step()
            if pause_s > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._woken.wait()
                self._woken.clear()

    async def step(self) -> float:
        """Make one call if one may go; how long nothing needs doing otherwise, in seconds."""
        now = self._now()
        await self._end(self._queue.expire(now - self._max_age_ms), Outcome.EXPIRED)
        wait = self._slots.wait_ms(now)
        if wait is None or wait > 0:
            return _IDLE_S if wait is None else wait / 1000
        batch = self._queue.take(self._ready)
        if not batch:
            return self._until_ready()
        job = self._jobs.job(batch[0].room)
        if job is None:
            await self._end(batch, Outcome.NO_JOB)
            return 0
        self._slots.take()
        self._room(batch[0].room).take()
        task = asyncio.create_task(self._try(batch, job), name=f"send-report-{batch[0].room}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return 0

    def _room(self, room: str) -> Slots:
        return self._rooms.setdefault(room, Slots(1))

    def _ready(self, room: str) -> bool:
        job = self._jobs.job(room)
        running = job is not None and job.state != JobState.WAITING
        rested = self._resting.get(room, 0) <= self._now()
        return running and rested and self._room(room).wait_ms(self._now()) == 0

    def _until_ready(self) -> float:
        waits = [slots.wait_ms(self._now()) for slots in self._rooms.values()]
        return min([_IDLE_S, *(wait / 1000 for wait in waits if wait)])

    async def _try(self, batch: list[Report], job: Job) -> None:
        room = batch[0].room
        try:
            ours = await asyncio.gather(*(self._claim(report, job) for report in batch))
            mine = [report for report, won in zip(batch, ours, strict=True) if won]
            if mine:
                await self._send_once(mine, job)
        except Exception:
            log.exception("send-failed", room=room)
            await self._close(batch, Outcome.UNKNOWN, job.job_id)
        finally:
            self._slots.give_back(self._now())
            self._room(room).give_back(self._now())
            self._woken.set()

    async def _send_once(self, batch: list[Report], job: Job) -> None:
        room = batch[0].room
        events = tuple(event for report in batch for event in report.events)
        try:
            await self._cloud.send(room, job, events)
        except CloudError as error:
            await self._failed(batch, job, error)
            return
        self._meter.count(Count.REPORTED_EVENTS, room, len(events))
        await self._close(batch, Outcome.SENT, job.job_id)

    async def _failed(self, batch: list[Report], job: Job, error: CloudError) -> None:
        room = batch[0].room
        if error.meaning in LOOK_AGAIN:
            self._look(room)
        outcome = outcome_of(error)
        if outcome is None:
            attempt = self._attempts.get(room, 0) + 1
            self._attempts[room] = attempt
            resume = self._now() + pause_ms(error, attempt, self._jitter())
            if error.meaning is Meaning.SLOW_DOWN:
                self._slots.pause(resume)
            self._resting[room] = resume
            self._queue.put_back(batch)
            return
        log.warning("report-not-sent", room=room, outcome=str(outcome), error=str(error))
        await self._close(batch, outcome, job.job_id, error.error_code)

    async def _claim(self, report: Report, job: Job) -> bool:
        """Whether this report is ours to send; if the bus does not say, it is not sent."""
        if report.id in self._claimed:
            return True
        try:
            ours = await self._audit.claim(report.room, self._entry(report, Outcome.SENDING, job.job_id))
        except BusError as error:
            log.warning("claim-failed", room=report.room, report=report.id, error=str(error))
            return False
        if ours:
            self._claimed.add(report.id)
        return ours

    async def _end(self, reports: list[Report], outcome: Outcome) -> None:
        """These will not be sent: write it down, unless an earlier life of ours sent them."""
        for report in reports:
            if report.id in self._claimed:
                await self._close([report], outcome, "")
                continue
            try:
                ours = await self._audit.claim(report.room, self._entry(report, outcome, ""))
            except BusError as error:
                log.warning("claim-failed", room=report.room, report=report.id, error=str(error))
                continue
            if ours:
                self._meter.count(Count.REPORTS, report.room, reason=outcome)

    async def _close(self, batch: list[Report], outcome: Outcome, job_id: str, code: str = "") -> None:
        """Count one call and write down what became of each report in it."""
        self._attempts.pop(batch[0].room, None)
        self._meter.count(Count.REPORTS, batch[0].room, reason=outcome)
        self._claimed.difference_update(report.id for report in batch)
        await asyncio.gather(
            *(self._record(report, self._entry(report, outcome, job_id, code)) for report in batch)
        )

    async def _record(self, report: Report, entry: AuditEntry) -> None:
        try:
            await self._audit.record(report.room, entry)
        except BusError as error:
            log.warning("audit-failed", room=report.room, report=report.id, error=str(error))

    def _entry(self, report: Report, outcome: Outcome, job_id: str, code: str = "") -> AuditEntry:
        return AuditEntry(
            outcome=outcome,
            subject_id=report.id,
            at_ms=self._now(),
            job_id=job_id,
            code=code,
            events=len(report.events),
        )

    async def stop(self, drain_s: float) -> None:
        """Let calls that are out come back within `drain_s`; send nothing new."""
        self._stopping = True
        self._woken.set()
        if self._sending:
            await asyncio.wait(self._sending, timeout=drain_s)
        await self._reports.close()
