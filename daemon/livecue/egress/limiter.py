"""The tenant's documented limits, kept exactly. Pure: time is an argument, in milliseconds.

A limit of n per second is n slots; a slot taken for a call comes back one second after the call's
*answer*. The server saw the call before it answered, and sees the next one after it is sent, so
no second of the server's clock ever holds more than n calls, however the network delays them.
Spacing the sends instead (a GCRA) is not enough: exact 250 ms spacing was seen to put five calls
into one second.

That counts each round trip as if it took no time, and costs a tenth of the limit at 100 ms. So a part
of what a round trip is known to take is given back, the credit: docs/decisions/0003 argues why it is safe.

Slots taken together come back together, and then what is urgent waits a whole second for the next. So while
the limit is used up the calls are spread over the second; a tenant with all slots free sends at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW_MS: Final = 1010
"""A second, and what rounding to milliseconds and two clocks that run at different rates may take of it."""

MEMORY_MS: Final = 300_000
"""A round trip is remembered for one to two of these."""

ENOUGH: Final = 100
MARGIN_MS: Final = 5
MOST_CREDIT_MS: Final = 200
_SPREAD: Final = 0.85  # of an even spacing: uneven answers shall not cost any of the limit


@dataclass
class _Trips:
    """The round trips of one span of time."""

    count: int = 0
    total_ms: int = 0
    shortest_ms: int = 0

    def add(self, trip_ms: int) -> None:
        self.shortest_ms = min(self.shortest_ms, trip_ms) if self.count else trip_ms
        self.count += 1
        self.total_ms += trip_ms


class _Memory:
    """How long answers have taken lately, in two spans: the younger one fills, the older one is dropped."""

    def __init__(self) -> None:
        self._young, self._old = _Trips(), _Trips()
        self._since_ms: int | None = None
        self._trusted_from_ms: int | None = None

    def learn(self, now_ms: int, trip_ms: int) -> None:
        self._turn(now_ms)
        self._young.add(trip_ms)

    def distrust(self, until_ms: int) -> None:
        self._young, self._old = _Trips(), _Trips()
        self._trusted_from_ms = until_ms

    def credit_ms(self, now_ms: int) -> int:
        """Half of the shortest trip, if there are enough of them and it is not a rare exception."""
        self._turn(now_ms)
        if self._trusted_from_ms is not None and now_ms < self._trusted_from_ms:
            return 0
        spans = [span for span in (self._young, self._old) if span.count]
        count = sum(span.count for span in spans)
        if count < ENOUGH:
            return 0
        shortest_ms = min(span.shortest_ms for span in spans)
        if 2 * shortest_ms * count < sum(span.total_ms for span in spans):
            return 0  # trips differ so much that the shortest seen says little of the shortest possible
        return half_of(shortest_ms)

    def _turn(self, now_ms: int) -> None:
        if self._since_ms is None:
            self._since_ms = now_ms
        spans = (now_ms - self._since_ms) // MEMORY_MS
        if spans < 1:
            return
        self._old = self._young if spans == 1 else _Trips()
        self._young = _Trips()
        self._since_ms += spans * MEMORY_MS


def half_of(trip_ms: int) -> int:
    """What one round trip can stand for: half of it, less a margin, from 0 to `MOST_CREDIT_MS`."""
    return min(max(trip_ms // 2 - MARGIN_MS, 0), MOST_CREDIT_MS)


class Slots:
    """`limit` calls in any second of the server's. `pause` is for a server that says slow down all the same."""

    def __init__(self, limit: int, window_ms: int = WINDOW_MS, *, used_ms: int | None = None) -> None:
        """`used_ms`: when the whole limit may just have been used, by a life before this one."""
        if limit < 1:
            raise ValueError("a limit is at least one call per second")
        self._limit = limit
        self._window_ms = window_ms
        self._out = 0
        used = [] if used_ms is None else [(used_ms, 0)] * limit
        self._back: list[tuple[int, int]] = used  # when answered, and the most credit of that call itself
        self._memory = _Memory()
        self._paused_until: int | None = None
        self._spacing_ms = int(_SPREAD * window_ms / limit)
        self._crowded = False
        self._next_ms: int | None = None  # while crowded: no call before this

    def wait_ms(self, now_ms: int) -> int | None:
        """0: a slot is free; n: one is in n ms; None: not before a call now out is answered."""
        credit_ms = self.credit_ms(now_ms)
        wait_ms = [at - min(own, credit_ms) + self._window_ms - now_ms for at, own in self._back]
        self._back = [back for back, wait in zip(self._back, wait_ms, strict=True) if wait > 0]
        paused = 0 if self._paused_until is None else max(0, self._paused_until - now_ms)
        if self._out + len(self._back) < self._limit:
            if not self._out and not self._back:
                self._crowded = False
            spread = max(0, self._next_ms - now_ms) if self._crowded and self._next_ms is not None else 0
            return max(paused, spread)
        self._crowded = True
        return max(paused, min(wait for wait in wait_ms if wait > 0)) if self._back else None

    def credit_ms(self, now_ms: int) -> int:
        """By how much a slot now comes back earlier than one window after its answer."""
        return self._memory.credit_ms(now_ms)

    def take(self, now_ms: int | None = None) -> None:
        """Occupy a slot; only after `wait_ms` said 0."""
        self._out += 1
        if now_ms is not None:
            self._next_ms = now_ms + self._spacing_ms

    def give_back(self, now_ms: int, taken_ms: int | None = None, *, answered: bool = True) -> None:
        """The call was answered, or given up: its slot is free one window from now, less the credit.

        `taken_ms`: when its slot was taken. Without it, or if no answer came, it teaches nothing and has no
        credit.
        """
        self._out -= 1
        own_ms = 0
        if answered and taken_ms is not None:
            trip_ms = max(0, now_ms - taken_ms)
            self._memory.learn(now_ms, trip_ms)
            own_ms = half_of(trip_ms)
        self._back.append((now_ms, own_ms))

    def return_unused(self) -> None:
        """Nothing was sent in this slot: it is free at once."""
        self._out -= 1
        self._next_ms = None

    def pause(self, until_ms: int) -> None:
        """Let nothing out before `until_ms`: the server answered 429. No credit then until all is forgotten."""
        self._paused_until = until_ms if self._paused_until is None else max(self._paused_until, until_ms)
        self._memory.distrust(self._paused_until + 2 * MEMORY_MS)
