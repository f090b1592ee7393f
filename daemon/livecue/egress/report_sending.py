"""One call of live-event-report: its reports claimed, sent once, and what the answer calls for.

Each attempt at a report is claimed on the bus before it is made, so that no second life makes it again.
What the cloud surely did not take is noted as waiting and goes back into the queue: a restart goes on
there. What may have been taken is never repeated. A report is claimed and audited by its id as a whole,
whatever was left out of it; `events` of its audit says how many there were to send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from livecue.domain import CloudError, Job, Meaning
from livecue.egress.records import Records
from livecue.egress.report_queue import Cut, Pending, ReportQueue
from livecue.egress.verdict import LOOK_AGAIN, OVER, outcome_of, pause_ms
from livecue.runtime.ports import AuditEntry, BusError, Count, Meter, Now, Outcome
from livecue.runtime.sender_ports import Reports

log = structlog.get_logger()

_ROOM_PAUSE_MS = 1_010  # after an answer: a room is reported at most once a second
_CLAIM_PAUSE_MS = 500
_OVER_PAUSE_MS = 5_000  # unless the supervisor finds out sooner how it stands


@dataclass(frozen=True)
class ReportSender:
    """Sends what the reporter has chosen. `look(room)` asks the supervisor to look at a room whose job is not
    what it seemed; `jitter` is 0 to 1. `ended`: the job of each room that ended last; `rests`: until when
    (`mono`) a room is left alone.
    """

    cloud: Reports
    queue: ReportQueue
    records: Records
    meter: Meter
    now: Now
    mono: Now
    jitter: Callable[[], float]
    look: Callable[[str], None]
    max_age_ms: int
    ended: dict[str, str] = field(default_factory=dict)
    rests: dict[str, int] = field(default_factory=dict)

    def is_late(self, one: Pending) -> bool:
        """Whether its events are too old to be reported."""
        return one.report.at_ms < self.now() - self.max_age_ms

    async def claim(self, batch: list[Pending], job: Job) -> list[Pending]:
        """Those of `batch` that are ours to send, and still to be sent; what the bus did not say waits."""
        room = batch[0].report.room
        won = await asyncio.gather(*(self._claim_one(one, job) for one in batch))
        if unsaid := [one for one, ours in zip(batch, won, strict=True) if ours is None]:
            self._rest(room, _CLAIM_PAUSE_MS)
            self._put_back(unsaid, job)
        over = self.ended.get(room) == job.job_id
        mine = []
        for one in (one for one, ours in zip(batch, won, strict=True) if ours):
            if over or self.is_late(one):
                self.end(one, Outcome.NO_JOB if over else Outcome.EXPIRED, job_id=job.job_id)
            else:
                mine.append(one)
        return mine

    async def _claim_one(self, one: Pending, job: Job) -> bool | None:
        """Whether this attempt is ours; None if the bus does not say."""
        room = one.report.room
        try:
            ours = await self.records.claim(room, self._line(one, Outcome.SENDING, job_id=job.job_id))
        except BusError as error:
            log.warning("claim-failed", room=room, report=one.report.id, error=str(error))
            one.doubtful = True
            return None
        if not ours and one.doubtful:  # claimed by us, without hearing of it, or by another: who knows
            self.end(one, Outcome.UNKNOWN, job_id=job.job_id)
        return ours

    async def send(self, mine: list[Pending], job: Job) -> CloudError | None:
        """One attempt for all of `mine`; the error the cloud answered with, if any."""
        room = mine[0].report.room
        events = tuple(event for one in mine for event in one.events)
        try:
            await self.cloud.send(room, job, events)
        except CloudError as error:
            self._failed(mine, job, error)
            return error
        finally:
            self._rest(room, _ROOM_PAUSE_MS)
        self.meter.count(Count.REPORTED_EVENTS, room, len(events))
        self.close(mine, Outcome.SENT, job)
        return None

    def _failed(self, mine: list[Pending], job: Job, error: CloudError) -> None:
        room = mine[0].report.room
        if error.meaning in LOOK_AGAIN:
            self.look(room)
        outcome = outcome_of(error)
        if outcome is not None:
            log.warning("report-not-sent", room=room, outcome=str(outcome), error=str(error))
            self.close(mine, outcome, job, error)
            if error.meaning in OVER:
                self._rest(room, _OVER_PAUSE_MS)
                self.drop(room, job.job_id)
            return
        if error.meaning is not Meaning.SLOW_DOWN:  # that pauses the whole tenant
            attempt = max(one.attempt for one in mine)
            self._rest(room, pause_ms(attempt, self.jitter()))
        for one in mine:
            self.note(one, Outcome.WAITING, job_id=job.job_id, error=error)
            one.attempt, one.doubtful = one.attempt + 1, False
        self._put_back(mine, job)

    def _rest(self, room: str, ms: int) -> None:
        self.rests[room] = max(self.rests.get(room, 0), self.mono() + ms)

    def _put_back(self, ones: list[Pending], job: Job) -> None:
        room = ones[0].report.room
        self.queue.put_back(ones)
        if self.ended.get(room) == job.job_id:  # while they were out
            self.drop(room, job.job_id)

    def drop(self, room: str, job_id: str) -> None:
        """This job is over: what waits for it goes."""
        for one in self.queue.drop(room, lambda report: report.job_id == job_id):
            self.end(one, Outcome.NO_JOB)

    def account(self, room: str, cut: Cut) -> None:
        """Count and write down what the queue had to let go."""
        if cut.left_out:
            self.meter.count(Count.UNREPORTED, room, cut.left_out, "sampled")
        for one in cut.gone:
            self.end(one, Outcome.OVERFLOW)

    def close(self, mine: list[Pending], outcome: Outcome, job: Job, error: CloudError | None = None) -> None:
        """Count one call, and write down what became of each report in it."""
        self.meter.count(Count.REPORTS, mine[0].report.room, reason=outcome)
        for one in mine:
            self._ended(one, outcome, job_id=job.job_id, error=error)

    def end(self, one: Pending, outcome: Outcome, *, job_id: str = "") -> None:
        """The report will not be sent (again), without a call that would have said so."""
        self.meter.count(Count.REPORTS, one.report.room, reason=outcome)
        self._ended(one, outcome, job_id=job_id)

    def _ended(
        self, one: Pending, outcome: Outcome, *, job_id: str = "", error: CloudError | None = None
    ) -> None:
        if outcome is not Outcome.SENT and one.events:
            self.meter.count(Count.UNREPORTED, one.report.room, len(one.events), outcome)
        self.note(one, outcome, job_id=job_id, error=error)

    def note(
        self, one: Pending, outcome: Outcome, *, job_id: str = "", error: CloudError | None = None
    ) -> None:
        """Write a line of the audit, in the background."""
        self.records.note(one.report.room, self._line(one, outcome, job_id=job_id, error=error))

    def _line(
        self, one: Pending, outcome: Outcome, *, job_id: str = "", error: CloudError | None = None
    ) -> AuditEntry:
        now, report = self.now(), one.report
        return AuditEntry(
            outcome=outcome,
            subject_id=report.id,
            at_ms=now,
            job_id=job_id or report.job_id,
            code=error.error_code if error else "",
            detail=str(error.meaning) if error else "",
            events=len(one.events),
            latency_ms=now - report.at_ms if outcome is Outcome.SENT else 0,
            attempt=0 if outcome is Outcome.QUEUED else one.attempt,
        )
