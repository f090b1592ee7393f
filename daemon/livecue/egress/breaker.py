"""Stops knocking on a door that does not open: a circuit breaker for one operation. Pure.

Closed, calls go. After some failures in a row it opens: no call for a while, longer each time. Then one
probe goes alone (half open), and its end decides. Times are milliseconds of any clock that never steps.
"""

from __future__ import annotations

from enum import StrEnum

_JITTER = 0.2
_MOST_DOUBLINGS = 30


class State(StrEnum):
    """Where a breaker stands; a metric's label."""

    CLOSED = "closed"
    OPEN = "open"  # no call before its time is up; then the next one is the probe
    HALF_OPEN = "half_open"  # the probe is out


class Breaker:
    """Opens after `failures` in a row, for `floor_ms` and twice as long each time up to `ceiling_ms`.

    `taken_ms` says which call has ended: one that was sent before the breaker last opened or closed says
    nothing about now, and is passed over.
    """

    def __init__(self, failures: int = 5, floor_ms: int = 1_000, ceiling_ms: int = 30_000) -> None:
        if failures < 1 or not 1 <= floor_ms <= ceiling_ms:
            raise ValueError("a breaker needs failures >= 1 and 1 <= floor_ms <= ceiling_ms")
        self._failures = failures
        self._floor_ms = floor_ms
        self._ceiling_ms = ceiling_ms
        self._in_a_row = 0
        self._opened = 0
        self._until_ms: int | None = None
        self._probe_ms: int | None = None
        self._closed_ms: int | None = None

    @property
    def state(self) -> State:
        if self._until_ms is None:
            return State.CLOSED
        return State.OPEN if self._probe_ms is None else State.HALF_OPEN

    def wait_ms(self, now_ms: int) -> int | None:
        """0: a call may go; n: the probe may in n ms; None: the probe is out, all depends on it."""
        if self._until_ms is None:
            return 0
        return None if self._probe_ms is not None else max(0, self._until_ms - now_ms)

    def take(self, now_ms: int) -> None:
        """A call goes out, the probe if the breaker is open; only after `wait_ms` said 0."""
        if self._until_ms is not None:
            self._probe_ms = now_ms

    def worked(self, taken_ms: int, now_ms: int) -> None:
        """An answer came, were it a refusal: the other side is there."""
        if not self._counts(taken_ms):
            return
        if self._until_ms is not None:
            self._closed_ms = now_ms
        self._in_a_row = self._opened = 0
        self._until_ms = self._probe_ms = None

    def failed(self, taken_ms: int, now_ms: int, jitter: float = 0.0) -> None:
        """No usable answer. `jitter` (0 to 1) adds up to a fifth, so that many do not probe together."""
        if not self._counts(taken_ms):
            return
        self._in_a_row += 1
        if self._until_ms is None and self._in_a_row < self._failures:
            return
        doubled = self._floor_ms << min(self._opened, _MOST_DOUBLINGS)
        self._opened += 1
        self._until_ms = now_ms + int(min(doubled, self._ceiling_ms) * (1 + _JITTER * jitter))
        self._probe_ms = None

    def ended(self, taken_ms: int) -> None:
        """The call ended without telling anything (cancelled, never sent): a probe may go again."""
        if self._probe_ms == taken_ms:
            self._probe_ms = None

    def _counts(self, taken_ms: int) -> bool:
        if self._until_ms is not None:
            return self._probe_ms == taken_ms
        return self._closed_ms is None or taken_ms >= self._closed_ms
