from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from livecue.metastudio import AkSkAuth, MetaStudio
from metastudio.serving import AK, NOW_MS, PROJECT, SK, Cloud, serving


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with serving(Cloud()) as running:
        yield running


@pytest.fixture
def calls() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def slept() -> list[float]:
    """The pauses between requests of one call; none is really slept."""
    return []


@pytest.fixture
async def studio(cloud: Cloud, calls: list[tuple[str, str]], slept: list[float]) -> AsyncIterator[MetaStudio]:
    auth = AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS)

    def heard(operation: str, result: str) -> None:
        calls.append((operation, result))

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 1))

    async with MetaStudio(cloud.url, PROJECT, auth, timeout_s=5, on_call=heard, sleep=sleep) as client:
        yield client
