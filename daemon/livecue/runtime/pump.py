"""The loop of everything that works off a queue: step while there is something to do, else wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress


async def keep_stepping(step: Callable[[], float], woken: asyncio.Event, stopped: Callable[[], bool]) -> None:
    """Call `step` until `stopped`. It says how long nothing needs doing, in seconds; `woken` ends that early."""
    while not stopped():
        pause_s = step()
        if pause_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await woken.wait()
        else:
            await asyncio.sleep(0)
        woken.clear()
