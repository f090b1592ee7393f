"""Real servers on loopback: a scripted cloud that keeps what came over the wire, and a silent one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec
import pytest
import uvicorn
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from livecue.metastudio import AkSkAuth, MetaStudio, MetaStudioError

NOW_MS = 1_795_000_000_000
AK, SK, PROJECT = "AKTESTONLY", "sk-never-to-be-seen", "70b76project"


class Asked(msgspec.Struct, frozen=True):
    method: str
    path: str  # as on the wire, still percent-encoded
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Answer(msgspec.Struct, frozen=True):
    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = {}


class Cloud:
    """Answers in order, the last answer for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.answers: list[Answer] = [Answer(body={})]

    def will(self, *answers: Answer) -> None:
        self.asked.clear()
        self.answers = list(answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.asked.append(
            Asked(
                request.method,
                scope["raw_path"].decode("ascii"),
                scope["query_string"].decode("ascii"),
                dict(request.headers),
                await request.body(),
            )
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        await Response(content, answer.status, dict(answer.headers))(scope, receive, send)


class _Server(uvicorn.Server):
    """Starts and stops at once: no signals, no ticking main loop."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(
            uvicorn.Config(cloud, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none")
        )
        self.ready, self.over = asyncio.Event(), asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.ready.set()
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections:  # noqa: ASYNC110  (uvicorn's own way sleeps 0.1 s per test)
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def serving(cloud: Cloud) -> AsyncIterator[Cloud]:
    server = _Server(cloud)
    task = asyncio.create_task(server.serve())
    await server.ready.wait()
    cloud.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield cloud
    server.over.set()
    await task


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def handling(handler: Handler) -> AsyncIterator[str]:
    """A bare TCP server: `handler` is called for each connection once a request's head has come."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await handler(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def never_answer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(1024):
        pass


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


def silent() -> contextlib.AbstractAsyncContextManager[str]:
    """A server that takes a request and never answers."""
    return handling(never_answer)


class _Credentials:
    ak, sk = AK, SK


def vendor_sign(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> str:
    """The Authorization header that the vendor's own signer makes; `headers` hold X-Sdk-Date."""
    request = SdkRequest(
        method=method,
        schema="https",
        host=headers["Host"],
        resource_path=path,
        query_params=list(query),
        header_params=dict(headers),
        body=body,
    )
    Signer(_Credentials()).sign(request)
    return str(request.header_params["Authorization"])


def verified(asked: Asked) -> bool:
    """What the gateway does: sign what came over the wire, whichever way it reads a `+`, and compare."""
    given = asked.headers["authorization"]
    names = given.split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {{"host": "Host", "x-sdk-date": "X-Sdk-Date"}.get(n, n): asked.headers[n] for n in names}
    for decode in (unquote, unquote_plus):
        pairs = [piece.partition("=") for piece in asked.query.split("&") if piece]
        query = [(decode(name), decode(value)) for name, _, value in pairs]
        if vendor_sign(asked.method, asked.path, query, headers, asked.body) != given:
            return False
    return True


def studio_at(url: str, timeout_s: float = 5.0) -> MetaStudio:
    return MetaStudio(url, PROJECT, AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS), timeout_s=timeout_s)


async def failure(call: Awaitable[object]) -> MetaStudioError:
    with pytest.raises(MetaStudioError) as caught:
        await call
    return caught.value
