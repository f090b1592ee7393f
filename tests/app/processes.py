"""`livecue …` as a process, with a configuration of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import urllib.error
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LIVECUE_")}


def write_config(folder: Path, **more: Any) -> Path:
    """A right configuration of one room, unless `more` makes it wrong."""
    data: dict[str, Any] = {
        "data_dir": str(folder / "var"),
        "http": {"port": 0},
        "metastudio": {
            "endpoint": "http://127.0.0.1:9",
            "project_id": "p",
            "auth": {"ak": "AK-GEHEIM-1", "sk": "SK-GEHEIM-2"},
        },
        "rooms": [{"key": "flagship", "room_id": "r1"}],
    }
    file = folder / "livecue.yaml"
    file.write_text(yaml.safe_dump(data | more, allow_unicode=True))
    return file


async def livecue(*arguments: str, within_s: float = 40) -> tuple[int, str, str]:
    """Run a command to its end: exit code, stdout, stderr."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "livecue", *arguments, stdout=PIPE, stderr=PIPE, env=clean_environment()
    )
    out, err = await asyncio.wait_for(child.communicate(), within_s)
    return child.returncode or 0, out.decode(), err.decode()


@dataclass
class Running:
    """`livecue run` as a process. `lines` is its whole output so far."""

    child: Process
    url: str = ""
    lines: list[str] = field(default_factory=list)

    async def get(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(_get, self.url + path)

    async def until_answer(self, path: str, *wanted: str, within_s: float = 30) -> tuple[int, str]:
        """Ask until the answer holds each of `wanted`."""
        async with asyncio.timeout(within_s):
            while True:
                status, body = await self.get(path)
                if all(one in f"{status} {body}" for one in wanted):
                    return status, body
                await asyncio.sleep(0.05)

    async def end(self, number: signal.Signals = signal.SIGTERM, *, within_s: float = 20) -> int:
        self.child.send_signal(number)
        return await asyncio.wait_for(self.child.wait(), within_s)


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Running]:
    """The daemon from the moment it listens; killed if it has not ended by the end of the block."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "livecue",
        "run",
        "-c",
        str(config),
        stdout=PIPE,
        stderr=PIPE,
        env=clean_environment(),
    )
    daemon = Running(child)
    assert child.stdout is not None
    assert child.stderr is not None
    listening = asyncio.Event()
    readers = [asyncio.create_task(_read(daemon, pipe, listening)) for pipe in (child.stdout, child.stderr)]
    try:
        await asyncio.wait_for(listening.wait(), 30)
        yield daemon
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        await asyncio.gather(*readers)


async def _read(daemon: Running, pipe: asyncio.StreamReader, listening: asyncio.Event) -> None:
    while line := (await pipe.readline()).decode():
        daemon.lines.append(line)
        if found := re.search(r'"url": ?"(http://[^"]+)"', line):
            daemon.url = found[1]
            listening.set()
    listening.set()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
