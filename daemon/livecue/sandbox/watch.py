"""Takes a file of faults again whenever it changes; a wrong one changes nothing and is complained of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from livecue.sandbox.faultfile import FaultsError, load
from livecue.sandbox.faults import FaultPlan

LOOK_S = 0.25
Stamp = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """What changes with the file; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


async def watch(
    path: Path, seen: Stamp, take: Callable[[FaultPlan], None], say: Callable[[str], None]
) -> None:
    """Looks every 0.25 s until it is cancelled. `seen`: the stamp of the plan in force."""
    while True:
        await asyncio.sleep(LOOK_S)
        now = stamp(path)
        if now == seen:
            continue
        seen = now
        try:
            plan = load(path)
        except FaultsError as error:
            say(f"{error}\nlivecue sandbox: the faults before it stay in force")
            continue
        take(plan)
        say(f"livecue sandbox: {path}: {len(plan.faults)} faults in force")
