"""What the rooms say of themselves: their preset script, and how fast their voice is (S4 6.1.3).

SHOOT_SCRIPT_SWITCH tells which segment is now being spoken, not what it says (S3, table 8): the text comes
from the room. So does the voice's speed, by which its airtime is reckoned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from livecue.app.cloud import CloudRoom
from livecue.app.limits import Limits
from livecue.app.reload import Rulebook
from livecue.domain import CloudError, EventType, Meaning, RoomKind
from livecue.engine import Script
from livecue.metastudio import MetaStudio, script_of, voice_speed_of
from livecue.runtime.ports import BusError
from livecue.runtime.sender_ports import JobBoard

log = structlog.get_logger()

_PAUSE_S = 5.0
_NO_USE = frozenset({Meaning.NOT_FOUND, Meaning.FORBIDDEN, Meaning.INVALID})


class SetupKeeper:
    """Asks for live rooms at the start and with each new job; a failure is tried again after 5 s."""

    def __init__(
        self,
        client: MetaStudio,
        rooms: Mapping[str, CloudRoom],
        limits: Limits,
        book: Rulebook,
        set_speed: Callable[[str, int], None],
        board: JobBoard,
        tell: Callable[[str, Script], Awaitable[None]],
    ) -> None:
        """`set_speed(room, speed)`: the room's voice has this speed, 100 being normal.

        `board`: in which cloud room the room's job runs; without one it is its own. `tell(room, script)`: let
        the other replicas know.
        """
        self._tell = tell
        self._client = client
        self._rooms = rooms
        self._limits = limits
        self._book = book
        self._set_speed = set_speed
        self._board = board
        self._wanted = set(rooms)
        self._complaint: Meaning | None = None
        self._woken = asyncio.Event()

    def ask(self, room: str) -> None:
        """The room may have been changed: ask again."""
        self._wanted.add(room)
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Ask for what is wanted until `stop` is set."""
        while not stop.is_set():
            self._woken.clear()
            for room in sorted(filter(self._speaks, self._wanted)):
                if stop.is_set() or not await self._fetch(room):
                    break
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_S if self._wanted else _PAUSE_S / 5):
                    await self._either(stop)

    async def _either(self, stop: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait(), name="await-setup") for event in (stop, self._woken)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _speaks(self, room: str) -> bool:
        """Whether rules speak in the room at all."""
        return self._rooms[room].kind is RoomKind.LIVE and bool(self._book[room].program.event_types)

    async def _fetch(self, room: str) -> bool:
        """Whether there is any use in asking for the next one."""
        try:
            async with self._limits.slot("show_room"):
                job = self._board.job(room)
                setup = await self._client.show_room(self._rooms[room].at(job.place if job else ""))
        except CloudError as error:
            self._complain(room, error)
            if error.meaning in _NO_USE:
                self._wanted.discard(room)  # until its next job
            return error.meaning is not Meaning.UNAUTHENTICATED
        self._complaint = None
        try:
            await self._learn(room, setup)
        except BusError as error:
            log.warning("setup-not-fetched", room=room, error=str(error))
            return False
        self._wanted.discard(room)
        return True

    def _complain(self, room: str, error: CloudError) -> None:
        """Once for all rooms, until the cloud says something else; wrong credentials are told elsewhere."""
        if error.meaning not in {self._complaint, Meaning.UNAUTHENTICATED}:
            log.warning("setup-not-fetched", room=room, error=str(error))
        self._complaint = error.meaning

    async def _learn(self, room: str, setup: Mapping[str, Any]) -> None:
        speed = voice_speed_of(setup)
        if speed is not None:
            self._set_speed(room, speed)
        script = {}
        if EventType.SCRIPT in self._book[room].program.event_types:
            script = script_of(setup)
            self._book.learn(room, script)
            await self._tell(room, script)
        log.info("setup-fetched", room=room, segments=len(script), voice_speed=speed)
