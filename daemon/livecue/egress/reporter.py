"""Forwards events to live-event-report: oldest first, at most 1000 a call, one call in flight per job.

A room is reported at most once a second. The quota is the tenant's: rooms take turns, so with many of them each
waits longer for its next call.
What became of a report is audited with every change. An event reported twice would make the cloud's own
rules answer twice. `review_config` of the call (S4 table 6-341) is not sent: no rule sets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from livecue.domain import Job, JobState, Report, Signal, SignalKind
from livecue.egress.gate import Gate
from livecue.egress.history import Standing
from livecue.egress.log_reading import read_log
from livecue.egress.records import Records
from livecue.egress.report_queue import Pending, ReportQueue
from livecue.egress.report_sending import ReportSender
from livecue.egress.turn import Turn
from livecue.runtime.measure_ports import LineMeter
from livecue.runtime.ports import Now, Outcome
from livecue.runtime.pump import keep_stepping
from livecue.runtime.sender_ports import History, JobBoard, ReportLog, Reports

log = structlog.get_logger()

_IDLE_S = 0.25


class Reporter:
    """Takes reports from the log and sends them while their room's job is on."""

    def __init__(
        self,
        reports: ReportLog,
        history: History,
        cloud: Reports,
        jobs: JobBoard,
        records: Records,
        meter: LineMeter,
        gate: Gate,
        *,
        now: Now,
        mono: Now,
        jitter: Callable[[], float],
        look: Callable[[str], None],
        max_age_ms: int,
    ) -> None:
        """`now` is the wall clock, `mono` one that never jumps, both in ms. `look(room)` asks the supervisor
        to look at a room. `max_age_ms`: an event older than this is not reported any more.
        """
        self._reports = reports
        self._history = history
        self._jobs = jobs
        self._records = records
        self._meter = meter
        self._gate = gate
        self._turn = Turn()
        self._now = now
        self._mono = mono
        self._max_age_ms = max_age_ms
        self._queue = ReportQueue()
        self._sender = ReportSender(cloud, self._queue, records, meter, now, mono, jitter, look, max_age_ms)
        self._out: set[tuple[str, str]] = set()  # the jobs that a call is out for
        self._sending: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    def hear(self, heard: Signal) -> None:
        """A signal was published: a job that ended takes its reports along, one that came up lets them go."""
        job_id = str(heard.data.get("job_id", ""))
        if heard.kind == SignalKind.JOB_ENDED and job_id:
            self._sender.ended[heard.room] = job_id
            self._sender.drop(heard.room, job_id)
        if heard.kind == SignalKind.JOB_STARTED:
            self._sender.rests.pop(heard.room, None)
        if heard.kind in {SignalKind.JOB_STARTED, SignalKind.JOB_ENDED}:
            self._woken.set()

    async def read(self) -> None:
        """Fill the queue from the log until stopped."""
        await read_log(self._reports, self._history, self.arrive, self._woken, lambda: self._stopping)

    def arrive(self, report: Report, standing: Standing | None = None) -> None:
        """Take a report of the log: into the queue, unless there is nothing more to do for it."""
        one = Pending(report)
        if standing is not None:
            if standing.ended:
                return
            one.attempt = standing.next_attempt
            if standing.lost:
                self._sender.end(one, Outcome.UNKNOWN)
                return
        if self._sender.is_late(one):
            self._expired(one)
        elif report.job_id and report.job_id == self._sender.ended.get(report.room):
            self._sender.end(one, Outcome.NO_JOB)
        else:
            if standing is None:
                self._sender.note(one, Outcome.QUEUED)
            self._sender.account(report.room, self._queue.put(one))

    def _expired(self, one: Pending) -> None:
        self._sender.end(one, Outcome.EXPIRED if self._jobs.job(one.report.room) else Outcome.NO_JOB)

    async def send(self) -> None:
        """Send from the queue until stopped."""
        await keep_stepping(self.step, self._woken, lambda: self._stopping)

    def step(self) -> float:
        """Let one call go if one may; how long nothing needs doing otherwise, in seconds."""
        for one in self._queue.expire(self._now() - self._max_age_ms):
            self._expired(one)
        wait = self._gate.wait_ms(self._mono())
        if wait != 0:
            self._turn.held_up(self._mono(), wanted=self._queue.waits)
            return _IDLE_S if wait is None else min(wait / 1000, _IDLE_S)
        room = self._queue.whose_turn(self._ready)
        job = self._jobs.job(room) if room is not None else None
        if room is None or job is None:
            self._turn.nobody()
            return self._rest_s()
        for one in self._queue.drop(room, lambda report: report.job_id not in {"", job.job_id}):
            self._sender.end(one, Outcome.NO_JOB)
        batch, cut = self._queue.take(room)
        self._sender.account(room, cut)
        if batch:
            self._go(batch, job)
        return 0

    def _ready(self, room: str) -> bool:
        """Whether the room's reports may go now."""
        job = self._jobs.job(room)
        if job is None or job.state == JobState.WAITING or job.job_id == self._sender.ended.get(room):
            return False
        return (room, job.job_id) not in self._out and self._sender.rests.get(room, 0) <= self._mono()

    def _rest_s(self) -> float:
        """How long the first of the resting rooms rests, but no longer than is idle."""
        now, rests = self._mono(), self._sender.rests
        for room in [room for room, until in rests.items() if until <= now]:
            del rests[room]
        return min([_IDLE_S, *((until - now) / 1000 for until in rests.values())])

    def _go(self, batch: list[Pending], job: Job) -> None:
        """Make one call in a slot of its own."""
        self._meter.limiter_wait("report", self._turn.goes(self._mono()))
        room, ticket = batch[0].report.room, self._gate.take(self._mono())
        self._out.add((room, job.job_id))
        task = asyncio.create_task(self._in_slot(ticket, batch, job), name=f"send-report-{room}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _in_slot(self, ticket: int, batch: list[Pending], job: Job) -> None:
        room, sent = batch[0].report.room, False
        error: BaseException | None = None
        try:
            if mine := await self._sender.claim(batch, job):
                batch, sent = mine, True
                error = await self._sender.send(mine, job)
        except Exception as fault:
            error = fault
            log.exception("send-failed", room=room)
            self._sender.close(batch, Outcome.UNKNOWN, job)
        except BaseException as end:
            error = end
            raise
        finally:
            if sent:
                self._gate.give_back(ticket, self._mono(), error)
            else:
                self._gate.unused(ticket)
            self._out.discard((room, job.job_id))
            self._woken.set()

    async def stop(self, drain_s: float) -> None:
        """Let calls that are out come back within `drain_s`; send nothing new."""
        self._stopping = True
        self._woken.set()
        if self._sending:
            await asyncio.wait(self._sending, timeout=drain_s)
        await self._reports.close()
        await self._records.flush(drain_s)
