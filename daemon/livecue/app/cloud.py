"""MetaStudio behind the runtime's ports: rooms by key, limits kept, one attempt per call."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from msgspec import structs

from livecue.app.limits import Limits
from livecue.domain import CloudError, Cue, Job, JobState, Meaning, ReportedEvent, RoomKind
from livecue.metastudio import (
    MetaStudio,
    ReportUrls,
    ShownCallback,
    clean_up_body,
    command_body,
)
from livecue.metastudio.last_resort import hours_of, names_policy, with_exit
from livecue.receiver import CallbackRoom, unheard
from livecue.runtime.ports import Now

log = structlog.get_logger()

_SWEEP_S: Final = 30.0
_RUNNING_CHATS: Final = (JobState.WAITING, JobState.PROCESSING, JobState.HEARTBEAT)
_NOT_OFFERED: Final = frozenset({Meaning.NOT_FOUND, Meaning.INVALID, Meaning.FORBIDDEN})
_URL_IS_NO_GOOD: Final = frozenset(
    {Meaning.REPORT_URL_DEAD, Meaning.REPORT_KEY_WRONG, Meaning.REPORT_URL_STALE}
)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class CloudRoom:
    """What the cloud calls a room, and the body its starts are asked for with."""

    room_id: str
    kind: RoomKind = RoomKind.LIVE
    robot_id: str = ""
    start: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stop_mode: str = ""
    outputs: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Where it may stream to, and the key: MetaStudio streams to one at a time, the first to begin with."""
    callback: CallbackRoom | None = None
    """Whose callbacks livecue believes; None if it asks for none, or `start` sends them elsewhere."""
    standby: str = ""
    """The cloud room that a live goes on in when its own cannot have it."""

    def at(self, place: str) -> str:
        """The id of the cloud room that a job's `place` names.

        It is believed as it is: a job is stopped also where the standby was taken out of the file.
        """
        return place or self.room_id


class CloudCommands:
    """`Commands`: the dispatcher holds the slot of a command."""

    def __init__(self, client: MetaStudio, rooms: Mapping[str, CloudRoom], limits: Limits) -> None:
        self._client = client
        self._rooms = rooms
        self._limits = limits
        self._lists_inserts = True

    async def send(self, cue: Cue, job: Job) -> str:
        return await self._client.command(self._rooms[cue.room].at(job.place), job.job_id, command_body(cue))

    async def withdraw(self, room: str, job: Job, command_ids: Collection[str]) -> None:
        place = self._rooms[room].at(job.place)
        await self._client.command(place, job.job_id, clean_up_body(command_ids))

    async def unplayed(self, room: str, job: Job) -> frozenset[str] | None:
        if not self._lists_inserts:
            return None
        try:
            async with self._limits.slot("list_inserts"):
                return await self._client.unplayed(self._rooms[room].at(job.place), job.job_id)
        except CloudError as error:
            if error.meaning is not Meaning.NOT_FOUND or error.error_code.startswith("MSS."):
                raise
            self._lists_inserts = False  # an older cloud; one that is updated is asked again after a restart
            return None


class CloudReports:
    """`Reports`: the reporter holds the slot. Looks after each room's report URL (see `ReportUrls`)."""

    def __init__(self, client: MetaStudio, rooms: Mapping[str, CloudRoom], now: Now = wall_ms) -> None:
        self._client = client
        self._rooms = rooms
        self._urls = ReportUrls()
        self._now = now

    async def send(self, room: str, job: Job, events: tuple[ReportedEvent, ...]) -> None:
        shown = job.report_url or self._client.report_url(self._rooms[room].at(job.place), job.job_id)
        use = self._urls.use(room, job.job_id, shown, self._now())
        try:
            newer = await self._client.report(use.url, events, refresh=use.refresh)
        except CloudError as refusal:
            if refusal.meaning in _URL_IS_NO_GOOD:
                self._urls.forget(room)
            raise
        if newer:
            self._urls.keep(room, job.job_id, shown, newer, self._now())


