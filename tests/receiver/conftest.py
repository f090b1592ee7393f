from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from livecue.receiver import routes

from .serving import Desk, Server, callback_door, ingest_door


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def port(desk: Desk) -> AsyncIterator[int]:
    found = routes(callback_door(desk), ingest_door(desk))
    config = uvicorn.Config(
        Starlette(routes=found), host="127.0.0.1", port=0, log_config=None, lifespan="off"
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    await server.up.wait()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as one:
        yield one
