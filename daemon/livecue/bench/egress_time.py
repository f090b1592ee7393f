"""A loop that does not wait: where nothing is left to do, its clock goes on to the next thing that will happen."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH_MS = 1_790_000_000_000


class _Leaping(selectors.DefaultSelector):
    """Instead of sleeping for `timeout` seconds, lets them have passed."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits for somebody else: nothing will ever happen")
            self.now_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio in virtual time, which begins at 0 s. What is awaited must come of a timer or of another task."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now_s


def run_virtually(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


def virtual_ms() -> int:
    """The wall clock of the running virtual loop, in ms."""
    return EPOCH_MS + round(asyncio.get_running_loop().time() * 1000)
