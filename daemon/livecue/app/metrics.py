"""The meter on Prometheus: every count by name, room and a reason from a closed list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from livecue.app.series import Bounded, Spread
from livecue.app.snapshot import Snapshot
from livecue.runtime.measure_ports import RuleDid, Took
from livecue.runtime.ports import Count

_HELP = {
    Count.EVENTS: "viewers' events decided, by type",
    Count.REPEATED: "viewers' events that had come before, by what told so",
    Count.SHED: "viewers' events left out undecided in a flood, by type",
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
    Count.FAILOVERS: "sessions that went on in the room's standby",
    Count.OUTPUTS_REFRESHED: "streams moved to the room's next output",
    Count.CLOUD_CALLS: "calls to MetaStudio by operation and result",
    Count.STATE_CONFLICTS: "commits refused because another writer was faster",
    Count.ASKS: "callbacks and chats by kind and how they ended",
    Count.ASKS_FAILED: "attempts at a callback or chat without a usable answer, by kind and why",
    Count.LEASE_CHANGES: "leases taken, given back and lost, and replicas declared gone",
    Count.RULE_RELOADS: "rule sets taken while running (ok), or refused",
}
_LATENCY_BUCKETS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2, 5, 10, 15)
_TOOK = {
    Took.DECIDE: (
        "from an event's storage on the bus until it is decided and committed",
        (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    ),
    Took.CUE_WAIT: (
        "from a cue's arrival at the dispatcher until its call goes out",
        (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
    ),
    Took.SPEECH: (
        "from the cloud's answer to a cue until it calls back that it was spoken",
        (0.5, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 60),
    ),
}
_WAIT_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
_MOST_ROOMS = 5_000
_MOST_REASONS = 300  # of one counter: types of events, statuses, an operation with a result
_MOST_RULES = 500  # each has a series for each of `RuleDid`
_MOST_OPERATIONS = 50


prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no annotation here


class PrometheusMeter:
    """Counts into a registry of its own; `totals` reads them back for summaries."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._rooms = Bounded(_MOST_ROOMS)
        self._reasons = {what: Bounded(_MOST_REASONS) for what in Count}
        self._rules = Bounded(_MOST_RULES)
        self._operations = Bounded(_MOST_OPERATIONS)
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
        self._chats = Gauge(
            "livecue_chat_state",
            "how far the link of a chat room's job is (0 to 4, as MetaStudio counts), -1 without one",
            ("room",),
            registry=self.registry,
        )
        self._alerts = Gauge(
            "livecue_alerts",
            "what somebody has to see to now, 1 while it is so",
            ("room", "reason"),
            registry=self.registry,
        )
        self._parts = Gauge(
            "livecue_part_ok",
            "1 while /readyz has nothing against the part",
            ("part",),
            registry=self.registry,
        )
        self._known_parts: set[str] = set()
        self._leases = Gauge(
            "livecue_leases_held",
            "leases that this replica holds, by kind",
            ("kind",),
            registry=self.registry,
        )
        self._loop_lag = Gauge(
            "livecue_loop_lag_seconds",
            "how late the event loop was, at its worst within the last 15 s",
            registry=self.registry,
        )
        self._by_rule = Counter(
            "livecue_rules",
            "what the rules did, and how their cues ended",
            ("rule", "did"),
            registry=self.registry,
        )
        self._waits = Histogram(
            "livecue_limiter_wait_seconds",
            "how long a call that may not go yet waits for its slot",
            ("operation",),
            buckets=_WAIT_BUCKETS,
            registry=self.registry,
        )
        self._took = {
            what: Spread(f"livecue_{what}_seconds", text, buckets) for what, (text, buckets) in _TOOK.items()
        }
        for spread in self._took.values():
            self.registry.register(spread)
        self.snapshot = Snapshot()
        self.registry.register(self.snapshot)

    def know(self, rooms: Collection[str], rules: Collection[str]) -> None:
        """Only these get series of their own; both are asked anew each time a new one comes up."""
        self._rooms.know(rooms)
        self._rules.know(rules)

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None:
        self._counters[what].labels(self._room(room), self._reasons[what](reason) if reason else "").inc(n)

    def reply_latency(self, room: str, seconds: float) -> None:
        self._latency.labels(self._room(room)).observe(max(seconds, 0))

    def took(self, what: Took, seconds: float, n: int = 1) -> None:
        self._took[what].add(max(seconds, 0), n)

    def rule(self, rule_index: str, did: RuleDid, n: int = 1) -> None:
        self._by_rule.labels(self._rules(rule_index), did.value).inc(n)

    def limiter_wait(self, operation: str, seconds: float) -> None:
        self._waits.labels(self._operations(operation)).observe(max(seconds, 0))

    def _room(self, room: str) -> str:
        return self._rooms(room) if room else ""

    def alert(self, room: str, kind: str, open_now: int) -> None:
        self._alerts.labels(self._room(room), kind).set(open_now)

    def chat_state(self, room: str, state: int | None) -> None:
        self._chats.labels(self._room(room)).set(-1 if state is None else state)

    def no_chats(self) -> None:
        """The rooms' jobs are another replica's to look at now."""
        self._chats.clear()

    def lag(self, partition: int, messages: int) -> None:
        self._lag.labels(str(partition)).set(messages)

    def no_lag(self, partition: int) -> None:
        """The partition is another replica's now."""
        with suppress(KeyError):
            self._lag.remove(str(partition))

    def leases(self, partitions: int, tenant: int) -> None:
        self._leases.labels("partition").set(partitions)
        self._leases.labels("tenant").set(tenant)

    def process(self, ill: Mapping[str, str], loop_lag_s: float) -> None:
        """How the process is now: the error of each part, empty when it has none, and the loop's lag."""
        for part in self._known_parts - ill.keys():
            self._parts.remove(part)
        self._known_parts = set(ill)
        for part, error in ill.items():
            self._parts.labels(part).set(not error)
        self._loop_lag.set(loop_lag_s)

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
