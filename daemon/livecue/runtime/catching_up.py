"""A partition that is behind: whether it sheds, and what the log is told of that."""

from __future__ import annotations

from collections import Counter

import structlog

from livecue.runtime.backlog import Backlog
from livecue.runtime.ports import Count

log = structlog.get_logger()


class CatchingUp:
    """Says once that it sheds, and once, when nothing waits any more, what was let go on the way."""

    def __init__(self, partition: int, shed_after_s: float) -> None:
        self._partition = partition
        self._backlog = Backlog(shed_after_s)
        self._let_go: Counter[Count] = Counter()

    @property
    def shedding(self) -> bool:
        """Whether likes and enters are to be left out."""
        return self._backlog.shedding

    def let_go(self, what: Count, n: int) -> None:
        """`n` events were shed (SHED), or cues were too late (CUES)."""
        self._let_go[what] += n

    def look(self, now_ms: int, taken: int, lag: int) -> None:
        """See `Backlog.look`."""
        before = self._backlog.shedding
        self._backlog.look(now_ms, taken, lag)
        if self._backlog.shedding and not before:
            log.warning(
                "shedding",
                partition=self._partition,
                behind_s=round(self._backlog.behind_s, 1),
                lag=lag,
                effect="likes and enters are left out",
            )
        if not lag and not taken and self._let_go:
            shed, late = self._let_go[Count.SHED], self._let_go[Count.CUES]
            log.info("caught-up", partition=self._partition, shed_events=shed, late_cues=late)
            self._let_go.clear()
