"""Sends cues: one sender for the tenant, within the command limit, each cue at most once.

A cue is claimed on the bus before it is sent; after a crash the log of cues is read again from a
little earlier and everything claimed is left alone. So a cue can be lost between claim and send,
and can never be spoken twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from livecue.domain import CloudError, Cue, Job, JobState, Meaning, SignalKind
from livecue.egress.cue_queue import CueQueue
from livecue.egress.limiter import Slots
from livecue.egress.verdict import LOOK_AGAIN, outcome_of, pause_ms
from livecue.runtime.ports import (
    Audit,
    AuditEntry,
    BusError,
    Count,
    Meter,
    Now,
    Outcome,
    Signals,
)
from livecue.runtime.sender_ports import Commands, CueLog, JobBoard

log = structlog.get_logger()

_IDLE_S = 0.25
_TAKE_WAIT_S = 1.0
_CLAIM_PAUSE_MS = 500
_SPOKEN_KEPT = 1_000


@dataclass
class _Attempt:
    """A claimed cue: ours to send; `number` is the attempt now made."""

    number: int = 1


class Dispatcher:
    """Takes cues from the log, picks the next, waits for a slot, sends, writes down what became of it."""

    def __init__(
        self,
        cues: CueLog,
        commands: Commands,
        jobs: JobBoard,
        audit: Audit,
        signals: Signals,
        meter: Meter,
        slots: Slots,
        now: Now,
        jitter: Callable[[], float],
        look: Callable[[str], None],
    ) -> None:
        """`look(room)` asks the supervisor to look at a room whose job seems to be over."""
        self._cues = cues
        self._commands = commands
        self._jobs = jobs
        self._audit = audit
        self._signals = signals
        self._meter = meter
        self._slots = slots
        self._now = now
        self._jitter = jitter
        self._look = look
        self._queue = CueQueue()
        self._claimed: dict[str, _Attempt] = {}
        self._resting: dict[str, int] = {}
        self._busy: set[str] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._spoken: dict[str, Cue] = {}
        self._finished: list[str] = []
        self._woken = asyncio.Event()
        self._stopping = False

    def finished(self, command_id: str) -> None:
        """The cloud says this command was spoken to its end (S3, REPLY_COMMAND_FINISH)."""
        self._finished.append(command_id)
        self._woken.set()

    def wake(self) -> None:
        """Something changed (a job came up): look at the queue now."""
        self._woken.set()

    async def read(self) -> None:
        """Fill the queue from the log until stopped."""
        while not self._stopping:
            try:
                arrived = await self._cues.take(_TAKE_WAIT_S)
            except BusError as error:
                log.warning("cues-unreadable", error=str(error))
                await asyncio.sleep(_IDLE_S)
                continue
            # What is too late already must not push out what is fresh, nor hold it up: a backlog.
            now = self._now()
            late = [cue for cue in arrived if cue.expires_ms <= now]
            fresh = [cue for cue in arrived if cue.expires_ms > now]
            gone = [cue for one in fresh if (cue := self._queue.put(one))]
            if fresh:
                self._woken.set()
            await self._end_all(gone, Outcome.OVERFLOW)
            await self._end_all(late, Outcome.EXPIRED)

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
        """Send one cue if one may go; how long nothing needs doing otherwise, in seconds."""
        now = self._now()
        await self._end_all(self._queue.expire(now), Outcome.EXPIRED)
        wait = self._slots.wait_ms(now)
        if wait is None or wait > 0:
            return _IDLE_S if wait is None else wait / 1000
        cue = self._queue.take(self._ready)
        if cue is None:
            return _IDLE_S
        job = self._jobs.job(cue.room)
        if job is None or (cue.job_id and cue.job_id != job.job_id):
            await self._end(cue, Outcome.NO_JOB)
            return 0
        self._slots.take()
        self._busy.add(cue.room)
        task = asyncio.create_task(self._try(cue, job), name=f"send-cue-{cue.room}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return 0

    async def _note_finished(self) -> None:
        done, self._finished = self._finished, []
        for command_id in done:
            cue = self._spoken.pop(command_id, None)
            if cue is not None:  # else it was sent by somebody else, or by an earlier life of ours
                entry = self._entry(cue, Outcome.FINISHED, "", command_id=command_id)
                await self._record(cue, entry)

    def _ready(self, room: str) -> bool:
        job = self._jobs.job(room)
        if room in self._busy or job is None or job.state == JobState.WAITING:
            return False
        return self._resting.get(room, 0) <= self._now()

    async def _try(self, cue: Cue, job: Job) -> None:
        try:
            if cue.id in self._claimed or await self._claim(cue, Outcome.SENDING, job.job_id):
                self._claimed.setdefault(cue.id, _Attempt())
                await self._send_once(cue, job)
        except Exception:
            log.exception("send-failed", room=cue.room, cue=cue.id)
            await self._end(cue, Outcome.UNKNOWN, job.job_id)
        finally:
            self._slots.give_back(self._now())
            self._busy.discard(cue.room)
            self._woken.set()

    async def _claim(self, cue: Cue, outcome: Outcome, job_id: str) -> bool:
        """Whether this cue is ours to end. False too when the bus does not say: then it comes again."""
        try:
            return await self._audit.claim(cue.room, self._entry(cue, outcome, job_id))
        except BusError as error:
            log.warning("claim-failed", room=cue.room, cue=cue.id, error=str(error))
            self._resting[cue.room] = self._now() + _CLAIM_PAUSE_MS
            if gone := self._queue.put(cue):
                log.warning("cue-lost", room=gone.room, cue=gone.id, remedy="none: too many wait for the bus")
                self._claimed.pop(gone.id, None)
            return False

    async def _send_once(self, cue: Cue, job: Job) -> None:
        if cue.expires_ms <= self._now():
            await self._end(cue, Outcome.EXPIRED)
            return
        try:
            command_id = await self._commands.send(cue, job)
        except CloudError as error:
            await self._failed(cue, job, error)
            return
        self._claimed.pop(cue.id, None)
        self._spoken[command_id] = cue
        if len(self._spoken) > _SPOKEN_KEPT:
            del self._spoken[next(iter(self._spoken))]
        latency_ms = self._now() - cue.at_ms
        self._meter.reply_latency(cue.room, latency_ms / 1000)
        self._meter.count(Count.CUES, cue.room, reason=Outcome.SENT)
        entry = self._entry(cue, Outcome.SENT, job.job_id, command_id=command_id, latency_ms=latency_ms)
        await self._record(cue, entry)

    async def _failed(self, cue: Cue, job: Job, error: CloudError) -> None:
        if error.meaning in LOOK_AGAIN:
            self._look(cue.room)
        outcome = outcome_of(error)
        if outcome is None:
            attempt = self._claimed[cue.id]
            resume = self._now() + pause_ms(error, attempt.number, self._jitter())
            attempt.number += 1
            if error.meaning is Meaning.SLOW_DOWN:
                self._slots.pause(resume)
            else:
                self._resting[cue.room] = resume
            if gone := self._queue.put(cue):
                await self._end(gone, Outcome.OVERFLOW, job.job_id)
            return
        log.warning("cue-not-sent", room=cue.room, cue=cue.id, outcome=str(outcome), error=str(error))
        await self._end(cue, outcome, job.job_id, code=error.error_code)

    async def _end_all(self, cues: list[Cue], outcome: Outcome) -> None:
        """End many at once, so that a backlog takes few round trips."""
        unsent = [(cue, outcome) for cue in cues]
        if outcome is Outcome.EXPIRED:
            unsent = [(cue, outcome if self._jobs.job(cue.room) else Outcome.NO_JOB) for cue in cues]
        await asyncio.gather(*(self._end(cue, how) for cue, how in unsent))

    async def _end(self, cue: Cue, outcome: Outcome, job_id: str = "", code: str = "") -> None:
        """The cue will not be sent: write it down, and give its rule the time window back."""
        if self._claimed.pop(cue.id, None) is not None:
            await self._record(cue, self._entry(cue, outcome, job_id, code=code))
        elif not await self._claim(cue, outcome, job_id):
            return  # sent by an earlier life of ours, or coming again
        self._meter.count(Count.CUES, cue.room, reason=outcome)
        if outcome is Outcome.UNKNOWN:
            return  # perhaps it was spoken
        data = {
            "job_id": cue.job_id,
            "rule_index": cue.rule_index,
            "cue_id": cue.id,
            "fired_at_ms": cue.at_ms,
        }
        with suppress(BusError):
            await self._signals.publish(
                cue.room, SignalKind.CUE_RETURNED, data, f"returned:{cue.room}:{cue.id}"
            )

    async def _record(self, cue: Cue, entry: AuditEntry) -> None:
        try:
            await self._audit.record(cue.room, entry)
        except BusError as error:
            log.warning("audit-failed", room=cue.room, cue=cue.id, error=str(error))

    def _entry(
        self,
        cue: Cue,
        outcome: Outcome,
        job_id: str,
        *,
        command_id: str = "",
        code: str = "",
        latency_ms: int = 0,
    ) -> AuditEntry:
        return AuditEntry(
            outcome=outcome,
            subject_id=cue.id,
            at_ms=self._now(),
            job_id=job_id or cue.job_id,
            rule_index=cue.rule_index,
            text=cue.text,
            command_id=command_id,
            code=code,
            latency_ms=latency_ms,
        )

    async def stop(self, drain_s: float) -> None:
        """Let calls that are out come back within `drain_s`; send nothing new."""
        self._stopping = True
        self._woken.set()
        if self._sending:
            await asyncio.wait(self._sending, timeout=drain_s)
        await self._cues.close()
