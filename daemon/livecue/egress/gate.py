"""One operation's way out: its slots, its breaker, and the pause after a 429. Pure but for the jitter.

    wait = gate.wait_ms(now)          # 0: go
    ticket = gate.take(now)
    error = None
    try:
        await call()
    except CloudError as exc:
        error = exc
    finally:
        gate.give_back(ticket, later, error)

Times are integer milliseconds of a clock that never steps (monotonic, not the wall clock).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from livecue.domain import CloudError, Meaning
from livecue.egress.breaker import Breaker, State
from livecue.egress.limiter import Slots

PAUSE_FLOOR_MS: Final = 1_000
PAUSE_JITTER_MS: Final = 300
PAUSE_CEILING_MS: Final = 60_000

_FAILING: Final = frozenset({Meaning.UNAVAILABLE, Meaning.OUTCOME_UNKNOWN})


class Gate:
    """Whether a call may go now. One per operation and process; everybody who calls it asks here."""

    def __init__(
        self, slots: Slots, breaker: Breaker | None = None, jitter: Callable[[], float] = random.random
    ) -> None:
        """`jitter` gives 0 to 1. Without a breaker the operation is tried however often it fails."""
        self._slots = slots
        self._breaker = breaker
        self._jitter = jitter

    def wait_ms(self, now_ms: int) -> int | None:
        """0: go; n: ask again in n ms; None: not before a call that is out is answered."""
        slot, probe = self._slots.wait_ms(now_ms), self.probe_ms(now_ms)
        return None if slot is None or probe is None else max(slot, probe)

    def probe_ms(self, now_ms: int) -> int | None:
        """The breaker's part of `wait_ms`: 0 if it keeps nothing back, None while its probe is out."""
        return self._breaker.wait_ms(now_ms) if self._breaker else 0

    def take(self, now_ms: int) -> int:
        """Occupy a slot, after `wait_ms` said 0 and before anything is awaited; the ticket to give back."""
        self._slots.take(now_ms)
        if self._breaker:
            self._breaker.take(now_ms)
        return now_ms

    def give_back(self, ticket: int, now_ms: int, error: BaseException | None = None) -> None:
        """The call has ended: answered (`error` None), refused or failed (a `CloudError`).

        Any other exception, a cancellation for one, says nothing about the cloud.
        """
        refusal = error if isinstance(error, CloudError) else None
        answered = error is None or (refusal is not None and refusal.status > 0)
        self._slots.give_back(now_ms, ticket, answered=answered)
        if self._breaker:
            self._tell(self._breaker, ticket, now_ms, error)
        if refusal is not None and refusal.meaning is Meaning.SLOW_DOWN:
            self._slots.pause(now_ms + self._pause_ms(refusal.retry_after_s))

    def unused(self, ticket: int) -> None:
        """Instead of `give_back`: nothing was sent. The slot is free at once, a probe may go again."""
        self._slots.return_unused()
        if self._breaker:
            self._breaker.ended(ticket)

    @property
    def open(self) -> bool:
        """The breaker keeps calls back, but for its probes."""
        return self.state is not State.CLOSED

    @property
    def state(self) -> State:
        """The breaker's, for a metric; CLOSED if there is none."""
        return self._breaker.state if self._breaker else State.CLOSED

    def _tell(self, breaker: Breaker, ticket: int, now_ms: int, error: BaseException | None) -> None:
        if isinstance(error, CloudError) and error.meaning in _FAILING:
            breaker.failed(ticket, now_ms, self._jitter())
        elif error is None or isinstance(error, CloudError):
            breaker.worked(ticket, now_ms)
        else:
            breaker.ended(ticket)

    def _pause_ms(self, told_s: float | None) -> int:
        """At least a second, at most a minute, whatever Retry-After says."""
        told_ms = PAUSE_FLOOR_MS
        if told_s is not None and told_s * 1000 > PAUSE_FLOOR_MS:  # false for NaN too
            told_ms = int(min(told_s * 1000, PAUSE_CEILING_MS))
        return min(told_ms + int(PAUSE_JITTER_MS * self._jitter()), PAUSE_CEILING_MS)
