"""Reading what LIVE_IN holds, once, from outside the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import nats
from nats.errors import Error as NatsError

from livecue.bus.tail import Tail
from livecue.runtime.ports import BusError, Delivery

_TAKE = 256
_WAIT_S = 1.0
_CONNECT_S = 4.0


async def recorded(url: str, *, room: str = "*", since_ms: int | None = None) -> AsyncIterator[Delivery]:
    """Every event and signal stored so far, in order, until there is no more.

    `url` may carry user and password, or a token: `nats://token@host:4222`.

    Raises:
        BusError: the server cannot be reached, or has no LIVE_IN.
    """
    try:
        async with asyncio.timeout(_CONNECT_S):  # its own limits count attempts, two seconds apart
            nc = await nats.connect(url, connect_timeout=3, allow_reconnect=False, error_cb=_quiet)
    except (NatsError, OSError, TimeoutError) as error:
        raise BusError(f"no NATS server there: {str(error) or type(error).__name__}") from error
    try:
        subjects = [f"live.events.*.{room}", f"live.signals.*.{room}"]
        tail = Tail(nc, "LIVE_IN", subjects, since_ms=since_ms)
        while taken := await tail.take(_TAKE, _WAIT_S):
            for msg in taken:
                _, lane, _, key = msg.subject.split(".", 3)
                yield Delivery(msg.seq, msg.at_ms, lane, key, msg.body)
        await tail.close()
    finally:
        await nc.close()


async def _quiet(_: Exception) -> None:
    """Errors reach the caller as exceptions of what he called."""
