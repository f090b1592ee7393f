"""Stops that the server keeps and sends when they are due, in the stream LIVE_PLAN.

`live.plan.stop.<room>` holds a scheduled message (nats-server >= 2.12, ADR-51); at its time the server
moves it to `live.plan.due.<room>`, also when it was down at that time. A newer one for the room takes the
older one's place. What is due stays in the stream until it is settled.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.api import TIMEOUT_S, api_request
from livecue.bus.tail import StreamReplacedError, Tail
from livecue.runtime.ports import BusError
from livecue.runtime.stop_ports import StopDue, StopNote

log = structlog.get_logger()

_STREAM = "LIVE_PLAN"


class NatsStopTimers:
    """`StopTimers` on LIVE_PLAN."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._tail: Tail | None = None

    async def set(self, note: StopNote, at_ms: int) -> None:
        when = datetime.fromtimestamp(-(-at_ms // 1000), UTC).isoformat().replace("+00:00", "Z")
        headers = {"Nats-Schedule": f"@at {when}", "Nats-Schedule-Target": f"live.plan.due.{note.room}"}
        body = msgspec.json.encode({"v": 1, **msgspec.to_builtins(note)})
        try:
            reply = await self._nc.request(
                f"live.plan.stop.{note.room}", body, timeout=TIMEOUT_S, headers=headers
            )
        except (NatsError, OSError) as error:
            raise BusError(f"the stop of {note.room} was not scheduled: {type(error).__name__}") from error
        if failure := msgspec.json.decode(reply.data).get("error"):
            raise BusError(f"the stop of {note.room} was refused: {failure.get('description')}")

    async def cancel(self, room: str) -> None:
        await api_request(self._nc, f"STREAM.PURGE.{_STREAM}", {"filter": f"live.plan.stop.{room}"})

    async def due(self, wait_s: float) -> list[StopDue]:
        if self._tail is None:
            self._tail = Tail(self._nc, _STREAM, ["live.plan.due.*"])
        found = []
        try:
            taken = await self._tail.take(256, wait_s)
        except StreamReplacedError:
            await self.close()
            self._tail = None  # the server came back without its store: the new stream is read from its start
            raise
        for msg in taken:
            try:
                found.append(StopDue(msgspec.json.decode(msg.body, type=StopNote), msg.seq))
            except msgspec.MsgspecError as error:
                log.warning("stop-note-unreadable", subject=msg.subject, error=str(error))
        return found

    async def settle(self, due: StopDue) -> None:
        body = {"filter": f"live.plan.due.{due.note.room}", "seq": due.seq + 1}
        await api_request(self._nc, f"STREAM.PURGE.{_STREAM}", body)

    async def close(self) -> None:
        """Let go of the reader."""
        if self._tail is not None:
            await self._tail.close()
