"""The ports' in-memory twins: the same promises as the real ones, without a server.

`MemoryBus` outlives the parts that use it, so a test crashes a part by dropping it and starts
another on the same bus.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from livecue.domain import Ask, CloudError, Cue, Job, Report, ReportedEvent
from livecue.runtime.ask_ports import AUDIT_PREFIX, AskError
from livecue.runtime.measure_ports import RuleDid, Took
from livecue.runtime.ports import (
    AuditEntry,
    BusError,
    Count,
    Cursor,
    Delivery,
    Lane,
    Outcome,
    RoomCommit,
    SeenPage,
    StaleStateError,
)


class Tally:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.latencies_s: list[float] = []
        self.times: list[tuple[Took, float, int]] = []
        self.rules: Counter[tuple[str, RuleDid]] = Counter()
        self.waits: list[tuple[str, float]] = []

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None:  # noqa: ARG002
        self.counts[what, reason] += n

    def reply_latency(self, room: str, seconds: float) -> None:  # noqa: ARG002
        self.latencies_s.append(seconds)

    def took(self, what: Took, seconds: float, n: int = 1) -> None:
        self.times.append((what, seconds, n))

    def rule(self, rule_index: str, did: RuleDid, n: int = 1) -> None:
        self.rules[rule_index, did] += n

    def limiter_wait(self, operation: str, seconds: float) -> None:
        self.waits.append((operation, seconds))

    def total(self, what: Count) -> int:
        return sum(n for (name, _), n in self.counts.items() if name == what)


class MemoryIntake:
    """Reads one partition of a `MemoryBus`; here every room lies in every partition's list."""

    def __init__(self, bus: MemoryBus, cursor: Cursor) -> None:
        self._bus = bus
        self._after = cursor.seq
        self.cursor = cursor
        self.lag = 0

    async def take(self, limit: int, wait_s: float) -> list[Delivery]:  # noqa: ARG002 - nothing to wait for
        self._bus.check()
        taken = [delivery for delivery in self._bus.stored if delivery.seq > self._after][:limit]
        if taken:
            self._after = taken[-1].seq
        elif self._bus.when_empty is not None:
            self._bus.when_empty()
        return taken

    async def close(self) -> None:
        return


