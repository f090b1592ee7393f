"""What keeps a page of metrics small and cheap: labels from bounded sets, histograms that count many at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

OTHER = "other"
"""The label of everything that is one value too many, or none of ours."""


class Bounded:
    """Lets so many values through as labels: those that are known, or else the first `most`; the rest are `other`.

    Prometheus keeps a series for every value that it was ever told of; one that a stranger chooses would
    fill the daemon's memory, and the server's.
    """

    def __init__(self, most: int, known: Collection[str] | None = None) -> None:
        """`known`: nothing else passes; None: whatever comes first."""
        self._most = most
        self._known = known
        self._passed: set[str] = set()

    def know(self, known: Collection[str]) -> None:
        """Only these from now on, and what has already passed; `known` is looked up anew each time."""
        self._known = known

    def __call__(self, value: str) -> str:
        if value in self._passed:
            return value
        if len(self._passed) >= self._most or (self._known is not None and value not in self._known):
            return OTHER
        self._passed.add(value)
        return value


class Spread(Collector):
    """A histogram that takes in any number of equal values at one price: prometheus_client's takes one."""

    def __init__(self, name: str, text: str, buckets: Sequence[float]) -> None:
        """`buckets`: upper bounds in seconds, ascending, without the infinite one."""
        self._name = name
        self._text = text
        self._bounds = tuple(buckets)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float, n: int = 1) -> None:
        """`n` times this long."""
        self._counts[bisect_left(self._bounds, seconds)] += n
        self._sum += seconds * n

    def collect(self) -> Iterator[Metric]:
        so_far = 0
        buckets = []
        for bound, count in zip((*map(str, map(float, self._bounds)), "+Inf"), self._counts, strict=True):
            so_far += count
            buckets.append((bound, so_far))
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=self._sum)

    def describe(self) -> Iterable[Metric]:
        return [HistogramMetricFamily(self._name, self._text)]
