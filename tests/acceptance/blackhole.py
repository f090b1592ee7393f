"""A TCP proxy that can turn into a black hole: it goes on accepting, and whatever it is sent is gone."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

_CHUNK = 65_536


class Proxy:
    """In front of a port of this machine, in a thread and loop of its own.

    `swallow`: from now on every byte is dropped, on old connections and new ones, and none is closed. After `heal`
    new connections pass; those that have lost bytes stay silent for ever, as behind a firewall that forgot them.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.dropped = 0
        self._swallowing = False
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def up(self) -> None:
        self._thread.start()
        assert self._up.wait(10), "the proxy did not come up"

    def down(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def swallow(self) -> None:
        self._swallowing = True

    def heal(self) -> None:
        self._swallowing = False

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        line = Line(self, lost=self._swallowing)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        with suppress(asyncio.CancelledError):  # the end of the proxy
            await asyncio.gather(line.carry(reader, far_writer), line.carry(far_reader, writer))
        self._tasks.discard(task)
        writer.close()
        far_writer.close()


class Line:
    """One connection. `lost`: bytes of it were dropped, so that nothing after them may pass."""

    def __init__(self, proxy: Proxy, *, lost: bool) -> None:
        self._proxy = proxy
        self.lost = lost

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self.lost or self._proxy._swallowing:
                    self.lost = True
                    self._proxy.dropped += len(chunk)
                    continue
                writer.write(chunk)
                await writer.drain()
            if not self.lost:
                writer.close()
