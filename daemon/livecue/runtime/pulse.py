"""Whether the event loop still turns: a heartbeat that notes how late it was woken."""

from __future__ import annotations

from collections import deque

EVERY_S = 0.25
"""How often the loop is to wake the heartbeat."""

LIMIT_S = 5.0
"""A loop that is later than this is as good as dead: nothing else that it has to do comes in time."""

WINDOW_S = 15.0
"""How long a late wake-up is remembered: the loop answers nobody while it is late, only afterwards."""


class Pulse:
    """Times are monotonic seconds."""

    def __init__(self, now_s: float) -> None:
        self._due_s = now_s
        self._late: deque[tuple[float, float]] = deque()

    def beat(self, now_s: float) -> None:
        """The heartbeat was woken; the next time is due in `EVERY_S`."""
        late_s = self._overdue(now_s)
        while self._late and self._late[0][0] < now_s - WINDOW_S:
            self._late.popleft()
        while self._late and self._late[-1][1] <= late_s:
            self._late.pop()  # what is older and less late can never be the latest again
        self._late.append((now_s, late_s))
        self._due_s = now_s + EVERY_S

    def lag_s(self, now_s: float) -> float:
        """The latest wake-up of the last `WINDOW_S`, or how long one is overdue now."""
        seen = (late_s for at_s, late_s in self._late if at_s >= now_s - WINDOW_S)
        return max(self._overdue(now_s), max(seen, default=0.0))

    def problem(self, now_s: float) -> str:
        """Why the process ought to be started again; empty while it need not."""
        if (overdue_s := self._overdue(now_s)) > LIMIT_S:
            return f"the event loop's heartbeat is {overdue_s:.1f} s overdue"
        if (lag_s := self.lag_s(now_s)) > LIMIT_S:
            return f"the event loop was {lag_s:.1f} s late within the last {WINDOW_S:.0f} s"
        return ""

    def _overdue(self, now_s: float) -> float:
        return max(0.0, now_s - self._due_s)
