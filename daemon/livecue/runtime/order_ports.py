"""What somebody asked for by hand: `livecue jobs start | stop | extend | pause | resume ROOM`.

An order stands beside the plan and outlives the daemon; the plan itself is never changed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

import msgspec

FOREVER_MS = 1 << 62


class OrderError(Exception):
    """What was asked for cannot be done in this room now. Remedy: the text says it."""


class Command(StrEnum):
    """What can be asked for."""

    START = "start"
    STOP = "stop"
    EXTEND = "extend"
    PAUSE = "pause"
    RESUME = "resume"


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last word by hand about a room. Times are wall clock in ms.

    Until `live_until_ms` the room is to be live whatever the plan says; until `off_until_ms` no session
    counts; a job that is older than `stop_before_ms` is stopped, whoever started it.
    """

    at_ms: int = 0
    live_until_ms: int = 0
    off_until_ms: int = 0
    stop_before_ms: int = 0


NO_ORDER = Order()


class Orders(Protocol):
    """Durable, one per room."""

    async def load(self) -> dict[str, Order]: ...

    async def save(self, room: str, order: Order) -> None:
        """Return once the bus has stored it.

        Raises:
            BusError: not stored.
        """


class MemoryOrders:
    """`Orders` that are forgotten with the process."""

    def __init__(self) -> None:
        self.stored: dict[str, Order] = {}

    async def load(self) -> dict[str, Order]:
        return dict(self.stored)

    async def save(self, room: str, order: Order) -> None:
        self.stored[room] = order


class Request(msgspec.Struct, frozen=True):
    """One question of the command line: `do` is a `Command`, or `list`."""

    do: str
    room: str = ""
    for_ms: int = 0


class Reply(msgspec.Struct, frozen=True):
    """Its answer: `error` empty, and the rooms asked about."""

    error: str = ""
    rooms: list[dict[str, Any]] = []


__all__ = [
    "FOREVER_MS",
    "NO_ORDER",
    "Command",
    "MemoryOrders",
    "Order",
    "OrderError",
    "Orders",
    "Reply",
    "Request",
]
