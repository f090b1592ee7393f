"""Wakes the loop at the plan's next change. It only makes the loop look earlier: nothing depends on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger


class Alarm:
    """One APScheduler job, set anew whenever the next change is another."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._set_for: int | None = None
        self._scheduler: Any = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """End; nothing is woken any more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set(self, at_ms: int | None) -> None:
        """Wake at `at_ms` (wall clock, ms), or not at all."""
        if at_ms == self._set_for:
            return
        self._set_for = at_ms
        if at_ms is None:
            self._scheduler.remove_all_jobs()
            return
        self._scheduler.add_job(
            self._ring,
            DateTrigger(datetime.fromtimestamp(at_ms / 1000, UTC)),
            id="next-change",
            replace_existing=True,
            misfire_grace_time=None,  # the default drops whatever is a second late
        )

    async def _ring(self) -> None:  # a coroutine: a plain function would run in another thread
        self._set_for = None
        self._wake()
