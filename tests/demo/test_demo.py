"""`livecue demo` as a process: everything happens, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from app.processes import clean_environment
from livecue.demo.scene import ROOMS, sessions
from livecue.demo.watch import quantile


@asynccontextmanager
async def demo(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = clean_environment() | {"TMPDIR": str(folder)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "livecue", "demo", *arguments, stdout=PIPE, stderr=PIPE, env=environment
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


def left_over(folder: Path) -> list[str]:
    """Files in the demo's own temporary folder, and processes that were started with one of them."""
    found = [str(file) for file in folder.iterdir()]
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


async def test_in_twelve_seconds_everything_has_happened_and_nothing_is_left(tmp_path: Path) -> None:
    async with demo(tmp_path, "--seconds", "12", "--json") as child:
        out, err = await asyncio.wait_for(child.communicate(), 50)
    assert child.returncode == 0, err.decode()
    summary = json.loads(out.decode().splitlines()[-1])
    assert [name for name, value in summary.items() if not value > 0] == []
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT])
async def test_an_interrupt_ends_it_cleanly_with_a_summary(number: signal.Signals, tmp_path: Path) -> None:
    async with demo(tmp_path, "--json") as child:
        async with asyncio.timeout(30):
            while not list(tmp_path.glob("livecue-demo-*/nats/store")):  # noqa: ASYNC110, ASYNC240
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)  # somewhere in the middle of its work
        child.send_signal(number)
        out, err = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 0, err.decode()
    assert "events_in" in json.loads(out.decode().splitlines()[-1])
    assert b"Traceback" not in err
    assert left_over(tmp_path) == []


def test_every_session_of_a_short_demo_is_over_before_it_ends() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for room in ROOMS:
        assert all(now < one["end"] <= now + timedelta(seconds=8) for one in sessions(room, now, 10))
    turns = sessions("outlet", now, None)
    assert all(one["end"] < later["start"] for one, later in pairwise(turns))


def test_a_quantile_of_nothing_is_zero_and_of_one_is_that_one() -> None:
    assert quantile([], 0.99) == 0.0
    assert quantile([3.14159], 0.99) == 3.1
    assert quantile([float(n) for n in range(1, 101)], 0.5) == 51.0
