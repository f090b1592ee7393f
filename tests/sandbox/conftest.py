from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from livecue.sandbox import Sandbox, SandboxOptions
from sandbox.support import ROOM, Api, offline


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox that listens, without limits."""
    async with Sandbox(
        SandboxOptions(room_ids=(ROOM,), limits={"*": 0}, start_delay_s=0.05)
    ).running() as running:
        yield running


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A sandbox on a clock that stands still, without limits."""
    async with offline(SandboxOptions(room_ids=(ROOM,), limits={"*": 0}, seed=1)) as offline_api:
        yield offline_api
