"""The second path to a forgotten live: all running jobs of the tenant, at the start and every minute.

A room's own looks pass over what they do not expect: a second job beside its own, or one in a room
that is looked at rarely. The sweep decides nothing itself: it makes the room's next turn see the job,
and `reconcile.decide` keeps, serves or stops it by the plan and by `unplanned`. A job in a room that
is not configured belongs to somebody else: it is told of, and never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from livecue.domain import CloudError, Job, Meaning
from livecue.runtime.ports import Count, Meter
from livecue.supervisor.desk import log

EVERY_S = 60.0
AGAIN_S = 10.0
"""After a failed sweep."""


class TenantJobs(Protocol):
    """Every running job of the tenant."""

    async def everywhere(self) -> list[tuple[str, str, Job]]:
        """(room's key or empty, room id, job) of each live job that is not over."""


class Rooms(Protocol):
    """What the sweep tells of a configured room: the supervisor."""

    def found(self, room: str, job: Job) -> None:
        """The job is running in the room."""


class Sweeper:
    """Asks for the tenant's jobs, and tells each configured room of its own."""

    def __init__(self, jobs: TenantJobs, rooms: Rooms, meter: Meter) -> None:
        self._jobs = jobs
        self._rooms = rooms
        self._meter = meter
        self._told: frozenset[str] = frozenset()
        self._complaint = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep at once and every minute until `stop` is set."""
        while not stop.is_set():
            swept = await self.sweep_once()
            await _either(stop.wait, EVERY_S if swept else AGAIN_S)

    async def sweep_once(self) -> bool:
        """Whether the cloud gave its list."""
        try:
            found = await self._jobs.everywhere()
        except CloudError as error:
            if str(error.meaning) != self._complaint:  # once, until it changes
                self._complaint = str(error.meaning)
                if (
                    error.meaning is not Meaning.UNAUTHENTICATED
                ):  # said already, once, by who looks at the rooms
                    log.warning("sweep-failed", error=str(error), meaning=str(error.meaning))
            return False
        self._complaint = ""
        strangers = {job.job_id: room_id for room, room_id, job in found if not room}
        for job_id, room_id in strangers.items():
            if job_id not in self._told:
                self._tell(job_id, room_id)
        self._told = frozenset(strangers)
        for room, _, job in found:
            if room:
                self._rooms.found(room, job)
        return True

    def _tell(self, job_id: str, room_id: str) -> None:
        self._meter.count(Count.JOBS_UNKNOWN)
        log.warning(
            "job-in-unknown-room",
            room_id=room_id,
            job_id=job_id,
            remedy="it runs and costs: stop it in the cloud's console if nobody wants it, or configure its room",
        )


async def _either(wait: Callable[[], Awaitable[object]], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wait()
