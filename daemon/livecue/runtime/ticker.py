"""Tells a room the time when one of its combos has run out and nobody says anything.

The engine knows no clock but the bus's store time: so the time comes as a message, too, a TICK on
`live.signals.<room>`, and a replay of the stream decides the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

import structlog

from livecue.domain import SignalKind
from livecue.runtime.ports import BusError, Now, Signals

log = structlog.get_logger()

_LOOK_S = 0.2
_AGAIN_MS = 1_000  # should the server's clock be behind ours, the first tick came too early


class DueRooms(Protocol):
    """A partition's rooms that wait for the time. `opened` counts how often it began anew."""

    opened: int

    def due(self, now_ms: int, /) -> list[str]: ...


class Ticker:
    """Looks at all partitions five times a second and sends each room at most one tick a second."""

    def __init__(
        self,
        workers: Callable[[], Iterable[DueRooms]],
        signals: Signals,
        now: Now,
        gathering: Callable[[], Iterable[str]],
    ) -> None:
        """`workers()`: those of the partitions at work here. `gathering()`: the rooms whose rules gather combos. A partition that begins anew knows none
        of its rooms until something comes in for them: one tick each makes it look.
        """
        self._workers = workers
        self._gathering = gathering
        self._opened = 0
        self._signals = signals
        self._now = now
        self._ticked: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop` is set."""
        while not stop.is_set():
            await self.step()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()

    async def step(self) -> None:
        """Send the ticks that are due now."""
        now = self._now()
        workers = list(self._workers())
        due = {room for worker in workers for room in worker.due(now)}
        opened = sum(worker.opened for worker in workers)
        if opened != self._opened:
            self._opened = opened
            due.update(self._gathering())
        for room in due:
            if now - self._ticked.get(room, 0) < _AGAIN_MS:
                continue
            self._ticked[room] = now
            try:
                await self._signals.publish(room, SignalKind.TICK, {}, f"tick:{room}:{now}")
            except BusError as error:
                log.warning("tick-failed", room=room, error=str(error))
        self._ticked = {room: at for room, at in self._ticked.items() if room in due}
