"""Takes back what was sent and not spoken when its scene is over (S4 12.5, CLEAN_UP_INSERT_COMMAND)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from livecue.domain import CloudError, Job
from livecue.egress.cue_queue import Waiting
from livecue.egress.lines import line
from livecue.egress.on_air import OnAir
from livecue.egress.records import Records
from livecue.egress.sending import NothingSent
from livecue.runtime.ports import Count, Meter, Now, Outcome
from livecue.runtime.sender_ports import Commands

log = structlog.get_logger()

_MOST = 100  # of one command (S4 12.5, table 12-8)
_WORTH_MS = 30_000  # after so long they have been spoken


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Inserts of a job that the cloud is to drop, while that is worth it."""

    room: str
    job_id: str
    command_ids: tuple[str, ...]
    expires_ms: int


class Withdrawals:
    """Those that wait for their turn; they go before any cue."""

    def __init__(self, commands: Commands, records: Records, meter: Meter, now: Now) -> None:
        self._commands = commands
        self._records = records
        self._meter = meter
        self._now = now
        self._waiting: deque[Withdrawal] = deque()

    def want(self, room: str, job_id: str, command_ids: Sequence[str], now_ms: int) -> None:
        """These are out of place now."""
        for at in range(0, len(command_ids), _MOST):
            ids = tuple(command_ids[at : at + _MOST])
            self._waiting.append(Withdrawal(room, job_id, ids, now_ms + _WORTH_MS))

    def take(self, ready: Callable[[str], bool], now_ms: int) -> Withdrawal | None:
        """The next of a room that is ready for a command."""
        for _ in range(len(self._waiting)):
            wanted = self._waiting.popleft()
            if wanted.expires_ms <= now_ms:
                continue
            if ready(wanted.room):
                return wanted
            self._waiting.append(wanted)
        return None

    async def send(self, wanted: Withdrawal, job: Job | None, air: OnAir) -> CloudError | None:
        """Have them dropped; the error the cloud answered with, if any."""
        if job is None or wanted.job_id not in {"", job.job_id}:
            raise NothingSent
        still = [one for one in air.airtime.command_ids if one in wanted.command_ids]
        if not still:
            raise NothingSent
        try:
            await self._commands.withdraw(wanted.room, job, still)
        except CloudError as error:
            log.warning("not-withdrawn", room=wanted.room, commands=len(still), error=str(error))
            self._waiting.append(wanted)  # within its time: to drop an insert twice does no harm
            return error
        # What is on the air by now is said to its end, and called back; if it was not, its time passes.
        said = air.airtime.speaking(self._now())
        for command_id, cue in air.withdrawn([one for one in still if one != said]):
            outcome = Outcome.WITHDRAWN
            entry = line(Waiting(cue), outcome, self._now(), job_id=job.job_id, command_id=command_id)
            self._records.note(wanted.room, entry)
            self._records.returned(cue)
            self._meter.count(Count.CUES, wanted.room, reason=outcome)
        return None
