"""A caller that drips its request's head is let go; one that keeps its connection open is not disturbed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from livecue.app import web
from livecue.app.metrics import PrometheusMeter
from livecue.app.web import listen, probes, web_server
from livecue.runtime.health import HealthBoard
from livecue.runtime.pulse import Pulse

REQUEST = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(web, "HEAD_S", 0.4)
    server = web_server(probes(HealthBoard("bus"), PrometheusMeter(), Pulse(math.inf)), "")
    sock = listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    yield sock.getsockname()[1]
    server.should_exit = True
    await serving


@pytest.mark.parametrize("before", [b"", REQUEST])
async def test_a_head_that_drips_is_cut_off_also_on_a_connection_that_was_good_before(
    port: int, before: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if before:
        writer.write(before)
        assert b"ok\n" in await reader.readuntil(b"ok\n")
    writer.write(b"POST /callbacks/x HTTP/1.1\r\nHost: x\r\nX: ")
    ended = asyncio.create_task(reader.read())
    async with asyncio.timeout(3):
        while not ended.done():
            writer.write(b"x")
            await asyncio.sleep(0.05)
    assert await ended == b""
    writer.close()


async def test_a_connection_that_pauses_between_whole_requests_goes_on(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(4):
        writer.write(REQUEST)
        async with asyncio.timeout(3):
            assert b"ok\n" in await reader.readuntil(b"ok\n")
        await asyncio.sleep(0.25)
    writer.close()


async def test_a_connection_that_says_nothing_at_all_is_let_go(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(3):
        assert await reader.read() == b""
    writer.close()
