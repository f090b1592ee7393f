"""Putting aside what could not be read: on the bus each time, in the log as long as there is room for it."""

from __future__ import annotations

import structlog

from livecue.runtime.decoding import Unreadable, UnreadableError
from livecue.runtime.ports import DeadLetters, Delivery
from livecue.runtime.sparing import Sparing

log = structlog.get_logger()


class Burial:
    """Of one partition."""

    def __init__(self, dead: DeadLetters) -> None:
        self._dead = dead
        self._sparing = Sparing()

    async def bury(self, room: str, place: str, error: UnreadableError, now_ms: int) -> None:
        """`place` is unique in the room: the bus knows a repetition by it.

        Raises:
            BusError: not stored.
        """
        self.sum_up(now_ms)
        if self._sparing.may(now_ms, room, str(error.reason)):
            log.warning("dead-letter", room=room, reason=str(error.reason), detail=error.detail)
        await self._dead.bury(room, str(error.reason), error.detail, error.body, f"dead:{room}:{place}")

    async def bury_strange(self, delivery: Delivery, now_ms: int) -> None:
        """A message for a room that nobody configured.

        Raises:
            BusError: not stored.
        """
        detail = "no such room in the configuration: add it to `rooms`, or publish to a configured room"
        error = UnreadableError(Unreadable.UNKNOWN_ROOM, detail, delivery.body)
        await self.bury(delivery.room, str(delivery.seq), error, now_ms)

    def sum_up(self, now_ms: int) -> None:
        """Say how many dead letters a flood of them has left out of the log."""
        if out := self._sparing.untold(now_ms):
            log.warning("dead-letters-untold", **out.counts, rooms=out.rooms)
