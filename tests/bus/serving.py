"""Buses, a network that fails, and a way to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client

from livecue.bus.api import api_request
from livecue.bus.channels import Channels
from livecue.bus.connection import Bus, BusOptions
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.tail import StoredMsg, Tail
from livecue.runtime.health import HealthBoard


@dataclass
class Heard:
    """A bus with its channels and health, and the signals it has heard."""

    bus: Bus
    channels: Channels
    health: HealthBoard
    signals: list[tuple[str, bytes]] = field(default_factory=list)


def a_bus(options: BusOptions, scrub: Callable[[bytes], bytes] = bytes) -> Heard:
    signals: list[tuple[str, bytes]] = []
    channels, health = Channels(scrub), HealthBoard("bus")
    bus = Bus(options, channels, health, lambda room, body: signals.append((room, body)))
    return Heard(bus, channels, health, signals)


@asynccontextmanager
async def connected(server: EmbeddedServer, scrub: Callable[[bytes], bytes] = bytes) -> AsyncIterator[Heard]:
    heard = a_bus(BusOptions((server.url,), token=server.token, expect_name=server.name), scrub)
    async with asyncio.timeout(15):
        await heard.bus.connect()
    try:
        yield heard
    finally:
        await heard.bus.close()


async def until(holds: Callable[[], object], *, within_s: float = 15) -> None:
    """Wait for something that has to come true; polled, with a deadline."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.01)


async def taken(tail: Tail, count: int, *, within_s: float = 20) -> list[StoredMsg]:
    """The next `count` messages, over whatever interruptions."""
    found: list[StoredMsg] = []
    async with asyncio.timeout(within_s):
        while len(found) < count:
            with suppress(Exception):
                found += await tail.take(100, 0.2)
            await asyncio.sleep(0)
    return found


async def stored(nc: Client, stream: str) -> dict[str, Any]:
    """The stream's state: `messages`, `last_seq`, `subjects`."""
    info = await api_request(nc, f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
    state: dict[str, Any] = info["state"]
    return state


class Proxy:
    """A network in front of the server: it can swallow what the server sends, and break."""

    def __init__(self, port: int) -> None:
        self.swallow = False
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        listener = await asyncio.start_server(self._accept, "127.0.0.1", port)
        try:
            yield f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection."""
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, there_writer]
        for work in (
            self._pump(reader, there_writer, back=False),
            self._pump(there_reader, writer, back=True),
        ):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                if not (back and self.swallow):
                    writer.write(chunk)
                    await writer.drain()
        writer.close()
