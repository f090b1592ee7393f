from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from livecue.outgoing import Http
from metastudio.serving import Cloud, serving


@pytest.fixture
async def shop() -> AsyncIterator[Cloud]:
    """A real HTTP server on loopback that answers what it is told."""
    async with serving(Cloud()) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as running:
        yield running
