"""What the sandbox's tests share: a clock that stands still, a client, the vendor's SDK, a receiver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkmetastudio.v1 import MetaStudioClient

from livecue.sandbox import Sandbox, SandboxOptions

ROOM = "room-1"
START_S = 1_790_000_000.0


class Clock:
    """Unix seconds that move when told to."""

    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Api:
    """The sandbox without a network, on a clock that stands still; calls carry a token."""

    sandbox: Sandbox
    clock: Clock
    client: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        url = f"/v1/{self.sandbox.project_id}{path}"
        return await self.client.request(method, url, json=body, params=query, headers=self.headers)

    async def ok(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        response = await self.call(method, path, body, **query)
        assert response.is_success, response.text
        return dict(response.json())

    async def refusal(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        response = await self.call(method, path, body, **query)
        return response.status_code, response.json()["error_code"]

    async def start(self, body: Any = None, *, live: bool = True, room: str = ROOM) -> str:
        job_id: str = (await self.ok("POST", f"/smart-live-rooms/{room}/smart-live-jobs", body or {}))[
            "job_id"
        ]
        if live:
            self.pass_time(1.0)
        return job_id

    def job(self, job_id: str, room: str = ROOM) -> str:
        return f"/smart-live-rooms/{room}/smart-live-jobs/{job_id}"

    async def command(self, job_id: str, command: str, params: Any = None) -> dict[str, Any]:
        return await self.ok("POST", self.job(job_id) + "/command", {"command": command, "params": params})

    async def say(self, job_id: str, text: str, play_type: str | None = None) -> str:
        params = {"text_config": {"text": text}, "play_type": play_type}
        return str((await self.command(job_id, "INSERT_PLAY_SCRIPT", params))["command_id"])

    def pass_time(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.sandbox.tick()


@asynccontextmanager
async def offline(options: SandboxOptions) -> AsyncIterator[Api]:
    clock = Clock()
    sandbox = Sandbox(options, clock=clock)
    transport = httpx.ASGITransport(app=sandbox.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        api = Api(sandbox, clock, client)
        response = await client.post("/v3/auth/tokens", json=token_request(sandbox))
        api.headers["X-Auth-Token"] = response.headers["X-Subject-Token"]
        yield api


def token_request(sandbox: Sandbox, **changes: str) -> dict[str, Any]:
    user = {"name": "sandbox", "password": sandbox.sk, "domain": {"name": "sandbox"}} | changes
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": {"name": sandbox.options.region}}}}


class Vendor:
    """The vendor's SDK, unchanged; its blocking calls run in a thread."""

    def __init__(self, sandbox: Sandbox, sk: str | None = None) -> None:
        config = HttpConfig.get_default_config()
        config.timeout = (2, 10)
        self.client = (
            MetaStudioClient.new_builder()
            .with_http_config(config)
            .with_credentials(BasicCredentials(sandbox.ak, sk or sandbox.sk, sandbox.project_id))
            .with_endpoint(sandbox.endpoint)
            .build()
        )

    async def __call__(self, operation: str, request: Any) -> Any:
        return await asyncio.to_thread(getattr(self.client, operation), request)


@dataclass
class Received:
    """One request as it came over the wire."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_type(self) -> str:
        return str(json.loads(self.body)["event_type"])

    @property
    def message(self) -> dict[str, Any]:
        return dict(json.loads(json.loads(self.body)["message"]))


class Receiver:
    """A real HTTP server on a loopback port that answers with the statuses it is given, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.received: list[Received] = []
        self.url = ""
        self._statuses = list(statuses)
        self._arrived = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Receiver]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def until(self, holds: Callable[[list[Received]], bool], timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(lambda: holds(self.received))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status = self._statuses.pop(0) if self._statuses else 200
        async with self._arrived:
            self.received.append(Received(lines[0].split(" ")[1], headers, body))
            self._arrived.notify_all()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
