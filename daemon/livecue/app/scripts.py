"""The rooms' preset scripts, fetched from the cloud for rules of event type 10.

SHOOT_SCRIPT_SWITCH tells which segment is now being spoken, not what it says (S3, table 8): the text
comes from the room (S4 6.1.3). Only rooms that have such a rule are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import structlog

from livecue.app.cloud import CloudRoom, Limits
from livecue.app.reload import Rulebook
from livecue.domain import CloudError, EventType, RoomKind
from livecue.metastudio import MetaStudio

log = structlog.get_logger()

_PAUSE_S = 5.0


class ScriptKeeper:
    """Fetches a room's script at the start and with each new job; a failure is tried again after 5 s."""

    def __init__(
        self, client: MetaStudio, rooms: Mapping[str, CloudRoom], limits: Limits, book: Rulebook
    ) -> None:
        self._client = client
        self._rooms = rooms
        self._limits = limits
        self._book = book
        self._wanted = set(rooms)
        self._woken = asyncio.Event()

    def ask(self, room: str) -> None:
        """The room's script may have changed: fetch it again."""
        self._wanted.add(room)
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch what is wanted until `stop` is set."""
        while not stop.is_set():
            self._woken.clear()
            for room in sorted(filter(self._reads, self._wanted)):
                await self._fetch(room)
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_S if self._wanted else _PAUSE_S / 5):
                    await self._either(stop)

    async def _either(self, stop: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait(), name="await-script") for event in (stop, self._woken)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _reads(self, room: str) -> bool:
        """Whether a rule of the room is about its script."""
        live = self._rooms[room].kind is RoomKind.LIVE
        return live and EventType.SCRIPT in self._book[room].program.event_types

    async def _fetch(self, room: str) -> None:
        try:
            async with self._limits.slot("show_room"):
                script = await self._client.show_script(self._rooms[room].room_id)
        except CloudError as error:
            log.warning("script-not-fetched", room=room, error=str(error))
            return
        self._wanted.discard(room)
        self._book.learn(room, script)
        log.info("script-fetched", room=room, segments=len(script))
