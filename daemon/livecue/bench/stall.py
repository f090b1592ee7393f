"""How long a loop stands still while something is computed in a thread beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_TICK_S = 0.001


def longest_stall_s(work: Callable[[], object]) -> float:
    """The longest delay of a ticking coroutine while `work` runs in a thread."""
    return asyncio.run(_beside(work))


async def _beside(work: Callable[[], object]) -> float:
    longest = 0.0
    task = asyncio.create_task(asyncio.to_thread(work), name="work")
    last = time.perf_counter()
    while not task.done():
        await asyncio.sleep(_TICK_S)
        now = time.perf_counter()
        longest = max(longest, now - last - _TICK_S)
        last = now
    await task
    return longest
