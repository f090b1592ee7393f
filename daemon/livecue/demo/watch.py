"""What the demo has seen: counts, latencies, the last replies. Feeds the view and the summary."""

from __future__ import annotations

from collections import deque
from typing import Any

from livecue.app.metrics import PrometheusMeter
from livecue.runtime.ports import AuditEntry, Count, Outcome


class WatchedMeter(PrometheusMeter):
    """The daemon's own meter, which also keeps each reply's latency."""

    def __init__(self) -> None:
        super().__init__()
        self.latencies_ms: deque[float] = deque(maxlen=100_000)

    def reply_latency(self, room: str, seconds: float) -> None:
        super().reply_latency(room, seconds)
        self.latencies_ms.append(seconds * 1000)


class Watch:
    """The last replies, and every number of the summary."""

    def __init__(self, meter: WatchedMeter) -> None:
        self.meter = meter
        self.replies: deque[tuple[str, AuditEntry]] = deque(maxlen=10)

    def saw(self, room: str, entry: AuditEntry) -> None:
        """A line of the audit."""
        if entry.outcome is Outcome.SENT and entry.rule_index:
            self.replies.append((room, entry))

    def summary(self) -> dict[str, Any]:
        """The one JSON object that `--json` prints."""
        meter = self.meter
        latencies = sorted(meter.latencies_ms)
        return {
            "events_in": meter.total(Count.EVENTS),
            "rule_hits": meter.total(Count.RULE_HITS),
            "cues_sent": meter.total(Count.CUES, Outcome.SENT),
            "reports_sent": meter.total(Count.REPORTS, Outcome.SENT),
            "events_reported": meter.total(Count.REPORTED_EVENTS),
            "callbacks_verified": meter.total(Count.CALLBACKS_VERIFIED),
            "callbacks_rejected": meter.total(Count.CALLBACKS_REJECTED),
            "jobs_started": meter.total(Count.JOBS_STARTED),
            "jobs_stopped": meter.total(Count.JOBS_STOPPED),
            "reply_p50_ms": quantile(latencies, 0.5),
            "reply_p99_ms": quantile(latencies, 0.99),
        }


def quantile(ordered: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie; 0 of none."""
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
