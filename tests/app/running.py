"""A real daemon as a process of its own, beside a real NATS server and the sandbox."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import yaml
from nats.aio.client import Client

from livecue.bus.embedded import EmbeddedServer
from livecue.sandbox import Sandbox, SandboxOptions

ROOM, ROOM_ID = "shop", "11111111-aaaa-4bbb-8ccc-00000000000a"


@dataclass
class Running:
    """The daemon and what is around it. `log` is its stderr."""

    nc: Client
    sandbox: Sandbox
    child: asyncio.subprocess.Process
    port: int
    log: Path

    async def says(self, text: str, user: str = "1") -> None:
        content = {"user": {"userId": user}, "content": text}
        event = {"timestamp": time.time_ns() // 1_000_000, "type": 1, "content": content}
        await self.nc.jetstream().publish(f"live.events.{ROOM}", json.dumps(event).encode())

    @property
    def spoken(self) -> list[str]:
        return [
            record.params["text_config"]["text"]
            for record in self.sandbox.commands
            if record.command == "INSERT_PLAY_SCRIPT"
        ]

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [
            json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")
        ]
        return [line for line in lines if line["event"] == event]

    async def get(self, path: str) -> tuple[int, str]:
        def ask() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
            except OSError:
                return 0, ""

        return await asyncio.to_thread(ask)

    async def until(self, holds: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert self.child.returncode is None, f"the daemon ended: {self.log.read_text('utf-8')}"
            assert time.monotonic() < deadline, f"{what} did not come: {self.log.read_text('utf-8')}"
            await asyncio.sleep(0.05)

    async def ready(self) -> None:
        deadline = time.monotonic() + 30
        while (await self.get("/readyz"))[0] != 200:
            assert time.monotonic() < deadline, self.log.read_text("utf-8")
            await asyncio.sleep(0.1)


@asynccontextmanager
async def daemon(folder: Path, rules: Path, *flags: str) -> AsyncIterator[Running]:
    """`livecue run` with one room that is live; it has to stop by SIGTERM with exit code 0."""
    server = EmbeddedServer(folder / "bus")
    await server.start()
    nc = await nats.connect(server.url, token=server.token)
    try:
        async with (
            Sandbox(SandboxOptions(room_ids=(ROOM_ID,))).running() as sandbox,
            _process(folder, rules, server, sandbox, *flags) as (child, port),
        ):
            running = Running(nc, sandbox, child, port, folder / "livecue.log")
            await running.ready()
            jobs = sandbox.jobs
            await running.until(lambda: any(job.state == "PROCESSING" for job in jobs.values()), "the live")
            yield running
    finally:
        await nc.close()
        await server.stop()


@asynccontextmanager
async def _process(
    folder: Path, rules: Path, server: EmbeddedServer, sandbox: Sandbox, *flags: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "livecue.yaml"
    config.write_text(yaml.safe_dump(_config(folder, rules, server, sandbox, port)))
    with (folder / "livecue.log").open("w") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "livecue", "run", "-c", str(config), *flags, stderr=log
        )
        try:
            yield child, port
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(child.wait(), 20) == 0


def _config(folder: Path, rules: Path, server: EmbeddedServer, sandbox: Sandbox, port: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "data_dir": str(folder),
        "nats": {"url": server.url, "token": server.token},
        "metastudio": {
            "endpoint": sandbox.endpoint,
            "project_id": sandbox.project_id,
            "auth": {"ak": sandbox.ak, "sk": sandbox.sk},
        },
        "http": {"port": port},
        "rooms": [
            {
                "key": ROOM,
                "room_id": ROOM_ID,
                "rules": [str(rules)],
                "start": {
                    "output_urls": ["rtmp://push.example.com/live/x"],
                    "stream_keys": ["key"],
                },
                "sessions": [{"name": "now", "start": now, "end": now + timedelta(hours=1)}],
            }
        ],
    }