class MemoryBus:
    """Partitions, ledger, audit, signals and dead letters in one. `fail_next` breaks the next n calls."""

    def __init__(self) -> None:
        self.stored: list[Delivery] = []
        self.cues: list[Cue] = []
        self.reports: list[Report] = []
        self.asks: list[Ask] = []
        self.audit: dict[str, list[AuditEntry]] = defaultdict(list)
        self.signals: list[tuple[str, str, Mapping[str, Any]]] = []
        self.dead: list[tuple[str, str, bytes]] = []
        self.fail_next = 0
        self.when_empty: Any = None
        self._claims: set[tuple[str, str, int]] = set()
        self._ids: set[tuple[str, str]] = set()
        self._states: dict[str, bytes] = {}
        self._cursors: dict[int, Cursor] = {}
        self._pages: dict[int, dict[int, bytes]] = {}
        self._revision = 0

    def check(self) -> None:
        if self.fail_next > 0:
            self.fail_next -= 1
            raise BusError("the bus is away")

    def store(self, room: str, body: Any, at_ms: int, lane: Lane = Lane.EVENTS, msg_id: str = "") -> None:
        """Store a message, as a publisher would whose repeats come later than the bus itself knows them."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.stored.append(Delivery(len(self.stored) + 1, at_ms, lane, room, raw, msg_id))

    async def open(self, partition: int, cursor: Cursor) -> MemoryIntake:  # noqa: ARG002
        self.check()
        return MemoryIntake(self, cursor)

    async def cursor(self, partition: int) -> Cursor:
        self.check()
        return self._cursors.get(partition, Cursor())

    async def state(self, room: str) -> bytes | None:
        self.check()
        return self._states.get(room)

    async def seen(self, partition: int) -> list[bytes]:
        self.check()
        return list(self._pages.get(partition, {}).values())

    async def commit(
        self, partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
    ) -> Cursor:
        self.check()
        if self._cursors.get(partition, Cursor()).revision != cursor.revision:
            raise StaleStateError("another writer moved this partition on")
        self._revision += 1
        self._cursors[partition] = Cursor(cursor.seq, self._revision)
        self._pages.setdefault(partition, {}).update(pages)
        for room in rooms:
            if room.state is not None:
                self._states[room.room] = room.state
            self.cues.extend(room.cues)
            self.reports.extend(room.reports)
            self.asks.extend(room.asks)
        return self._cursors[partition]

    async def claim(self, room: str, entry: AuditEntry) -> bool:
        self.check()
        key = (room, entry.subject_id, max(entry.attempt, 1))
        if key in self._claims:
            return False
        self._claims.add(key)
        self.audit[room].append(entry)
        return True

    async def record(self, room: str, entry: AuditEntry) -> None:
        self.check()
        self.audit[room].append(entry)

    async def publish(self, room: str, kind: str, data: Mapping[str, Any], dedup_id: str = "") -> None:
        self.check()
        if self._known("signals", dedup_id):
            return
        self.signals.append((room, str(kind), data))

    async def bury(self, room: str, reason: str, detail: str, body: bytes, dedup_id: str = "") -> None:  # noqa: ARG002
        self.check()
        if self._known("dead", dedup_id):
            return
        self.dead.append((room, reason, body))

    async def ended(self) -> set[tuple[str, str]]:
        self.check()
        return {
            (room, entry.subject_id.removeprefix(AUDIT_PREFIX))
            for room, entries in self.audit.items()
            for entry in entries
            if entry.subject_id.startswith(AUDIT_PREFIX) and entry.outcome is not Outcome.ASKING
        }

    async def lines(self) -> list[tuple[str, AuditEntry]]:
        self.check()
        return [
            (room, entry)
            for room, entries in self.audit.items()
            for entry in entries
            if not entry.subject_id.startswith(AUDIT_PREFIX)
        ]

    def _known(self, stream: str, dedup_id: str) -> bool:
        """Whether the stream already holds this id; remembers it."""
        known = bool(dedup_id) and (stream, dedup_id) in self._ids
        self._ids.add((stream, dedup_id))
        return known

    def outcomes(self, room: str) -> list[tuple[str, str]]:
        """(cue or report id, outcome) in the order they were written."""
        return [(entry.subject_id, str(entry.outcome)) for entry in self.audit[room]]


class MemoryLog:
    """A log of cues, reports or asks that gives what it was filled with, once."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self.items = list(items)

    async def take(self, wait_s: float) -> list[Any]:  # noqa: ARG002
        await asyncio.sleep(0)  # a reader that loops must let the others run
        taken, self.items = self.items, []
        return taken

    async def close(self) -> None:
        return


class MemoryCloud:
    """Command and report endpoints that remember calls; `failures` answer first, in order."""

    def __init__(self, *failures: CloudError) -> None:
        self.failures = list(failures)
        self.cues: list[Cue] = []
        self.reports: list[tuple[str, tuple[ReportedEvent, ...]]] = []
        self.withdrawn: list[tuple[str, tuple[str, ...]]] = []
        self.waiting: frozenset[str] | None = None
        self.calls = 0

    def _answer(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)

    async def send(self, cue: Cue, job: Job) -> str:  # noqa: ARG002
        self._answer()
        self.cues.append(cue)
        return f"command-{len(self.cues)}"

    async def withdraw(self, room: str, job: Job, command_ids: Collection[str]) -> None:  # noqa: ARG002
        self._answer()
        self.withdrawn.append((room, tuple(command_ids)))

    async def unplayed(self, room: str, job: Job) -> frozenset[str] | None:  # noqa: ARG002
        return self.waiting


class MemoryReports(MemoryCloud):
    """The report side of `MemoryCloud`."""

    async def send(self, room: str, job: Job, events: tuple[ReportedEvent, ...]) -> None:  # type: ignore[override]  # noqa: ARG002
        self._answer()
        self.reports.append((room, events))


class MemoryOutside:
    """Somebody outside who remembers what was asked; `answers` come in order, the last one for ever."""

    def __init__(self, *answers: str | AskError) -> None:
        self.answers = list(answers) or [""]
        self.asked: list[Ask] = []

    async def ask(self, ask: Ask, within_s: float) -> str:  # noqa: ARG002
        self.asked.append(ask)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, AskError):
            raise answer
        return answer


class MemoryJobs:
    """A job board set by hand."""

    def __init__(self, **jobs: Job) -> None:
        self.jobs: dict[str, Job] = jobs

    def job(self, room: str) -> Job | None:
        return self.jobs.get(room)
