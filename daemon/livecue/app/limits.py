"""The tenant's limits, kept for everybody who calls MetaStudio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from math import ceil
from typing import Final

from livecue.domain import Meaning
from livecue.egress.breaker import Breaker, State
from livecue.egress.gate import Gate
from livecue.egress.limiter import Slots
from livecue.metastudio import documented
from livecue.metastudio.errors import error
from livecue.metastudio.wire import monotonic_ms

_CROWDED_S: Final = 0.02
_ALWAYS_TRIED: Final = frozenset({"stop", "stop_chat"})


class Limits:
    """The tenant's way out by operation: documented limits, or the user's own numbers; and a breaker each.

    Stops have no breaker: a live that nobody stops goes on charging, so a stop is always tried. `mono` is
    a clock in ms that never steps: a wall clock set back must not hold calls up, set forth not let them through.
    """

    def __init__(
        self,
        region: str,
        overrides: Mapping[str, int],
        *,
        mono: Callable[[], int] = monotonic_ms,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        used_ms: int | None = None,
        waited: Callable[[str, float], None] = lambda _operation, _seconds: None,
    ) -> None:
        """`used_ms`: until when a process before this one may have used the whole limits. `waited` hears of
        each call how many seconds it waited for its slot.
        """
        self._waited = waited
        self._mono = mono
        self._sleep = sleep
        per_second = {**documented(region), **overrides}
        self._gates = {
            name: Gate(Slots(n, used_ms=used_ms), None if name in _ALWAYS_TRIED else Breaker())
            for name, n in per_second.items()
        }
        self._turns = {name: asyncio.Lock() for name in self._gates}

    def gate(self, operation: str) -> Gate:
        """The one gate of an operation, for who keeps a queue of his own.

        Raises:
            CloudError: INVALID, the region does not offer the operation.
        """
        try:
            return self._gates[operation]
        except KeyError:
            text = "this region does not offer it; check metastudio.region"
            raise error(operation, Meaning.INVALID, detail=text) from None

    def breakers(self) -> Iterator[tuple[str, State]]:
        """Every operation, and how its breaker stands."""
        return ((name, gate.state) for name, gate in self._gates.items())

    @asynccontextmanager
    async def slot(self, operation: str) -> AsyncIterator[None]:
        """Wait for a slot, in order of asking; it comes back when the call is answered.

        Raises:
            CloudError: UNAVAILABLE at once while the breaker is open; `retry_after_s` says for how long.
        """
        gate = self.gate(operation)
        self._refuse_if_open(operation, gate)
        asked_ms = self._mono()
        async with self._turns[operation]:
            for wait in iter(lambda: gate.wait_ms(self._mono()), 0):
                self._refuse_if_open(operation, gate)
                await self._sleep(_CROWDED_S if wait is None else wait / 1000)
            ticket = gate.take(self._mono())
        self._waited(operation, (ticket - asked_ms) / 1000)
        ended: BaseException | None = None
        try:
            yield
        except BaseException as exc:
            ended = exc
            raise
        finally:
            gate.give_back(ticket, self._mono(), ended)

    def _refuse_if_open(self, operation: str, gate: Gate) -> None:
        probe_ms = gate.probe_ms(self._mono())
        if probe_ms == 0:
            return
        soon = "a trial call is out now" if probe_ms is None else f"next trial in {ceil(probe_ms / 1000)} s"
        raise error(
            operation,
            Meaning.UNAVAILABLE,
            detail=f"not sent, because the last calls all failed; {soon}",
            retry_after_s=1.0 if probe_ms is None else probe_ms / 1000,
        )