class CloudJobs:
    """`LiveJobs`, for live and chat rooms alike."""

    def __init__(
        self, client: MetaStudio, rooms: Mapping[str, CloudRoom], limits: Limits, now: Now = wall_ms
    ) -> None:
        self._client = client
        self._rooms = rooms
        self._limits = limits
        self._now = now
        self._unlisted: set[str] = set()

    def lists(self, room: str) -> bool:
        return room not in self._unlisted

    async def running(self, room: str, place: str = "") -> list[Job]:
        cloud = self._rooms[room]
        if cloud.kind is RoomKind.CHAT:
            return await self._running_chats(room, cloud, place)
        async with self._limits.slot("list"):
            jobs = await self._client.list_jobs(cloud.at(place), newest=100)
        return [_placed(job, place) for job in jobs if not job.over]

    async def _running_chats(self, room: str, cloud: CloudRoom, place: str) -> list[Job]:
        """The vendor's SDK lists chat jobs, S4 7.1.2 does not: a cloud that refuses to is asked no more."""
        if room in self._unlisted:
            return []
        try:
            async with self._limits.slot("list_chats"):
                jobs = await self._client.list_chats(cloud.at(place), states=_RUNNING_CHATS)
        except CloudError as error:
            if error.meaning not in _NOT_OFFERED:
                raise
            self._unlisted.add(room)
            log.warning("chats-not-listed", room=room, error=str(error))
            return []
        jobs.sort(key=lambda job: -(job.created_ms or 0))
        return [_placed(job, place) for job in jobs if not job.over]

    async def everywhere(self) -> list[tuple[str, str, Job]]:
        """`TenantJobs`. Filtered in the cloud: a state that the API adds later, the room's own looks see."""
        keys = {cloud.room_id: (key, "") for key, cloud in self._rooms.items()}
        keys |= {cloud.standby: (key, cloud.standby) for key, cloud in self._rooms.items() if cloud.standby}
        async with self._limits.slot("list_tenant"):
            found = await self._client.list_all_jobs(
                states=(JobState.WAITING, JobState.PROCESSING), within_s=_SWEEP_S
            )
        placed = [(*keys.get(room_id, ("", "")), room_id, job) for room_id, job in found if not job.over]
        return [(key, room_id, _placed(job, place)) for key, place, room_id, job in placed]

    async def start(self, room: str, lasts_ms: int, place: str = "") -> Job:
        cloud = self._rooms[room]
        if cloud.kind is RoomKind.CHAT:
            async with self._limits.slot("start_chat"):
                job = await self._client.start_chat(cloud.at(place), cloud.robot_id, cloud.start)
            return _placed(job, place)
        body = await self._with_exit(cloud, cloud.at(place), lasts_ms / 1000)
        async with self._limits.slot("start"):
            job = await self._client.start(cloud.at(place), body)
        return _placed(job if job.limit_h else structs.replace(job, limit_h=hours_of(body)), place)

    async def _with_exit(self, cloud: CloudRoom, room_id: str, lasts_s: float) -> Mapping[str, Any]:
        """The start's body with the cloud's own end of the live.

        Not without knowing the room's play policy, which would be lost: other paths stop the live too.
        """
        if names_policy(cloud.start):
            return with_exit(cloud.start, {}, lasts_s, cloud.stop_mode)
        try:
            async with self._limits.slot("show_room"):
                room = await self._client.show_room(room_id)
        except CloudError as error:
            if error.meaning is not Meaning.UNAUTHENTICATED:  # the start itself will say so
                log.warning("exit-not-set", room_id=room_id, error=str(error))
            return cloud.start
        return with_exit(cloud.start, room, lasts_s, cloud.stop_mode)

    async def show(self, room: str, job_id: str, place: str = "") -> Job:
        cloud = self._rooms[room]
        if cloud.kind is RoomKind.CHAT:
            async with self._limits.slot("show_chat"):
                return _placed(await self._client.show_chat(cloud.at(place), job_id), place)
        async with self._limits.slot("show"):
            shown = await self._client.show(cloud.at(place), job_id, self._judge(cloud.callback))
        return _placed(shown, place)

    def _judge(self, room: CallbackRoom | None) -> Callable[[ShownCallback], tuple[str, ...]] | None:
        if room is None:
            return None

        def judge(shown: ShownCallback) -> tuple[str, ...]:
            return unheard(
                room,
                url=shown.url,
                auth_type=shown.auth_type,
                key=shown.key,
                events=shown.events,
                now_s=self._now() / 1000,
            )

        return judge

    async def refresh_output(self, room: str, job_id: str, number: int, place: str = "") -> None:
        cloud = self._rooms[room]
        url, key = cloud.outputs[number]
        params = {"output_urls": [url]} | ({"stream_keys": [key]} if key else {})
        async with self._limits.slot("command"):
            await self._client.command(
                cloud.at(place), job_id, {"command": "REFRESH_OUTPUT_URL", "params": params}
            )

    async def stop(self, room: str, job_id: str, place: str = "") -> None:
        cloud = self._rooms[room]
        chat = cloud.kind is RoomKind.CHAT
        async with self._limits.slot("stop_chat" if chat else "stop"):
            await (self._client.stop_chat if chat else self._client.stop)(cloud.at(place), job_id)


def _placed(job: Job, place: str) -> Job:
    return structs.replace(job, place=place) if place else job
