"""A machine whose clock jumps an hour, with a real bus and the sandbox over HTTP, which keeps the right time.

Whatever the clock says: one job at a time, and none that is on a minute after its session by that clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.processes import write_config
from livecue.app.daemon import Daemon
from livecue.app.redact import Redactor
from livecue.app.rooms import load_rules
from livecue.sandbox import Sandbox, SandboxOptions
from livecue.settings import load

HOUR = 3600
ROOM_ID = "22222222-aaaa-4bbb-8ccc-00000000000a"


@dataclass
class Jumpy:
    """A wall clock that somebody sets."""

    ahead_s: float = 0

    def __call__(self) -> int:
        return round((time.time() + self.ahead_s) * 1000)


@dataclass
class Desk:
    """A daemon in this process, its clock and its cloud. `most`: jobs that were on at once."""

    clock: Jumpy
    sandbox: Sandbox
    most: int = 0

    def on(self) -> int:
        found = sum(not job.over for job in self.sandbox.jobs.values())
        self.most = max(self.most, found)
        return found

    async def until(self, holds: Callable[[], bool], what: str, within_s: float = 20) -> None:
        deadline = time.monotonic() + within_s
        while not holds():
            self.on()
            assert time.monotonic() < deadline, f"{what} did not come"
            await asyncio.sleep(0.02)

    async def for_a_while(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        await self.until(lambda: time.monotonic() >= deadline, "the end", seconds + 5)


@asynccontextmanager
async def desk(folder: Path, session: tuple[float, float], start_delay_s: float = 0.2) -> AsyncIterator[Desk]:
    """`session`: its start and end in seconds from now."""
    now = datetime.now(UTC)
    start, end = (now + timedelta(seconds=seconds) for seconds in session)
    options = SandboxOptions(room_ids=(ROOM_ID,), start_delay_s=start_delay_s, enforce_single_job=False)
    async with Sandbox(options).running() as sandbox:
        metastudio = {
            "endpoint": sandbox.endpoint,
            "project_id": sandbox.project_id,
            "auth": {"ak": sandbox.ak, "sk": sandbox.sk},
        }
        room = {
            "key": "shop",
            "room_id": ROOM_ID,
            "start": {"output_urls": ["rtmp://push.example.com/live/x"], "stream_keys": ["k"]},
            "sessions": [{"name": "now", "start": start, "end": end, "least_remainder": "0s"}],
        }
        loaded = load(write_config(folder, metastudio=metastudio, rooms=[room]))
        clock = Jumpy()
        daemon = Daemon(loaded, load_rules(loaded), Redactor([]), now=clock)
        task = asyncio.create_task(daemon.run())
        try:
            await asyncio.wait_for(daemon.ready.wait(), 30)
            yield Desk(clock, sandbox)
        finally:
            daemon.stop()
            await asyncio.wait_for(task, 30)


async def test_an_hour_forward_past_the_sessions_end_stops_the_job_and_starts_no_other(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, (-60, HOUR / 2)) as shop:
        await shop.until(lambda: shop.on() == 1, "the live")
        shop.clock.ahead_s = HOUR
        await shop.until(lambda: shop.on() == 0, "the stop")
        await shop.for_a_while(4)
        assert (len(shop.sandbox.jobs), shop.most) == (1, 1)


async def test_an_hour_forward_within_a_session_leaves_its_job_on(tmp_path: Path) -> None:
    async with desk(tmp_path, (-60, 3 * HOUR)) as shop:
        await shop.until(lambda: shop.on() == 1, "the live")
        shop.clock.ahead_s = HOUR
        await shop.for_a_while(8)
        assert (len(shop.sandbox.jobs), shop.on()) == (1, 1)
        shop.clock.ahead_s = 4 * HOUR
        await shop.until(lambda: shop.on() == 0, "the stop")


async def test_an_hour_back_and_right_again_ends_with_the_session(tmp_path: Path) -> None:
    """Before its start by the clock, the session wants nothing: its job stops, and comes when it is time."""
    async with desk(tmp_path, (-60, 30)) as shop:
        await shop.until(lambda: shop.on() == 1, "the live")
        shop.clock.ahead_s = -HOUR
        await shop.until(lambda: shop.on() == 0, "the stop before its start")
        shop.clock.ahead_s = 0
        await shop.until(lambda: shop.on() == 1, "the live, again")
        await shop.until(lambda: shop.on() == 0, "the stop", 60)
        assert (len(shop.sandbox.jobs), shop.most) == (2, 1)


async def test_an_hour_back_within_a_session_keeps_its_job_to_its_end_by_the_clock(tmp_path: Path) -> None:
    async with desk(tmp_path, (-2 * HOUR, HOUR)) as shop:
        await shop.until(lambda: shop.on() == 0 and not shop.sandbox.jobs, "nothing, it began too long ago")
        shop.clock.ahead_s = -2 * HOUR + 60  # in time for its start
        await shop.until(lambda: shop.on() == 1, "the live", 40)
        shop.clock.ahead_s -= 30
        await shop.for_a_while(4)
        assert (len(shop.sandbox.jobs), shop.on()) == (1, 1)
        shop.clock.ahead_s = HOUR
        await shop.until(lambda: shop.on() == 0, "the stop")
        assert (len(shop.sandbox.jobs), shop.most) == (1, 1)


@pytest.mark.parametrize("ahead_s", [HOUR, -HOUR])
async def test_a_jump_in_the_middle_of_a_start_leaves_one_job_that_is_stopped(
    tmp_path: Path, ahead_s: float
) -> None:
    async with desk(tmp_path, (2, HOUR), start_delay_s=3) as shop:
        await shop.until(lambda: shop.on() == 1, "the start")
        shop.clock.ahead_s = ahead_s
        await shop.for_a_while(5)
        shop.clock.ahead_s = 2 * HOUR
        await shop.until(lambda: shop.on() == 0, "the stop")
        await shop.for_a_while(2)
        assert shop.most == 1
        assert len(shop.sandbox.jobs) == 1
