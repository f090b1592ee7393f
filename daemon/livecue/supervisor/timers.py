"""The third path to a forgotten live: the bus says that a stop is due, whatever the loop remembers.

What is due is carried out here, past the loop's looks and turns, and asked again until the job is seen
over. If the plan wants the room live by now, the timer is set anew for the end of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from livecue.domain import CloudError, Job, Meaning
from livecue.runtime.job_ports import LiveJobs
from livecue.runtime.ports import BusError, Now
from livecue.runtime.stop_ports import StopDue, StopTimers
from livecue.supervisor.chats import SHARED_SKEW_MS
from livecue.supervisor.desk import log
from livecue.supervisor.look import is_over
from livecue.supervisor.reconcile import GONE, SKEW_MS, backoff_ms, to_ms
from livecue.supervisor.timetable import Window

LATE_MS = 15_000
"""How long after the session's end the timer is due: the loop comes first."""
_PAUSE_S = 1.0
_NOT_THERE = frozenset({Meaning.JOB_OVER, Meaning.NOT_FOUND})


@dataclass
class _Debt:
    due: StopDue
    tries: int = 0
    next_ms: int = 0


class StopTimerKeeper:
    """Sees to what is due. `wanted(room)` is the run that wants the room live now; `shared`: see `RoomPlan`.

    Raises:
        KeyError: by `wanted`, for a room that is not configured: its timer is left on the bus.
    """

    def __init__(
        self,
        timers: StopTimers,
        jobs: LiveJobs,
        wanted: Callable[[str], Window | None],
        now: Now,
        *,
        shared: Collection[str] = (),
    ) -> None:
        self._timers = timers
        self._jobs = jobs
        self._wanted = wanted
        self._now = now
        self._shared = frozenset(shared)
        self._debts: dict[str, _Debt] = {}
        self._complaint = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        try:
            while not stop.is_set():
                if not await self.turn(_PAUSE_S):
                    await asyncio.sleep(_PAUSE_S)
        finally:
            await self._timers.close()

    async def turn(self, wait_s: float = 0.0) -> bool:
        """Hear what came due and see to all that is; False if the bus did not answer."""
        try:
            for due in await self._timers.due(wait_s):
                self._debts[due.note.room] = _Debt(due)
        except BusError as error:
            return self._complain("timers-unreadable", error)
        now_ms = self._now()
        for debt in [debt for debt in self._debts.values() if debt.next_ms <= now_ms]:
            await self._see_to(debt)
        return True

    async def _see_to(self, debt: _Debt) -> None:
        debt.tries += 1
        debt.next_ms = self._now() + backoff_ms(debt.tries, 2_000, 10_000)
        note = debt.due.note
        try:
            if not await self._is_settled(debt):
                return
            await self._timers.settle(debt.due)
        except CloudError as error:
            self._complain("timed-stop-failed", error, note.room)
        except BusError as error:
            self._complain("timers-unreadable", error, note.room)
        except KeyError:
            self._debts.pop(note.room, None)
            remedy = "put the room back until its job is stopped, or stop it in the cloud's console"
            log.error("room-removed-while-live", room=note.room, job_id=note.job_id, remedy=remedy)
        else:
            self._complaint = ""
            self._debts.pop(note.room, None)

    async def _is_settled(self, debt: _Debt) -> bool:
        note = debt.due.note
        window = self._wanted(note.room)
        if window is not None:
            await self._timers.set(note, to_ms(window.end) + LATE_MS)
            return True
        running = await self._running(debt)
        for job in running:
            log.warning("job-stopping-by-timer", room=note.room, job_id=job.job_id, session=note.session)
            try:
                await self._jobs.stop(note.room, job.job_id, note.place)
            except CloudError as error:
                if error.meaning not in _NOT_THERE:
                    raise
        return not running

    async def _running(self, debt: _Debt) -> list[Job]:
        note = debt.due.note
        if note.job_id:
            try:
                job = await self._jobs.show(note.room, note.job_id, note.place)
            except CloudError as error:
                if error.meaning in _NOT_THERE:
                    job = Job(note.job_id, GONE)
                else:
                    # unseen: it is owed all the same
                    await self._jobs.stop(note.room, note.job_id, note.place)
                    raise
            return [] if is_over(job) else [job]
        born_ms = note.since_ms - (SHARED_SKEW_MS if note.room in self._shared else SKEW_MS)
        jobs = await self._jobs.running(note.room, note.place)
        return [job for job in jobs if job.created_ms is None or job.created_ms >= born_ms]

    def _complain(self, event: str, error: Exception, room: str = "") -> bool:
        complaint = f"{event} {room} {getattr(error, 'meaning', '')}"
        if complaint != self._complaint:  # once, until it changes
            self._complaint = complaint
            log.warning(event, room=room, error=str(error))
        return False
