"""The receiver behind a socket: uvicorn, Starlette, and a bus that remembers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from socket import socket
from typing import Any

import uvicorn

from livecue.receiver import (
    AuthType,
    CallbackDoor,
    CallbackRoom,
    IngestDoor,
    IngestRoom,
    Key,
    Unknown,
    UriForm,
    token_hash,
)
from livecue.receiver.signature import sign, signed_uri
from livecue.runtime.ports import Count

NOW_S = 0x66DF9308
PUBLIC = "https://live.example.com/callbacks/"
KEY, OLD_KEY, TOKEN = "current-key", "previous-key", "bearer-token"
KEYS = (Key("new", KEY), Key("old", OLD_KEY))
Sent = tuple[str, str, Mapping[str, Any], str]


class Desk:
    """Bus, meter and dead letters, all as the receiver sees them."""

    def __init__(self) -> None:
        self.signals: list[Sent] = []
        self.events: list[tuple[str, bytes, str]] = []
        self.letters: list[tuple[str, str, bytes]] = []
        self.kept: list[tuple[str, Unknown]] = []
        self.mono_s = 0.0
        self.counts: dict[tuple[str, str, str], int] = {}
        self.error: Exception | None = None

    async def publish(self, room: str, kind: str, data: Mapping[str, Any], dedup_id: str = "") -> None:
        self._fail()
        self.signals.append((room, kind, data, dedup_id))

    async def publish_events(self, room: str, body: bytes, dedup_id: str = "") -> None:
        self._fail()
        self.events.append((room, body, dedup_id))

    async def dead(self, room: str, reason: str, body: bytes) -> None:
        self._fail()
        self.letters.append((room, reason, body))

    async def keep(self, room: str, unknown: Unknown) -> None:
        self._fail()
        self.kept.append((room, unknown))

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None:
        key = (str(what), room, reason)
        self.counts[key] = self.counts.get(key, 0) + n

    def reply_latency(self, room: str, seconds: float) -> None: ...

    def now(self) -> int:
        return NOW_S * 1000

    def rejected(self, reason: str, room: str = "head") -> int:
        return self.counts.get(("callbacks_rejected", room, reason), 0)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def callback_room(name: str, auth_type: AuthType, **settings: Any) -> CallbackRoom:
    return CallbackRoom(name, "r1", PUBLIC + name, auth_type, keys=KEYS, **settings)


ROOMS = {
    room.room: room
    for room in (
        callback_room("head", AuthType.MSS_A_HEAD),
        callback_room("query", AuthType.MSS_A),
        callback_room("forms", AuthType.MSS_A, forms=tuple(UriForm)),
        callback_room("open", AuthType.NONE, token="url-secret"),
        callback_room("meituan", AuthType.MEITUAN_DEFAULT),
    )
}


def callback_door(desk: Desk) -> CallbackDoor:
    return CallbackDoor(ROOMS, desk, desk, desk.now, dead=desk.dead, keep=desk.keep, base=PUBLIC)


def ingest_door(desk: Desk, everywhere: tuple[str, ...] = (TOKEN, "older")) -> IngestDoor:
    own = IngestRoom((token_hash("heads-own"),), max_events_per_s=10)
    rooms = {"head": own, "silent": IngestRoom()}
    return IngestDoor(
        rooms, [token_hash(one) for one in everywhere], desk, desk, desk.now, lambda: desk.mono_s
    )


def stamp(
    room: str, key: str = KEY, age_s: int = 0, query: str = "", form: UriForm = UriForm.BARE_SORTED
) -> tuple[str, str]:
    hw_time = f"{NOW_S - age_s:08x}"
    return sign(key, signed_uri(PUBLIC + room, query, form), hw_time), hw_time


def headers(key: str = KEY, age_s: int = 0, query: str = "") -> list[tuple[str, str]]:
    secret, hw_time = stamp("head", key, age_s, query)
    return [("x-hw-mss-secret", secret), ("X-HW-MSS-Time", hw_time)]
