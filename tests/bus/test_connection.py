"""One connection: retried without end, told about once, and refused to a server that is not right."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from bus.serving import Heard, Proxy, a_bus, connected, stored, until
from livecue.bus import connection
from livecue.bus.api import api_request
from livecue.bus.connection import BusOptions
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.ownership import NatsOwnerships
from livecue.runtime.job_ports import Ownership
from livecue.runtime.ports import BusError


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_an_unreachable_server_is_retried_until_it_is_there_and_health_says_so(
    server: EmbeddedServer, nc: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_CONNECT_TIMEOUT_S", 0.5)
    port = free_port()
    heard = a_bus(BusOptions((f"nats://{server.token}@127.0.0.1:{port}",)))
    with capture_logs() as logs:
        connecting = asyncio.create_task(heard.bus.connect())
        await until(lambda: "no NATS server at" in heard.health.parts()["bus"])
        async with Proxy(urlsplit(server.url).port or 0).running(port):
            await asyncio.wait_for(connecting, 20)
            assert heard.health.parts() == {"bus": "ok"}
            await heard.bus.close()
    assert server.token not in str(logs)
    assert len([line for line in logs if line["event"] == "bus-unreachable"]) <= 2


async def test_a_failure_is_logged_once_however_often_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = a_bus(BusOptions(("nats://127.0.0.1:1",)))
    tries: list[int] = []
    pause = asyncio.sleep

    async def refused() -> None:
        tries.append(1)
        raise BusError("Authorization Violation" if len(tries) < 5 else "something else")

    monkeypatch.setattr(heard.bus, "_connect_once", refused)
    monkeypatch.setattr("livecue.bus.connection.asyncio.sleep", lambda _: pause(0))
    with capture_logs() as logs:
        connecting = asyncio.create_task(heard.bus.connect())
        async with asyncio.timeout(10):
            while len(tries) < 8:
                await pause(0)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
    assert [line["error"] for line in logs] == ["Authorization Violation", "something else"]
    assert heard.health.parts() == {"bus": "something else"}


async def test_a_server_too_old_for_atomic_batches_is_refused() -> None:
    heard = a_bus(BusOptions(("nats://127.0.0.1:1",)))
    stub: Any = SimpleNamespace(_server_info={}, connected_server_version=SimpleNamespace(major=2, minor=11))
    heard.bus.nc = stub
    with pytest.raises(BusError, match=r"nats-server 2\.11 is too old: livecue needs 2\.12"):
        heard.bus._check_server()


async def test_streams_that_vanish_are_made_again_and_health_tells(heard: Heard, nc: Client) -> None:
    await api_request(nc, "STREAM.DELETE.LIVE_IN", {})
    await heard.bus.tend()
    assert (await stored(nc, "LIVE_IN"))["messages"] == 0
    assert heard.health.ready


async def test_a_client_that_gave_up_for_good_is_an_error_and_not_a_silence(
    server: EmbeddedServer, nc: Client
) -> None:
    async with connected(server) as heard:
        await heard.bus.nc.close()
        with pytest.raises(BusError, match="gave the connection up"):
            await heard.bus.tend()


async def test_a_lost_connection_is_shown_until_it_is_back(
    server: EmbeddedServer, nc: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Proxy(urlsplit(server.url).port or 0)
    async with network.running() as url:
        heard = a_bus(BusOptions((url,), token=server.token))
        await heard.bus.connect()
        seen: list[str] = []
        report = heard.health.report

        def spy(part: str, error: str = "") -> None:
            seen.append(error)
            report(part, error)

        monkeypatch.setattr(heard.health, "report", spy)
        network.cut()
        await until(lambda: seen[-1:] == [""])
        assert seen == ["disconnected, reconnecting", ""]
        await heard.bus.close()
        await heard.bus.close()


async def test_no_connection_is_needed_to_close(server: EmbeddedServer) -> None:
    await a_bus(BusOptions((server.url,))).bus.close()


async def test_notes_of_ownership_outlive_their_writer_and_are_dropped(nc: Client) -> None:
    notes = NatsOwnerships(nc)
    assert await notes.load() == {}
    first, second = Ownership("s", 1), Ownership("s", 1, "job-1", "standby-id", 5, 9)
    await notes.save("a", first)
    await notes.save("a", second)
    await notes.save("b", first)
    await notes.drop("b")
    await notes.drop("never")
    assert await NatsOwnerships(nc).load() == {"a": second}


async def test_a_note_of_an_older_version_is_read(nc: Client) -> None:
    await nc.jetstream().publish("$KV.livecue_owned.a", b'{"session":"s","since_ms":1,"job_id":"job-1"}')
    assert await NatsOwnerships(nc).load() == {"a": Ownership("s", 1, "job-1")}


async def test_a_note_that_is_not_stored_is_an_error_of_the_bus(server: EmbeddedServer, nc: Client) -> None:
    await api_request(nc, "STREAM.DELETE.KV_livecue_owned", {})
    with pytest.raises(BusError):
        await NatsOwnerships(nc).save("a", Ownership("s", 1))
    with pytest.raises(BusError):
        await NatsOwnerships(nc).load()
