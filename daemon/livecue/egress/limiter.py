"""The tenant's documented limits, kept exactly. Pure: time is an argument, in milliseconds.

A limit of n per second is n slots; a slot taken for a call comes back one second after the call's
*answer*. The server saw the call before it answered, and sees the next one after it is sent, so
no second of the server's clock ever holds more than n calls, however the network delays them.
Spacing the sends instead (a GCRA) is not enough: exact 250 ms spacing was seen to put five calls
into one second. See docs/decisions/0003.
"""

from __future__ import annotations

from collections import deque


class Slots:
    """`limit` calls in any `window_ms`. `pause` is for a server that says slow down all the same."""

    def __init__(self, limit: int, window_ms: int = 1020) -> None:
        if limit < 1:
            raise ValueError("a limit is at least one call per second")
        self._limit = limit
        self._window_ms = window_ms
        self._out = 0
        self._back: deque[int] = deque()
        self._paused_until = 0

    def wait_ms(self, now_ms: int) -> int | None:
        """0: a slot is free; n: one is in n ms; None: not before a call now out is answered."""
        while self._back and self._back[0] <= now_ms:
            self._back.popleft()
        paused = max(0, self._paused_until - now_ms)
        if self._out + len(self._back) < self._limit:
            return paused
        return max(paused, self._back[0] - now_ms) if self._back else None

    def take(self) -> None:
        """Occupy a slot; only after `wait_ms` said 0."""
        self._out += 1

    def give_back(self, now_ms: int) -> None:
        """The call was answered, or given up: its slot is free one window from now."""
        self._out -= 1
        self._back.append(now_ms + self._window_ms)

    def pause(self, until_ms: int) -> None:
        """Let nothing out before `until_ms`: the server answered 429."""
        self._paused_until = max(self._paused_until, until_ms)
