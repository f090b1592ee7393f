"""A bus that breaks at one chosen call, in one of three ways."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from livecue.domain import Cue, Job
from livecue.runtime.memory import MemoryBus, MemoryCloud
from livecue.runtime.ports import AuditEntry, BusError, Cursor, RoomCommit, SeenPage

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


class Fault(StrEnum):
    REFUSED = "refused"  # not done, and said so
    LOST = "lost"  # done, but the answer was lost
    KILLED = "killed"  # the process died before it was done
    KILLED_AFTER = "killed_after"  # the process died as soon as it was done


class FaultyBus(MemoryBus):
    """`at`: the number of the call that breaks, from 1; 0: none. `calls` counts them."""

    def __init__(self, at: int = 0, fault: Fault = Fault.REFUSED) -> None:
        super().__init__()
        self.at = at
        self.fault = fault
        self.calls = 0

    def check(self) -> None:
        """The reading calls come through here alone; the writing ones through `_whole`."""
        self._break(Fault.REFUSED, Fault.KILLED)

    def _break(self, refused: Fault, killed: Fault) -> None:
        if refused is Fault.REFUSED:
            self.calls += 1
        if self.calls == self.at and self.fault is refused:
            raise BusError("the bus is away")
        if self.calls == self.at and self.fault is killed:
            raise Killed

    async def _whole(self, work: Callable[[], Awaitable[T]]) -> T:
        done = await work()
        self._break(Fault.LOST, Fault.KILLED_AFTER)
        return done

    async def commit(
        self, partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
    ) -> Cursor:
        return await self._whole(lambda: MemoryBus.commit(self, partition, cursor, rooms, pages))

    async def claim(self, room: str, entry: AuditEntry) -> bool:
        return await self._whole(lambda: MemoryBus.claim(self, room, entry))

    async def record(self, room: str, entry: AuditEntry) -> None:
        await self._whole(lambda: MemoryBus.record(self, room, entry))

    async def publish(self, room: str, kind: str, data: Any, dedup_id: str = "") -> None:
        await self._whole(lambda: MemoryBus.publish(self, room, kind, data, dedup_id))

    async def bury(self, room: str, reason: str, detail: str, body: bytes, dedup_id: str = "") -> None:
        await self._whole(lambda: MemoryBus.bury(self, room, reason, detail, body, dedup_id))


class DyingCloud(MemoryCloud):
    """Counts what arrived; the process dies after the call `die_at` (from 1) has arrived."""

    def __init__(self, die_at: int = 0) -> None:
        super().__init__()
        self.die_at = die_at

    async def send(self, cue: Cue, job: Job) -> str:
        command_id = await super().send(cue, job)
        if self.calls == self.die_at:
            raise Killed
        return command_id
