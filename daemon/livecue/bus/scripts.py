"""What the rooms' scripts say, kept in LIVE_PLAN: one replica asks the cloud, all decide by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.api import TIMEOUT_S
from livecue.bus.tail import StreamReplacedError, Tail
from livecue.runtime.ports import BusError

log = structlog.get_logger()

_STREAM: Final = "LIVE_PLAN"
_PREFIX: Final = "live.plan.script."
_MOST_BYTES: Final = 900_000  # below a server's smallest usual max_payload

Segments = Mapping[tuple[str, str], str]


class _Wire(msgspec.Struct):
    segments: list[tuple[str, str, str]]
    v: int = 1


class NatsScripts:
    """`live.plan.script.<room>`: scene, number and text of each segment, the last one told of each room."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._tail = self._new_tail()

    def _new_tail(self) -> Tail:
        return Tail(self._nc, _STREAM, [f"{_PREFIX}*"])

    async def tell(self, room: str, script: Segments) -> None:
        """Return once the bus has stored it. One that is too large for a message is not told, and logged.

        Raises:
            BusError: not stored.
        """
        body = msgspec.json.encode(_Wire([(*key, text) for key, text in script.items()]))
        if len(body) > _MOST_BYTES:
            log.warning("script-too-large", room=room, bytes=len(body))
            return
        try:
            reply = await self._nc.request(f"{_PREFIX}{room}", body, timeout=TIMEOUT_S)
        except (NatsError, OSError) as error:
            raise BusError(f"the script of {room} was not stored: {type(error).__name__}") from error
        if failure := msgspec.json.decode(reply.data).get("error"):
            raise BusError(f"the script of {room} was refused: {failure.get('description')}")

    async def take(self, wait_s: float) -> list[tuple[str, Segments]]:
        """(room, script) of those told since the last call, at the first call of all.

        Raises:
            BusError: not now; call again after a pause.
        """
        found: list[tuple[str, Segments]] = []
        try:
            taken = await self._tail.take(256, wait_s)
        except StreamReplacedError:
            await self._tail.close()
            self._tail = self._new_tail()
            raise
        for msg in taken:
            try:
                wire = msgspec.json.decode(msg.body, type=_Wire)
            except msgspec.MsgspecError as error:
                log.warning("foreign-message", subject=msg.subject, seq=msg.seq, error=str(error))
                continue
            found.append((msg.subject.removeprefix(_PREFIX), {(a, b): text for a, b, text in wire.segments}))
        return found

    async def close(self) -> None:
        """Let go of the reader."""
        await self._tail.close()
