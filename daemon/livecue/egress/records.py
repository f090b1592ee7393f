"""Writes down what became of cues and reports, without holding up what goes out.

Claims are made by the senders themselves and waited for; everything else is noted here, in the
background, a few at a time, and again while the bus is away. Notes carry ids: told twice is once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from livecue.domain import Cue, SignalKind
from livecue.runtime.ports import Audit, AuditEntry, BusError, Signals

log = structlog.get_logger()

_AT_ONCE = 32
_TRIES = 8
_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 8.0
_MOST = 50_000

Note = Callable[[], Awaitable[object]]


class Records:
    """The audit of one sender."""

    def __init__(self, audit: Audit, signals: Signals) -> None:
        self._audit = audit
        self._signals = signals
        self._notes: deque[Note] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._dropped = 0

    async def claim(self, room: str, entry: AuditEntry) -> bool:
        """Whether this attempt is ours to make.

        Raises:
            BusError: the bus does not say; it may or may not be.
        """
        return await self._audit.claim(room, entry)

    def note(self, room: str, entry: AuditEntry) -> None:
        """Write a line of the audit."""
        self._put(lambda: self._audit.record(room, entry))

    def returned(self, cue: Cue) -> None:
        """Tell the engine that the cue was never spoken, if its rule has a time window to be given back."""
        if not cue.limited:
            return
        data = {
            "job_id": cue.job_id,
            "rule_index": cue.rule_index,
            "cue_id": cue.id,
            "fired_at_ms": cue.at_ms,
        }
        dedup_id = f"returned:{cue.room}:{cue.id}"
        self._put(lambda: self._signals.publish(cue.room, SignalKind.CUE_RETURNED, data, dedup_id))

    def _put(self, note: Note) -> None:
        if len(self._notes) >= _MOST:
            self._drop("too many wait for the bus")
            return
        self._notes.append(note)
        if len(self._writers) < _AT_ONCE:
            writer = asyncio.create_task(self._write(), name="write-records")
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def _write(self) -> None:
        while self._notes:
            await self._write_one(self._notes.popleft())

    async def _write_one(self, note: Note) -> None:
        pause_s = _PAUSE_S
        for left in reversed(range(_TRIES)):
            try:
                await note()
            except BusError as error:
                if not left:
                    self._drop(str(error))
                    return
            else:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _drop(self, why: str) -> None:
        self._dropped += 1
        if self._dropped.bit_count() == 1:  # 1, 2, 4, 8 …: an outage must not flood the log
            log.warning("record-lost", so_far=self._dropped, error=why, remedy="see to the bus")

    async def flush(self, within_s: float) -> None:
        """Wait for what is noted to be written, at most so long."""
        if self._writers:
            await asyncio.wait(set(self._writers), timeout=within_s)
        for writer in self._writers:
            writer.cancel()
