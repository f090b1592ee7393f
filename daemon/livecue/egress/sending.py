"""One command to the cloud: claimed, sent once, and what its answer calls for.

Each attempt is claimed on the bus before it is made, so that no second life makes it again. What the
cloud surely did not take is noted as waiting and goes back into the queue: a restart goes on there.
What may have been taken is never repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog

from livecue.domain import CloudError, Cue, Job, Meaning
from livecue.egress.cue_queue import CueQueue, Waiting
from livecue.egress.lines import line
from livecue.egress.merging import merged_text
from livecue.egress.on_air import OnAir
from livecue.egress.records import Records
from livecue.egress.telling import Teller
from livecue.egress.verdict import LOOK_AGAIN, OVER, outcome_of, pause_ms, reworded
from livecue.engine.speech import spoken_seconds
from livecue.runtime.measure_ports import LineMeter, RuleDid, Took
from livecue.runtime.ports import BusError, Count, Now, Outcome
from livecue.runtime.sender_ports import Commands

log = structlog.get_logger()

_CLAIM_PAUSE_MS = 500


class NothingSent(Exception):  # noqa: N818 - it is no error
    """It turned out that no call had to be made: the slot is free again."""


@dataclass(frozen=True)
class Sender:
    """Sends what the dispatcher has chosen. `look(room)` asks the supervisor to look at a room whose job
    seems to be over; `jitter` is 0 to 1.
    """

    commands: Commands
    queue: CueQueue
    records: Records
    meter: LineMeter
    now: Now
    jitter: Callable[[], float]
    look: Callable[[str], None]
    teller: Teller

    async def claim(self, chosen: list[Waiting], job: Job, air: OnAir) -> list[Waiting]:
        """Those of `chosen` that are ours to send and still in time."""
        won = await asyncio.gather(*(self._claim_one(one, job, air) for one in chosen))
        mine = [one for one, ours in zip(chosen, won, strict=True) if ours]
        now = self.now()
        late = [one for one in mine if one.cue.expires_ms <= now]
        for one in late:
            self.end(one, Outcome.EXPIRED, job_id=job.job_id)
        return [one for one in mine if one not in late]

    async def _claim_one(self, one: Waiting, job: Job, air: OnAir) -> bool:
        """False too when the bus does not say: then it is tried again."""
        entry = line(one, Outcome.SENDING, self.now(), job_id=job.job_id)
        try:
            ours = await self.records.claim(one.cue.room, entry)
        except BusError as error:
            log.warning("claim-failed", room=one.cue.room, cue=one.cue.id, error=str(error))
            one.doubtful = True
            air.rests_until_ms = self.now() + _CLAIM_PAUSE_MS
            self._put_back(one)
            return False
        if not ours and one.doubtful:  # claimed by us, without hearing of it, or by another: who knows
            self.end(one, Outcome.UNKNOWN, job_id=job.job_id)
        return ours

    async def send(self, mine: list[Waiting], job: Job, air: OnAir) -> CloudError | None:
        """One attempt for all of `mine`, said as one; the error the cloud answered with, if any."""
        cue, seconds = said_as_one([one.cue for one in mine], air)
        now = self.now()
        for one in mine:
            if one.since_ms:
                self.meter.took(Took.CUE_WAIT, (now - one.since_ms) / 1000)
        try:
            command_id = await self.commands.send(cue, job)
        except CloudError as error:
            self._failed(mine, cue, job, air, error)
            return error
        self._sent(mine, cue, job, air, command_id, seconds)
        return None

    def _sent(
        self, mine: list[Waiting], cue: Cue, job: Job, air: OnAir, command_id: str, seconds: float
    ) -> None:
        now = self.now()
        over = air.sent([one.cue for one in mine], command_id, seconds, now)
        self.teller.sent([one.cue for one in mine], cue, seconds, max(one.attempt for one in mine))
        for one in mine:
            room = one.cue.room
            self.meter.reply_latency(room, (now - one.cue.at_ms) / 1000)
            self.meter.count(Count.CUES, room, reason=Outcome.SENT)
            self.meter.rule(one.cue.rule_index, RuleDid.SENT)
            entry = line(
                one,
                Outcome.SENT,
                now,
                job_id=job.job_id,
                text=cue.text,
                command_id=command_id,
                seconds=round(seconds, 2),
            )
            self.records.note(room, entry)
            if over:
                self.finished(one.cue, command_id)

    def finished(self, cue: Cue, command_id: str) -> None:
        """The cloud called back that it was spoken."""
        entry = line(Waiting(cue), Outcome.FINISHED, self.now(), command_id=command_id)
        self.records.note(cue.room, entry)
        self.teller.spoken(cue)

    def _failed(self, mine: list[Waiting], said: Cue, job: Job, air: OnAir, error: CloudError) -> None:
        room = said.room
        if error.meaning in LOOK_AGAIN:
            self.look(room)
        outcome = outcome_of(error)
        if error.meaning in OVER:
            self.close(room, job.job_id, air)
        if outcome is Outcome.UNKNOWN:  # perhaps it holds the air
            air.sent([one.cue for one in mine], "", air.seconds(said), self.now())
        others = [reworded(one.cue, error, merged=len(mine) > 1) for one in mine]
        for one, other in zip(mine, others, strict=True):
            if outcome is None or other is not None:
                self._again(one, other or one.cue, job, error)
            else:
                log.warning("cue-not-sent", room=room, cue=one.cue.id, outcome=str(outcome), error=str(error))
                self.end(one, outcome, job_id=job.job_id, error=error)
        if outcome is None and error.meaning is not Meaning.SLOW_DOWN:  # that pauses the whole tenant
            attempt = max(one.attempt for one in mine)
            air.rests_until_ms = self.now() + pause_ms(attempt, self.jitter())

    def _again(self, one: Waiting, cue: Cue, job: Job, error: CloudError) -> None:
        """Surely not taken: it goes again, within its deadline."""
        entry = line(one, Outcome.WAITING, self.now(), job_id=job.job_id, error=error)
        self.records.note(cue.room, entry)
        self._put_back(Waiting(cue, one.attempt + 1, one.arrival, since_ms=self.now()))

    def _put_back(self, one: Waiting) -> None:
        if gone := self.queue.put(one):
            self.end(gone, Outcome.OVERFLOW)

    def close(self, room: str, job_id: str, air: OnAir) -> None:
        """The job is over: what waits for it goes."""
        air.close(job_id)
        for one in self.queue.drop(room, lambda cue: cue.job_id == job_id):
            self.end(one, Outcome.NO_JOB, job_id=job_id)

    def end(
        self, one: Waiting, outcome: Outcome, *, job_id: str = "", error: CloudError | None = None
    ) -> None:
        """The cue will not be sent (again): write it down, and give its rule the time window back."""
        cue = one.cue
        self.records.note(cue.room, line(one, outcome, self.now(), job_id=job_id, error=error))
        self.meter.count(Count.CUES, cue.room, reason=outcome)
        self.meter.rule(cue.rule_index, RuleDid.EXPIRED if outcome is Outcome.EXPIRED else RuleDid.UNSENT)
        if error is None:  # else it was warned of
            self.teller.ended(cue, outcome)
        if outcome is not Outcome.UNKNOWN:  # else perhaps it was spoken
            self.records.returned(cue)


def said_as_one(cues: list[Cue], air: OnAir) -> tuple[Cue, float]:
    """The command for all of `cues`, and how long it holds the air at normal speed."""
    cue = cues[0]
    text = merged_text(cues)
    if text == cue.text:
        return cue, air.seconds(cue)
    return msgspec.structs.replace(cue, text=text), spoken_seconds(text)
