"""MetaStudio behind the runtime's ports: rooms by key, limits kept, one attempt per call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livecue.domain import CloudError, Cue, Job, Meaning, ReportedEvent, RoomKind
from livecue.egress.limiter import Slots
from livecue.metastudio import MetaStudio, clean_up_body, command_body
from livecue.metastudio.limits import documented
from livecue.runtime.ports import Now

_CROWDED_S = 0.02


@dataclass(frozen=True)
class CloudRoom:
    """What the cloud calls a room, and the body its starts are asked for with."""

    room_id: str
    kind: RoomKind = RoomKind.LIVE
    robot_id: str = ""
    start: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Limits:
    """The tenant's slots by operation: documented ones, or the user's own numbers."""

    def __init__(self, region: str, overrides: Mapping[str, int], now: Now) -> None:
        self._now = now
        self._slots = {name: Slots(n) for name, n in {**documented(region), **overrides}.items()}
        self._turns = {name: asyncio.Lock() for name in self._slots}

    def slots(self, operation: str) -> Slots:
        return self._slots[operation]

    @asynccontextmanager
    async def slot(self, operation: str) -> AsyncIterator[None]:
        """Wait for a slot, in order of asking; it comes back when the call is answered."""
        slots = self._slots[operation]
        async with self._turns[operation]:
            for wait in iter(lambda: slots.wait_ms(self._now()), 0):
                await asyncio.sleep(_CROWDED_S if wait is None else wait / 1000)
            slots.take()
        try:
            yield
        except CloudError as error:
            if error.meaning is Meaning.SLOW_DOWN:
                slots.pause(self._now() + int(1000 * (error.retry_after_s or 1)))
            raise
        finally:
            slots.give_back(self._now())


class CloudCommands:
    """`Commands`: the dispatcher holds the slot of a command."""

    def __init__(self, client: MetaStudio, rooms: Mapping[str, CloudRoom], limits: Limits) -> None:
        self._client = client
        self._rooms = rooms
        self._limits = limits
        self._lists_inserts = True

    async def send(self, cue: Cue, job: Job) -> str:
        return await self._client.command(self._rooms[cue.room].room_id, job.job_id, command_body(cue))

    async def withdraw(self, room: str, job: Job, command_ids: Collection[str]) -> None:
        await self._client.command(self._rooms[room].room_id, job.job_id, clean_up_body(command_ids))

    async def unplayed(self, room: str, job: Job) -> frozenset[str] | None:
        if not self._lists_inserts:
            return None
        try:
            async with self._limits.slot("list_inserts"):
                return await self._client.unplayed(self._rooms[room].room_id, job.job_id)
        except CloudError as error:
            if error.meaning is not Meaning.NOT_FOUND or error.error_code.startswith("MSS."):
                raise
            self._lists_inserts = False  # an older cloud; one that is updated is asked again after a restart
            return None


class CloudReports:
    """`Reports`: the reporter holds the slot. Remembers a refreshed URL until the job shows a new one."""

    def __init__(self, client: MetaStudio, rooms: Mapping[str, CloudRoom]) -> None:
        self._client = client
        self._rooms = rooms
        self._refreshed: dict[str, tuple[str, str]] = {}

    async def send(self, room: str, job: Job, events: tuple[ReportedEvent, ...]) -> None:
        shown = job.report_url or self._client.report_url(self._rooms[room].room_id, job.job_id)
        basis, newer = self._refreshed.get(room, ("", ""))
        refreshed = await self._client.report(newer if basis == shown else shown, events)
        if refreshed:
            self._refreshed[room] = (shown, refreshed)


class CloudJobs:
    """`LiveJobs`, for live and chat rooms alike."""

    def __init__(self, client: MetaStudio, rooms: Mapping[str, CloudRoom], limits: Limits) -> None:
        self._client = client
        self._rooms = rooms
        self._limits = limits

    async def running(self, room: str) -> list[Job]:
        cloud = self._rooms[room]
        if cloud.kind is RoomKind.CHAT:
            return []  # no operation lists chat jobs (S4 7.1.2): what we started we know by our own note
        async with self._limits.slot("list"):
            jobs = await self._client.list_jobs(cloud.room_id, newest=100)
        return [job for job in jobs if not job.over]

    async def start(self, room: str) -> Job:
        cloud = self._rooms[room]
        if cloud.kind is RoomKind.CHAT:
            async with self._limits.slot("start_chat"):
                answer = await self._client.start_chat(cloud.room_id, cloud.robot_id, cloud.start)
            return Job(str(answer["job_id"]), "WAITING")
        async with self._limits.slot("start"):
            return await self._client.start(cloud.room_id, cloud.start)

    async def show(self, room: str, job_id: str) -> Job:
        cloud = self._rooms[room]
        chat = cloud.kind is RoomKind.CHAT
        async with self._limits.slot("show_chat" if chat else "show"):
            return await (self._client.show_chat if chat else self._client.show)(cloud.room_id, job_id)

    async def stop(self, room: str, job_id: str) -> None:
        cloud = self._rooms[room]
        chat = cloud.kind is RoomKind.CHAT
        async with self._limits.slot("stop_chat" if chat else "stop"):
            await (self._client.stop_chat if chat else self._client.stop)(cloud.room_id, job_id)
