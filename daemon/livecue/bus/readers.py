"""What the running line reads from the bus: partitions of what comes in, logs of what was decided."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import msgspec
import structlog
from nats.aio.client import Client

from livecue.bus.ledger import read_cues, read_report
from livecue.bus.outbox import read_asks
from livecue.bus.streams import PARTITIONS
from livecue.bus.tail import StoredMsg, StreamReplacedError, Tail, stream_created, to_the_end
from livecue.domain import Ask, Cue, Report
from livecue.runtime.ask_ports import AUDIT_PREFIX
from livecue.runtime.ports import AuditEntry, Cursor, Delivery, Outcome

log = structlog.get_logger()

_TAKE = 256

T = TypeVar("T")


class PartitionIntake:
    """One partition of LIVE_IN: events and signals of its rooms, in the order they were stored."""

    def __init__(self, tail: Tail, cursor: Cursor) -> None:
        self._tail = tail
        self.cursor = cursor

    @property
    def lag(self) -> int:
        return self._tail.lag

    async def take(self, limit: int, wait_s: float) -> list[Delivery]:
        deliveries = []
        for msg in await self._tail.take(limit, wait_s):
            _, lane, _, room = msg.subject.split(".", 3)
            deliveries.append(Delivery(msg.seq, msg.at_ms, lane, room, msg.body, msg.msg_id))
        return deliveries

    async def close(self) -> None:
        await self._tail.close()


class NatsPartitions:
    """Opens partitions of LIVE_IN."""

    count = PARTITIONS

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def open(self, partition: int, cursor: Cursor) -> PartitionIntake:
        created = await stream_created(self._nc, "LIVE_IN")
        if cursor.incarnation != created:
            cursor = Cursor(0, cursor.revision, created)
        subjects = [f"live.events.{partition}.*", f"live.signals.{partition}.*"]
        tail = Tail(self._nc, "LIVE_IN", subjects, after_seq=cursor.seq, created=created)
        return PartitionIntake(tail, cursor)


class _Log:
    def __init__(self, nc: Client, subject: str, since_ms: int, stream: str = "LIVE_OUT") -> None:
        self._nc = nc
        self._subject = subject
        self._stream = stream
        self._tail = self._new_tail(since_ms)

    def _new_tail(self, since_ms: int) -> Tail:
        return Tail(self._nc, self._stream, [self._subject], since_ms=since_ms)

    async def _take(self, wait_s: float) -> list[StoredMsg]:
        try:
            return await self._tail.take(_TAKE, wait_s)
        except StreamReplacedError:
            await self._tail.close()
            self._tail = self._new_tail(0)  # all that is in the new stream came after what was lost
            raise

    async def close(self) -> None:
        await self._tail.close()


class NatsCueLog(_Log):
    """`live.cues.*` since a moment."""

    def __init__(self, nc: Client, since_ms: int) -> None:
        super().__init__(nc, "live.cues.*", since_ms)

    async def take(self, wait_s: float) -> list[Cue]:
        return [cue for msg in await self._take(wait_s) for cue in _readable(read_cues, msg)]


class NatsReportLog(_Log):
    """`live.reports.*` since a moment."""

    def __init__(self, nc: Client, since_ms: int) -> None:
        super().__init__(nc, "live.reports.*", since_ms)

    async def take(self, wait_s: float) -> list[Report]:
        return [
            report
            for msg in await self._take(wait_s)
            for report in _readable(lambda b: [read_report(b)], msg)
        ]


class NatsAskLog(_Log):
    """`live.asks.*` since a moment."""

    def __init__(self, nc: Client, since_ms: int) -> None:
        super().__init__(nc, "live.asks.*", since_ms)

    async def take(self, wait_s: float) -> list[Ask]:
        return [ask for msg in await self._take(wait_s) for ask in _readable(read_asks, msg)]


def _readable(read: Callable[[bytes], list[T]], msg: StoredMsg) -> list[T]:
    """What the message holds; nothing, and a word in the log, if a stranger wrote it."""
    try:
        return read(msg.body)
    except msgspec.MsgspecError as error:
        log.warning("foreign-message", subject=msg.subject, seq=msg.seq, error=str(error))
        return []


class NatsAuditLog(_Log):
    """`live.audit.*` since a moment: what became of every cue and report."""

    def __init__(self, nc: Client, since_ms: int) -> None:
        super().__init__(nc, "live.audit.*", since_ms, stream="LIVE_AUDIT")

    async def take(self, wait_s: float) -> list[tuple[str, AuditEntry]]:
        """(room, entry) in order."""
        return [
            (msg.subject.rpartition(".")[2], entry)
            for msg in await self._take(wait_s)
            for entry in _audit_entry(msg)
        ]


class NatsHistory:
    """The audit since a moment, up to now: how asks, and cues and reports, stand."""

    def __init__(self, nc: Client, since_ms: int) -> None:
        self._nc = nc
        self._since_ms = since_ms

    async def ended(self) -> set[tuple[str, str]]:
        """(room, ask id) of the asks that have ended."""
        return {
            (room, entry.subject_id.removeprefix(AUDIT_PREFIX))
            async for room, entry in self._entries()
            if entry.subject_id.startswith(AUDIT_PREFIX) and entry.outcome is not Outcome.ASKING
        }

    async def lines(self) -> list[tuple[str, AuditEntry]]:
        """(room, line) of cues and reports, in order."""
        return [
            (room, entry)
            async for room, entry in self._entries()
            if not entry.subject_id.startswith(AUDIT_PREFIX)
        ]

    async def _entries(self) -> AsyncIterator[tuple[str, AuditEntry]]:
        tail = Tail(self._nc, "LIVE_AUDIT", ["live.audit.*"], since_ms=self._since_ms)
        async for msg in to_the_end(tail, "the audit"):
            for entry in _audit_entry(msg):
                yield msg.subject.rpartition(".")[2], entry


def _audit_entry(msg: StoredMsg) -> list[AuditEntry]:
    return _readable(lambda body: [msgspec.json.decode(body, type=AuditEntry)], msg)
