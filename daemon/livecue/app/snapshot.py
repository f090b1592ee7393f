"""Metrics that are not counted but looked up when somebody asks: how things stand now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from livecue.domain import Job, JobState
from livecue.egress.breaker import State

_JOB_STATES = (JobState.WAITING, JobState.PROCESSING)
_OTHER = "other"
_BREAKER = {State.CLOSED: 0.0, State.HALF_OPEN: 0.5, State.OPEN: 1.0}


class Snapshot(Collector):
    """Asks the parts it was given; before that, and after `forget`, there are no series at all.

    `jobs`: the job of each room that has one. `airtime`: rooms and the seconds they have on the air.
    `breakers`: operations and how their breakers stand. All are called on the loop's own thread.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The parts are put away; what they did is another replica's now."""
        self.jobs: Callable[[], Iterable[Job]] | None = None
        self.airtime: Callable[[], Iterable[tuple[str, float]]] = tuple
        self.breakers: Callable[[], Iterable[tuple[str, State]]] = tuple

    def collect(self) -> Iterator[Metric]:
        jobs, air, breakers = self.describe()
        if self.jobs is not None:
            for state, n in _by_state(self.jobs()).items():
                jobs.add_metric([state], n)
        for room, seconds in self.airtime():
            air.add_metric([room], seconds)
        for operation, stands in self.breakers():
            breakers.add_metric([operation], _BREAKER[stands])
        yield from (jobs, air, breakers)

    def describe(self) -> tuple[GaugeMetricFamily, ...]:
        return (
            GaugeMetricFamily("livecue_jobs", "live jobs of configured rooms, by state", labels=("state",)),
            GaugeMetricFamily(
                "livecue_airtime_queued_seconds",
                "inserted speech that the cloud has and has not spoken",
                labels=("room",),
            ),
            GaugeMetricFamily(
                "livecue_breaker_open",
                "1 while an operation is not tried because it keeps failing, 0.5 while one trial is out",
                labels=("operation",),
            ),
        )


def _by_state(jobs: Iterable[Job]) -> dict[str, int]:
    counts = dict.fromkeys((*map(str, _JOB_STATES), _OTHER), 0)
    for job in jobs:
        counts[job.state if job.state in counts else _OTHER] += 1
    return counts
