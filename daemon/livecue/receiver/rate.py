"""How many events a room takes by HTTP. Pure: time is an argument, in seconds of a clock that never steps."""

from __future__ import annotations

import math


class Debts:
    """A leaky bucket per room: `burst_s` of its rate at once, then the rate.

    A request is let in as long as the room owes nothing, however large it is; what it holds beyond the
    burst is owed, and until that is worked off the next are sent away.
    """

    def __init__(self, burst_s: float = 2.0) -> None:
        self._burst_s = burst_s
        self._full_at: dict[str, float] = {}

    def wait_s(self, room: str, now_s: float) -> int:
        """Whole seconds until the room may post again; 0: now."""
        return max(0, math.ceil(self._full_at.get(room, now_s) - now_s - self._burst_s))

    def charge(self, room: str, events: int, per_s: float, now_s: float) -> None:
        """The room has posted this many."""
        self._full_at[room] = max(self._full_at.get(room, now_s), now_s) + events / per_s
