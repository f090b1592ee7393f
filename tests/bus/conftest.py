"""A real nats-server for the whole session; streams made anew for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import nats
import pytest
from nats.aio.client import Client

from bus.serving import Heard, connected
from livecue.bus.api import api_request
from livecue.bus.channels import Channels
from livecue.bus.connection import Bus
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.streams import ensure_streams


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    running = EmbeddedServer(tmp_path_factory.mktemp("bus"))
    with asyncio.Runner() as runner:
        runner.run(running.start())
        yield running
        runner.run(running.stop())


@pytest.fixture
async def nc(server: EmbeddedServer) -> AsyncIterator[Client]:
    """A connection to a server that holds livecue's streams, empty."""
    client = await nats.connect(server.url, token=server.token)
    for name in (await api_request(client, "STREAM.NAMES", {}))["streams"] or []:
        await api_request(client, f"STREAM.DELETE.{name}", {})
    await ensure_streams(client, 1)
    yield client
    await client.close()


@pytest.fixture
async def heard(nc: Client, server: EmbeddedServer) -> AsyncIterator[Heard]:
    """A connected bus and what it heard."""
    async with connected(server) as bus:
        yield bus


@pytest.fixture
def bus(heard: Heard) -> Bus:
    """The connected bus of `heard`."""
    return heard.bus


@pytest.fixture
def channels(heard: Heard) -> Channels:
    """Its channels."""
    return heard.channels
