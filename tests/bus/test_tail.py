"""Reading in order over everything that can happen to a reader."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from bus.serving import Proxy, taken, until
from bus.test_embedded import serving
from livecue.bus.api import api_request
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.readers import NatsAuditLog, NatsCueLog
from livecue.bus.streams import ensure_streams
from livecue.bus.tail import StoredMsg, StreamReplacedError, Tail, stream_created
from livecue.runtime.ports import BusError


def numbers(messages: list[StoredMsg]) -> list[int]:
    return [int(message.body) for message in messages]


async def publish(nc: Client, first: int, last: int) -> None:
    for n in range(first, last + 1):
        await nc.jetstream().publish("live.audit.a", str(n).encode())


def tail(nc: Client, after_seq: int = 0, since_ms: int | None = None) -> Tail:
    return Tail(nc, "LIVE_AUDIT", ["live.audit.*"], after_seq=after_seq, since_ms=since_ms)


async def test_messages_come_in_order_with_their_place_and_the_lag_goes_down(nc: Client) -> None:
    await publish(nc, 1, 600)
    reader = tail(nc)
    first = await taken(reader, 1)
    assert reader.lag >= 300
    rest = await taken(reader, 600 - len(first))
    assert numbers([*first, *rest]) == list(range(1, 601))
    assert [message.seq for message in rest[-2:]] == [599, 600]
    assert reader.lag == 0
    await reader.close()


async def test_a_reader_begins_after_a_sequence_or_at_a_moment(nc: Client) -> None:
    await publish(nc, 1, 3)
    after = tail(nc, after_seq=2)
    assert numbers(await taken(after, 1)) == [3]
    moment = (await taken(tail(nc), 3))[2].at_ms
    await asyncio.sleep(0.01)  # until the server's clock has gone on
    await publish(nc, 4, 4)
    since = tail(nc, since_ms=moment + 2)
    assert numbers(await taken(since, 1)) == [4]


async def test_nothing_new_is_an_empty_list_after_the_wait_and_news_comes_at_once(nc: Client) -> None:
    reader = tail(nc)
    assert await reader.take(10, 0.05) == []
    waiting = asyncio.create_task(reader.take(10, 10))
    await publish(nc, 1, 1)
    assert numbers(await asyncio.wait_for(waiting, 5)) == [1]
    await reader.close()


async def test_a_consumer_deleted_from_outside_is_neither_silence_nor_a_storm(nc: Client) -> None:
    asked: list[str] = []

    async def hear(message: Msg) -> None:
        asked.append(message.subject)

    await nc.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=hear)
    await publish(nc, 1, 2)
    reader = tail(nc)
    assert numbers(await taken(reader, 2)) == [1, 2]
    for name in (await api_request(nc, "CONSUMER.NAMES.LIVE_AUDIT", {}))["consumers"]:
        await api_request(nc, f"CONSUMER.DELETE.LIVE_AUDIT.{name}", {})
    for _ in range(10):
        assert await reader.take(10, 0.1) == []
    await publish(nc, 3, 3)
    assert numbers(await taken(reader, 1)) == [3]
    assert 2 <= len(asked) <= 4
    await reader.close()


async def test_an_idle_reader_asks_once_and_then_waits(nc: Client) -> None:
    asked: list[str] = []

    async def hear(message: Msg) -> None:
        asked.append(message.subject)

    await nc.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=hear)
    reader = tail(nc)
    for _ in range(20):
        assert await reader.take(10, 0.05) == []
    await nc.flush()
    assert len(asked) == 1
    await reader.close()


async def test_what_a_broken_connection_swallowed_is_read_again_in_order(
    nc: Client, server: EmbeddedServer
) -> None:
    network = Proxy(urlsplit(server.url).port or 0)
    async with network.running() as url:
        far = await nats.connect(
            url, token=server.token, reconnect_time_wait=0.02, max_reconnect_attempts=-1, error_cb=_quiet
        )
        reader = tail(far)
        await publish(nc, 1, 5)
        got = numbers(await taken(reader, 5))
        waiting = asyncio.create_task(reader.take(100, 10))
        network.swallow = True
        await publish(nc, 6, 8)
        await _delivered(nc, reader, 8)
        network.swallow = False
        network.cut()
        await until(lambda: far.is_connected and far.stats["reconnects"] == 1)
        await far.flush()
        await publish(nc, 9, 10)
        got += numbers(await asyncio.wait_for(waiting, 15))
        while len(got) < 10:
            got += numbers(await taken(reader, 1))
        assert got == list(range(1, 11))
        await reader.close()
        await far.close()


async def _quiet(_: Exception) -> None:
    return


async def _delivered(nc: Client, reader: Tail, count: int) -> None:
    async with asyncio.timeout(10):
        while True:
            info = await api_request(nc, f"CONSUMER.INFO.LIVE_AUDIT.{reader._consumer}", {})
            if info["delivered"]["consumer_seq"] >= count:
                return
            await asyncio.sleep(0.01)


async def test_a_restarted_server_loses_and_repeats_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        nc = await nats.connect(
            server.url,
            token=server.token,
            reconnect_time_wait=0.05,
            max_reconnect_attempts=-1,
            error_cb=_quiet,
        )
        await ensure_streams(nc, 1)
        reader = tail(nc)
        await publish(nc, 1, 5)
        got = numbers(await taken(reader, 5))
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: not nc.is_connected)
        await until(lambda: nc.is_connected)
        await publish(nc, 6, 10)
        got += numbers(await taken(reader, 5))
        assert got == list(range(1, 11))
        await reader.close()
        await nc.close()


async def test_a_stream_made_anew_is_told_apart_and_a_log_reads_on_from_its_start(nc: Client) -> None:
    reader = Tail(
        nc, "LIVE_AUDIT", ["live.audit.*"], after_seq=7, created=await stream_created(nc, "LIVE_AUDIT")
    )
    assert await reader.take(1, 0.01) == []
    log = NatsAuditLog(nc, 0)
    assert await log.take(0.01) == []
    await api_request(nc, "STREAM.DELETE.LIVE_AUDIT", {})
    await ensure_streams(nc, 1)
    with pytest.raises(StreamReplacedError):
        await _for_ever(lambda: reader.take(1, 0.1))
    line = b'{"v":1,"outcome":"sent","subject_id":"c1","at_ms":1}'
    await nc.jetstream().publish("live.audit.a", line)
    with pytest.raises(StreamReplacedError):
        await _for_ever(lambda: log.take(0.1))
    [(room, entry)] = await log.take(5)
    assert (room, entry.subject_id) == ("a", "c1")


async def _for_ever(take: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(15):
        while True:
            await take()


async def test_a_reader_on_a_closed_connection_says_so(server: EmbeddedServer) -> None:
    gone = await nats.connect(server.url, token=server.token)
    await gone.close()
    with pytest.raises(BusError, match="not connected"):
        await tail(gone).take(1, 0.01)


async def test_a_strangers_message_in_a_log_is_passed_over(nc: Client) -> None:
    await nc.jetstream().publish("live.cues.a", b"nonsense")
    await nc.jetstream().publish("live.cues.a", b'{"v":1,"cues":[]}')
    assert await NatsCueLog(nc, 0).take(5) == []
