"""What the running line, the receiver and the supervisor need from the outside, as protocols.

The real ones are in `bus` (NATS) and `app.cloud` (MetaStudio); `runtime.memory` holds their
in-memory twins. Every port raises `BusError` or `CloudError`, never a library's own exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import msgspec

from livecue.domain import Ask, Cue, Report

Now = Callable[[], int]
"""Wall clock in milliseconds since 1970-01-01 UTC."""


class BusError(Exception):
    """The bus did not take or give a message in time.

    Remedy: nothing for the caller but to try again later; for the operator: check `nats.url`, the
    server's logs and its disk. livecue reconnects by itself.
    """


class StaleStateError(BusError):
    """Someone else moved this partition on meanwhile: another replica has its lease now.

    Remedy: none; this one reloads the partition, or gives it up as soon as it hears of it.
    """


class Outcome(StrEnum):
    """How a cue, report or ask ended; label of the metrics and of `live.audit.<room>`."""

    QUEUED = "queued"  # decided, waits for its turn
    SENDING = "sending"  # claimed: from here on nobody else may send it
    WAITING = "waiting"  # surely not taken this time (429, not pushed, …): it goes again
    SENT = "sent"
    FINISHED = "finished"  # the cloud said it was spoken
    WITHDRAWN = "withdrawn"  # its scene was over before it was spoken
    EXPIRED = "expired"  # too old before a slot was free
    NO_JOB = "no_job"  # its live is over, or none came in time
    REFUSED = "refused"  # the cloud will never take it
    UNKNOWN = "unknown"  # no answer: not repeated, a lost reply beats a double one
    OVERFLOW = "overflow"  # more than the documented limits let through
    ASKING = "asking"  # a chat ask is claimed: from here on nobody else may ask
    ANSWERED = "answered"  # the answer's text went to the engine
    FALLBACK = "fallback"  # no usable answer: the rule's own text went to the engine
    DELIVERED = "delivered"  # the callback was taken, and there is nothing to speak
    GONE = "gone"  # the callback's URL wants no more during this live
    KEPT = "kept"  # a callback of a type that this version does not know, as it came
    UNANSWERED = "unanswered"  # no usable answer, and the rule has no text of its own


class Count(StrEnum):
    """Everything that is counted, by its name in `/metrics` (prefix `livecue_`, suffix `_total`)."""

    EVENTS = "events"
    REPEATED = "repeated_events"
    SHED = "shed_events"
    RULE_HITS = "rule_hits"
    SUPPRESSED = "suppressed"
    RULE_TIMEOUTS = "rule_timeouts"
    RULES_QUARANTINED = "rules_quarantined"
    EVICTED = "evicted"
    DEAD = "dead_letters"
    ODD_FIELDS = "odd_fields"
    CUES = "cues"
    AIRTIME_HEALED = "airtime_healed"
    REPORTS = "reports"
    REPORTED_EVENTS = "reported_events"
    UNREPORTED = "unreported_events"
    CALLBACKS_VERIFIED = "callbacks_verified"
    CALLBACKS_REJECTED = "callbacks_rejected"
    CALLBACK_KEYS = "callback_keys"
    INGEST = "ingest_requests"
    JOBS_STARTED = "jobs_started"
    JOBS_ADOPTED = "jobs_adopted"
    JOBS_STOPPED = "jobs_stopped"
    JOBS_LOST = "jobs_lost"
    JOBS_UNKNOWN = "jobs_unknown"
    FAILOVERS = "failovers"
    OUTPUTS_REFRESHED = "outputs_refreshed"
    CLOUD_CALLS = "cloud_calls"
    STATE_CONFLICTS = "state_conflicts"
    RULE_RELOADS = "rule_reloads"
    ASKS = "asks"
    ASKS_FAILED = "asks_failed"
    LEASE_CHANGES = "lease_changes"


class Meter(Protocol):
    """Counts what happens. `reason` is from a closed enum, never free text."""

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None: ...

    def reply_latency(self, room: str, seconds: float) -> None:
        """Time from the event's storage on the bus to the cloud's 200 for its cue."""


class Health(Protocol):
    """What `/readyz` shows: one line per part; `error` empty means fine."""

    def report(self, part: str, error: str = "") -> None: ...


class Signals(Protocol):
    """Where verified callbacks and job changes go: `live.signals.<room>`."""

    async def publish(self, room: str, kind: str, data: Mapping[str, Any], dedup_id: str = "") -> None:
        """Return once the bus has stored it. `dedup_id`: the same id again within 120 s is one signal.

        Raises:
            BusError: the bus did not acknowledge; the signal may or may not be stored.
        """


class EventSink(Protocol):
    """Where events that came in by HTTP go: `live.events.<room>`."""

    async def publish_events(self, room: str, body: bytes, dedup_id: str = "") -> None: ...


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of `live.audit.<room>`: what became of a cue, a report or an ask.

    `attempt` counts the sendings of one cue or report, from 1; 0 where none was made.
    """

    outcome: Outcome
    subject_id: str  # the cue's or report's id; `ask:` and the ask's id
    at_ms: int
    job_id: str = ""
    rule_index: str = ""
    text: str = ""
    command_id: str = ""
    code: str = ""
    detail: str = ""
    events: int = 0
    latency_ms: int = 0
    attempt: int = 0
    seconds: float = 0  # of the air, as estimated
    others: tuple[str, ...] = ()  # ids of more that ended in the same way at the same time


