"""How many lines of the log a flood may cost. Pure: time is an argument, in milliseconds.

In each window so many lines are told of a room, and of all rooms together; what is left out is counted,
by kind, and told in one line when the window is over. Nobody outside decides how much is remembered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

WINDOW_MS = 10_000
_ROOMS_NAMED = 10


@dataclass
class Untold:
    """What a window has left out: how often of each kind, and some of the rooms."""

    counts: Counter[str] = field(default_factory=Counter)
    rooms: list[str] = field(default_factory=list)


class Sparing:
    """`may` asks for one line; `untold` gives, once, what the windows that are over have left out."""

    def __init__(self, per_room: int = 20, overall: int = 200, window_ms: int = WINDOW_MS) -> None:
        """Lines per window."""
        self._per_room = per_room
        self._overall = overall
        self._window_ms = window_ms
        self._since_ms: int | None = None
        self._told: Counter[str] = Counter()
        self._lines = 0
        self._left_out = Untold()

    def may(self, now_ms: int, room: str, kind: str) -> bool:
        """Whether this may be told; if not, it is counted. Ask `untold` before."""
        if self._since_ms is None:
            self._since_ms = now_ms
        if self._lines < self._overall and self._told[room] < self._per_room:
            self._lines += 1
            self._told[room] += 1
            return True
        out = self._left_out
        out.counts[kind] += 1
        if room not in out.rooms and len(out.rooms) < _ROOMS_NAMED:
            out.rooms.append(room)
        return False

    def untold(self, now_ms: int, *, at_once: bool = False) -> Untold | None:
        """What was left out of the window that is over; None if none is, or nothing was. `at_once`: do not wait."""
        if self._since_ms is None or (0 <= now_ms - self._since_ms < self._window_ms and not at_once):
            return None
        out, self._left_out = self._left_out, Untold()
        self._since_ms, self._lines = None, 0
        self._told.clear()
        return out if out.counts else None
