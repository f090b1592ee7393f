"""A server that is there and cannot serve livecue: what is wrong with it is named at the start, with the remedy."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from structlog.testing import capture_logs

from bus.servers import nats_server, old_server, one_user
from bus.serving import Heard, a_bus
from livecue.bus.api import BusUnfitError, api_request
from livecue.bus.connection import BusOptions
from livecue.bus.fitness import PUBLISHES, SUBSCRIBES, denied
from livecue.bus.streams import stream_configs

USER: Mapping[str, Any] = {"user": "u", "password": "geheim"}


async def refusal(url: str, *, replicas: int = 1, **user: str) -> str:
    """Why livecue does not start on this server."""
    heard = a_bus(BusOptions((url,), replicas=replicas, **user))
    try:
        with pytest.raises(BusUnfitError) as caught:
            async with asyncio.timeout(20):
                await heard.bus._connect_once()
    finally:
        await heard.bus.close()
    assert "geheim" not in str(caught.value)
    return str(caught.value)


@asynccontextmanager
async def with_stream(url: str, name: str, **config: Any) -> AsyncIterator[None]:
    """Another program of the account has this stream."""
    nc = await nats.connect(url)
    try:
        await api_request(nc, f"STREAM.CREATE.{name}", {"name": name, **config})
        await nc.jetstream().publish(config["subjects"][0].replace("*", "x").replace(">", "x"), b"theirs")
        yield
        info = await api_request(nc, f"STREAM.INFO.{name}", {})
        assert (info["config"]["subjects"], info["state"]["messages"]) == (config["subjects"], 1)
    finally:
        await nc.close()


async def test_a_server_without_jetstream(tmp_path: Path) -> None:
    async with nats_server(tmp_path, jetstream=False) as url:
        said = await refusal(url)
    assert "nobody answers for JetStream, it is off on this server" in said
    assert "start nats-server with `-js`" in said


async def test_an_account_without_jetstream(tmp_path: Path) -> None:
    async with nats_server(tmp_path, one_user(jetstream=False)) as url:
        said = await refusal(url, **USER)
    assert "JetStream not enabled for account" in said
    assert "write `jetstream: enabled` into the account" in said


async def test_an_older_server() -> None:
    async with old_server("2.10.29") as url:
        assert await refusal(url) == (
            "nats-server 2.10 is too old: livecue needs 2.12 or newer (atomic batches)"
        )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_wrong_credentials(tmp_path: Path) -> None:
    async with nats_server(tmp_path, one_user()) as url:
        said = await refusal(url, user="u", password="wrong")
    gc.collect()  # nats-py leaves the socket it was refused on to the collector, which warns of it: here, not later
    assert f"the NATS server at {url} refuses us" in said
    assert "correct nats.token, nats.user and nats.password" in said


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (one_user(deny_publish=["$JS.API.>"]), ["publish to $JS.API.>"]),
        (one_user(deny_publish=["live.audit.>"]), ["publish to live.audit.*"]),
        (one_user(deny_publish=["$KV.>"]), ["publish to $KV.livecue_leases.>", "publish to $KV.livecue_owned.>"]),
        (one_user(deny_subscribe=["_INBOX.>"]), ["subscribe to _INBOX.>"]),
        (one_user(deny_subscribe=["live.>"]), ["subscribe to live.signals.*"]),
        (one_user(deny_publish=["live.state.>"], deny_subscribe=["livecue.>"]), ["publish to live.state.*", "subscribe to livecue.>"]),
    ],
    ids=["api", "audit", "buckets", "inbox", "signals", "two"],
)  # fmt: skip
async def test_rights_that_are_missing(config: str, named: list[str], tmp_path: Path) -> None:
    async with nats_server(tmp_path, config) as url:
        said = await refusal(url, **USER)
    assert "livecue's NATS user may not" in said
    assert said.partition(" may not ")[2].partition(": ")[0].split(", ") == named
    assert "allow it to publish to $JS.API.> live.>" in said


async def test_the_rights_that_are_asked_for_are_enough_and_nothing_is_left_behind(tmp_path: Path) -> None:
    async with nats_server(tmp_path, one_user(publish=PUBLISHES, subscribe=SUBSCRIBES)) as url:
        heard: Heard = a_bus(BusOptions((url,), **USER))
        async with asyncio.timeout(15):
            await heard.bus.connect()
        try:
            await heard.channels.publish("shop", "script_switch", {})
            for config in stream_configs(1):
                info = await api_request(heard.bus.nc, f"STREAM.INFO.{config['name']}", {})
                assert info["state"]["messages"] == (config["name"] == "LIVE_IN")
        finally:
            await heard.bus.close()


@pytest.mark.parametrize("subjects", [["orders.*"], ["live.events.*", "live.gossip"]])
async def test_a_stream_of_somebody_else_under_our_name_is_left_alone(
    subjects: list[str], tmp_path: Path
) -> None:
    async with nats_server(tmp_path) as url, with_stream(url, "LIVE_IN", subjects=subjects):
        said = await refusal(url)
    assert f"stream LIVE_IN is somebody else's: it stores {subjects[-1]}" in said
    assert "rename that stream, or give livecue a NATS account of its own" in said


async def test_a_stream_that_stores_our_subjects_under_another_name(tmp_path: Path) -> None:
    async with nats_server(tmp_path) as url, with_stream(url, "EVERYTHING", subjects=["live.>"]):
        said = await refusal(url)
    assert (
        "stream LIVE_IN cannot be made: its subjects are already stored by EVERYTHING (live.events.*)" in said
    )
    assert "narrow or remove that" in said


async def test_more_replicas_than_there_are_servers(tmp_path: Path) -> None:
    async with nats_server(tmp_path) as url:
        said = await refusal(url, replicas=3)
    assert "cannot be kept 3 times by this server" in said
    assert "lower nats.replicas" in said


async def test_a_stream_that_would_lose_messages_silently_is_corrected(tmp_path: Path) -> None:
    async with nats_server(tmp_path) as url:
        heard = a_bus(BusOptions((url,)))
        await heard.bus.connect()
        config = (await api_request(heard.bus.nc, "STREAM.INFO.LIVE_IN", {}))["config"]
        await api_request(
            heard.bus.nc, "STREAM.UPDATE.LIVE_IN", {**config, "max_msgs": 5, "max_msg_size": 99}
        )
        with capture_logs() as logs:
            await heard.bus.tend()
        info = await api_request(heard.bus.nc, "STREAM.INFO.LIVE_IN", {})
        await heard.bus.close()
    assert logs[0]["differing"] == ["max_msgs: has 5, wants -1", "max_msg_size: has 99, wants -1"]
    assert info["config"]["max_msgs"] == info["config"]["max_msg_size"] == -1


async def test_the_log_and_readiness_say_it_once_as_an_error_and_livecue_goes_on_trying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = asyncio.sleep
    monkeypatch.setattr("livecue.bus.connection.asyncio.sleep", lambda _: pause(0.05))
    async with nats_server(tmp_path) as url:
        heard = a_bus(BusOptions((url,)))
        with capture_logs() as logs:
            async with with_stream(url, "LIVE_DEAD", subjects=["dead.>"]):
                connecting = asyncio.create_task(heard.bus.connect())
                await pause(1)
                assert "stream LIVE_DEAD is somebody else's" in heard.health.parts()["bus"]
            other = await nats.connect(url)
            await api_request(other, "STREAM.DELETE.LIVE_DEAD", {})
            await other.close()
            await asyncio.wait_for(connecting, 15)
        await heard.bus.close()
    [line] = [line for line in logs if line["event"] == "bus-unfit"]
    assert line["log_level"] == "error"
    assert line["remedy"] == "change what it says; livecue tries again"
    assert heard.health.parts() == {"bus": "ok"}


def test_words_that_deny_nothing_are_passed_over() -> None:
    assert denied(["nats: timeout", 'nats: permissions violation for publish to "elsewhere"']) == [
        "publish to elsewhere"
    ]