class Audit(Protocol):
    """The room's record, and the claim that makes sending at-most-once."""

    async def claim(self, room: str, entry: AuditEntry) -> bool:
        """True for the first caller with this `subject_id` and `attempt`, False for every later one, also
        after a crash.
        """

    async def record(self, room: str, entry: AuditEntry) -> None: ...


class Lane(StrEnum):
    """Which of the two incoming subjects a delivery came from."""

    EVENTS = "events"
    SIGNALS = "signals"


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One message as the bus stored it. `seq` is its sequence, `at_ms` its store time, `msg_id` the
    Nats-Msg-Id it was published with, if any.
    """

    seq: int
    at_ms: int
    lane: str
    room: str
    body: bytes
    msg_id: str = ""


class Intake(Protocol):
    """One partition, in order, from a given position on."""

    async def take(self, limit: int, wait_s: float) -> list[Delivery]:
        """Up to `limit` deliveries; empty when none came within `wait_s`."""

    @property
    def cursor(self) -> Cursor:
        """Where this intake starts; its sequence is 0 if the stream is another one than before."""

    @property
    def lag(self) -> int:
        """Messages of the partition stored but not yet handed out, as of the last delivery."""

    async def close(self) -> None: ...


class Cursor(msgspec.Struct, frozen=True):
    """How far a partition has been decided. `revision` fences the next commit (0: none yet).

    `incarnation` names the stream that `seq` counts in: one that is made anew counts anew.
    """

    seq: int = 0
    revision: int = 0
    incarnation: str = ""


class RoomCommit(msgspec.Struct):
    """What one round decided for one room. `state` None: unchanged."""

    room: str
    state: bytes | None
    cues: list[Cue]
    reports: list[Report]
    asks: list[Ask] = []


class SeenPage(NamedTuple):
    """A page of the ids that a partition has had, for `slot` of its ring; it takes the place of what was there."""

    slot: int
    body: bytes


class Ledger(Protocol):
    """Where state and outputs are stored together or not at all."""

    async def cursor(self, partition: int) -> Cursor: ...

    async def state(self, room: str) -> bytes | None: ...

    async def seen(self, partition: int) -> list[bytes]:
        """The stored pages of ids, in any order."""

    async def commit(
        self, partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
    ) -> Cursor:
        """Store everything in one atomic step and return the cursor with its new revision.

        Raises:
            StaleStateError: `cursor.revision` is not the last one: reload.
            BusError: not stored, or not known whether stored: reload.
        """


class Partitions(Protocol):
    """Opens one partition's intake after what the cursor says is decided."""

    async def open(self, partition: int, cursor: Cursor) -> Intake: ...


class DeadLetters(Protocol):
    """`live.dead.<room>`: what could not be read, with the reason."""

    async def bury(self, room: str, reason: str, detail: str, body: bytes, dedup_id: str = "") -> None: ...
