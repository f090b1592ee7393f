"""The meter on Prometheus: every count by name, room and a reason from a closed list."""

from __future__ import annotations

from contextlib import suppress

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from livecue.runtime.ports import Count

_HELP = {
    Count.EVENTS: "viewers' events decided, by type",
    Count.RULE_HITS: "events that a rule used up, answering or held back",
    Count.SUPPRESSED: "hits held back by a time window or another limit of the rule",
    Count.RULE_TIMEOUTS: "searches for a rule's pattern that were given up after 10 ms",
    Count.RULES_QUARANTINED: "rules put aside for a live because their patterns took too long",
    Count.DEAD: "messages that could not be read",
    Count.EVICTED: "entries of a room's memory that its limits made it forget",
    Count.ODD_FIELDS: "fields a rule reads as numbers that were none",
    Count.CUES: "cues by how they ended",
    Count.AIRTIME_HEALED: "times that the cloud's list of unplayed inserts freed a room's air",
    Count.REPORTS: "live-event-report calls by how they ended",
    Count.REPORTED_EVENTS: "events taken by live-event-report",
    Count.UNREPORTED: "events not taken by live-event-report, by why",
    Count.CALLBACKS_VERIFIED: "callbacks whose signature held",
    Count.CALLBACKS_REJECTED: "callbacks refused, by reason",
    Count.CALLBACK_KEYS: "callbacks whose signature held, by the id of the key",
    Count.INGEST: "requests to post events, by the status answered",
    Count.JOBS_STARTED: "live jobs started",
    Count.JOBS_ADOPTED: "running live jobs taken over",
    Count.JOBS_STOPPED: "live jobs stopped",
    Count.JOBS_LOST: "live jobs that ended while the plan wanted them",
    Count.JOBS_UNKNOWN: "running live jobs found in rooms that are not configured",
    Count.OUTPUTS_REFRESHED: "streams moved to the room's next output",
    Count.CLOUD_CALLS: "calls to MetaStudio by operation and result",
    Count.STATE_CONFLICTS: "commits refused because another writer was faster",
    Count.ASKS: "callbacks and chats by kind and how they ended",
    Count.ASKS_FAILED: "attempts at a callback or chat without a usable answer, by kind and why",
    Count.LEASE_CHANGES: "leases taken, given back and lost, and replicas declared gone",
    Count.RULE_RELOADS: "rule sets taken while running (ok), or refused",
}
_LATENCY_BUCKETS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2, 5, 10, 15)


prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no annotation here


class PrometheusMeter:
    """Counts into a registry of its own; `totals` reads them back for summaries."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            what: Counter(f"livecue_{what}", text, ("room", "reason"), registry=self.registry)
            for what, text in _HELP.items()
        }
        self._latency = Histogram(
            "livecue_reply_latency_seconds",
            "from the event's storage on the bus to the cloud's answer to its cue",
            ("room",),
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._lag = Gauge(
            "livecue_inbox_lag", "messages stored but not decided", ("partition",), registry=self.registry
        )

        self._alerts = Gauge(
            "livecue_alerts",
            "what somebody has to see to now, 1 while it is so",
            ("room", "reason"),
            registry=self.registry,
        )

        self._leases = Gauge(
            "livecue_leases_held",
            "leases that this replica holds, by kind",
            ("kind",),
            registry=self.registry,
        )

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None:
        self._counters[what].labels(room, reason).inc(n)

    def reply_latency(self, room: str, seconds: float) -> None:
        self._latency.labels(room).observe(seconds)

    def alert(self, room: str, kind: str, open_now: int) -> None:
        self._alerts.labels(room, kind).set(open_now)

    def lag(self, partition: int, messages: int) -> None:
        self._lag.labels(str(partition)).set(messages)

    def no_lag(self, partition: int) -> None:
        """The partition is another replica's now."""
        with suppress(KeyError):
            self._lag.remove(str(partition))

    def leases(self, partitions: int, tenant: int) -> None:
        self._leases.labels("partition").set(partitions)
        self._leases.labels("tenant").set(tenant)

    def total(self, what: Count, reason: str | None = None) -> int:
        """The sum over rooms, of one reason or of all."""
        return int(
            sum(
                sample.value
                for metric in self._counters[what].collect()
                for sample in metric.samples
                if sample.name.endswith("_total") and reason in {None, sample.labels["reason"]}
            )
        )

    def page(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)
