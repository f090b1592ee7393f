"""A server that counts, behind a network that delays as it likes; all in virtual milliseconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from livecue.egress.gate import Gate

Delays = tuple[int, int]
"""From a call's sending to its arrival, and from its arrival to its answer: processing and way back."""

SECOND_MS = 1000


@dataclass
class Run:
    """What one saturated caller did: it sends whenever it may."""

    limit: int
    arrivals: list[int] = field(default_factory=list)
    now_ms: int = 0

    @property
    def most_in_a_second(self) -> int:
        """Calls in the fullest half-open sliding second of the server's clock."""
        seen, most, first = sorted(self.arrivals), 0, 0
        for last, at in enumerate(seen):
            while seen[first] <= at - SECOND_MS:
                first += 1
            most = max(most, last - first + 1)
        return most

    def used(self, from_ms: int) -> float:
        """The part of the limit that was used from then on."""
        counted = sum(1 for at in self.arrivals if at >= from_ms)
        return counted * SECOND_MS / (self.limit * (self.now_ms - from_ms))


def saturate(
    gate: Gate,
    limit: int,
    delays: Iterable[Delays],
    *,
    error_of: Callable[[int], BaseException | None] = lambda _at: None,
    idle: Iterator[int] | None = None,
) -> Run:
    """Make one call per pair of delays, each as soon as the gate lets it go (and `idle` ms later)."""
    run = Run(limit)
    out: list[tuple[int, int]] = []  # when answered, and the ticket
    for there, rest in delays:
        run.now_ms += next(idle, 0) if idle else 0
        while True:
            while out and out[0][0] <= run.now_ms:
                at, ticket = heapq.heappop(out)
                gate.give_back(ticket, at, error_of(at))
            wait = gate.wait_ms(run.now_ms)
            if wait == 0:
                break
            moments = ([run.now_ms + wait] if wait is not None else []) + [at for at, _ in out[:1]]
            assert moments, "the gate waits for an answer, but no call is out"
            run.now_ms = min(moments)
        ticket = gate.take(run.now_ms)
        run.arrivals.append(run.now_ms + there)
        heapq.heappush(out, (run.now_ms + there + rest, ticket))
    return run
