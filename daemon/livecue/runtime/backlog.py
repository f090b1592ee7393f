"""When a partition sheds: while it would take too long to catch up. Pure: time is an argument, in ms.

What counts is not how old the oldest message is, but how long the rest will take at the pace of the last
seconds: an outage of minutes in a quiet room is caught up with in a moment, a flood is not.
"""

from __future__ import annotations

SHED_AFTER_S = 10.0
_MEASURED_MS = 500  # less says nothing about the pace
_SPAN_MS = 4_000
_PAUSE_MS = 60_000  # a clock that jumps by more has been set


class Backlog:
    """How far one partition is behind. `shed_after_s`: the time to catch up beyond which it sheds, until
    it would take half of that.
    """

    def __init__(self, shed_after_s: float) -> None:
        self._shed_after_s = shed_after_s
        self._last_ms: int | None = None
        self._ms = 0
        self._messages = 0
        self._before = 0
        self.behind_s = 0.0
        self.shedding = False

    def look(self, now_ms: int, taken: int, lag: int) -> None:
        """`taken` messages are about to be decided, and `lag` more wait behind them."""
        if lag <= 0:
            self._last_ms, self._ms, self._messages = None, 0, 0
            self.behind_s, self.shedding = 0.0, False
            return
        if self._last_ms is not None and 0 <= now_ms - self._last_ms < _PAUSE_MS:
            self._ms += now_ms - self._last_ms
            self._messages += self._before
        self._last_ms, self._before = now_ms, taken
        if self._ms >= _MEASURED_MS:
            self.behind_s = lag * self._ms / max(self._messages, 1) / 1000
            self.shedding = self.behind_s > self._shed_after_s / (2 if self.shedding else 1)
        if self._ms > _SPAN_MS:
            self._ms, self._messages = self._ms // 2, self._messages // 2
