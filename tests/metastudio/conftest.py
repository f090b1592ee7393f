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
async def studio(cloud: Cloud, calls: list[tuple[str, str]]) -> AsyncIterator[MetaStudio]:
    auth = AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS)

    def heard(operation: str, result: str) -> None:
        calls.append((operation, result))

    async with MetaStudio(cloud.url, PROJECT, auth, timeout_s=5, on_call=heard) as client:
        yield client
