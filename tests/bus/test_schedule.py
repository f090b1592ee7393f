"""The server keeps a stop and sends it at its time, on a real nats-server."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import nats
from nats.aio.client import Client

from bus.serving import stored
from livecue.bus.api import api_request
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.schedule import NatsStopTimers
from livecue.bus.streams import ensure_streams
from livecue.runtime.ports import BusError
from livecue.runtime.stop_ports import StopDue, StopNote

NOTE = StopNote("a", "evening", 1_000, "job-1", "standby-id")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def taken(timers: NatsStopTimers, within_s: float) -> list[StopDue]:
    found: list[StopDue] = []
    deadline = time.monotonic() + within_s
    while not found and time.monotonic() < deadline:
        found += await timers.due(0.2)
    return found


async def test_a_stop_comes_when_it_is_due_and_not_before(nc: Client) -> None:
    timers = NatsStopTimers(nc)
    at_ms = now_ms() + 1_500
    await timers.set(NOTE, at_ms)
    (due,) = await taken(timers, 10)
    assert due.note == NOTE
    assert now_ms() >= at_ms
    await timers.close()


async def test_setting_it_again_moves_it_and_cancelling_forgets_it(nc: Client) -> None:
    timers = NatsStopTimers(nc)
    await timers.set(NOTE, now_ms() + 1_000)
    later = StopNote("a", "evening", 1_000, "job-2")
    await timers.set(later, now_ms() + 1_000)
    await timers.set(StopNote("b", "evening", 1_000), now_ms() + 1_000)
    await timers.cancel("b")
    assert [due.note for due in await taken(timers, 10)] == [later]
    assert await timers.due(1.5) == []
    await timers.close()


async def test_what_is_due_comes_again_until_it_is_settled(nc: Client) -> None:
    first = NatsStopTimers(nc)
    await first.set(NOTE, now_ms() - 60_000)
    assert len(await taken(first, 10)) == 1
    await first.close()
    second = NatsStopTimers(nc)
    (due,) = await taken(second, 10)
    await second.settle(due)
    await second.close()
    assert (await stored(nc, "LIVE_PLAN"))["messages"] == 0


async def test_what_came_due_while_the_server_was_down_comes_afterwards(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    await server.start()
    nc = await nats.connect(server.url, token=server.token)
    await ensure_streams(nc, 1)
    await NatsStopTimers(nc).set(NOTE, now_ms() + 1_000)
    await nc.close()
    await server.stop()
    down_until_ms = now_ms() + 1_500
    while now_ms() < down_until_ms:
        time.sleep(0.1)  # noqa: ASYNC251 - the server is down, nothing else is to happen
    server = EmbeddedServer(tmp_path)
    await server.start()
    nc = await nats.connect(server.url, token=server.token)
    timers = NatsStopTimers(nc)
    assert [due.note for due in await taken(timers, 10)] == [NOTE]
    await timers.close()
    await nc.close()
    await server.stop()


async def test_a_stream_that_was_made_anew_is_read_again(nc: Client) -> None:
    timers = NatsStopTimers(nc)
    await timers.set(NOTE, now_ms() - 1_000)
    assert len(await taken(timers, 10)) == 1
    await api_request(nc, "STREAM.DELETE.LIVE_PLAN", {})
    await ensure_streams(nc, 1)
    await timers.set(NOTE, now_ms() - 1_000)
    again: list[StopDue] = []
    deadline = time.monotonic() + 20
    while not again and time.monotonic() < deadline:
        with suppress(BusError):
            again = await timers.due(0.2)
    assert [due.note for due in again] == [NOTE]
    await timers.close()
