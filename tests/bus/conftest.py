from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livecue.bus.channels import Channels
from livecue.bus.connection import Bus, BusOptions
from livecue.bus.embedded import EmbeddedServer
from livecue.runtime.health import HealthBoard


@pytest.fixture
async def channels() -> Channels:
    return Channels()


@pytest.fixture
async def bus(tmp_path: Path, channels: Channels) -> AsyncIterator[Bus]:
    """A connected bus on a real nats-server of its own."""
    server = EmbeddedServer(tmp_path)
    await server.start()
    options = BusOptions(servers=(server.url,), token=server.token)
    connected = Bus(options, channels, HealthBoard("bus"), lambda _room, _body: None)
    await connected.connect()
    yield connected
    await connected.close()
    await server.stop()
