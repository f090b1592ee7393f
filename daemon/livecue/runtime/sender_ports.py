"""What the dispatcher and the reporter need from the outside, as protocols: see `runtime.ports`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from livecue.domain import Cue, Job, Report, ReportedEvent
from livecue.runtime.ports import AuditEntry


class Commands(Protocol):
    """The command endpoint (S4 6.2.5). One attempt a call, no retry inside."""

    async def send(self, cue: Cue, job: Job) -> str:
        """Return the cloud's command_id.

        Raises:
            CloudError: see its `meaning`.
        """

    async def withdraw(self, room: str, job: Job, command_ids: Collection[str]) -> None:
        """Take back inserts that are not being spoken yet, 1 to 100 (S4 12.5, CLEAN_UP_INSERT_COMMAND)."""

    async def unplayed(self, room: str, job: Job) -> frozenset[str] | None:
        """The command_ids of the inserts not yet spoken; None: this cloud does not say."""


class Reports(Protocol):
    """The live-event-report endpoint (S4 6.2.7), one call, 1 to 1000 events.

    One attempt inside, apart from one repeat with a refreshed report URL.
    """

    async def send(self, room: str, job: Job, events: tuple[ReportedEvent, ...]) -> None: ...


class JobBoard(Protocol):
    """Which job each room has now: kept by the supervisor, read by the senders."""

    def job(self, room: str) -> Job | None: ...


class CueLog(Protocol):
    """The cues decided, from a little before now on, in order, without end."""

    async def take(self, wait_s: float) -> list[Cue]: ...

    async def close(self) -> None: ...


class ReportLog(Protocol):
    """The reports decided, from a little before now on, in order, without end."""

    async def take(self, wait_s: float) -> list[Report]: ...

    async def close(self) -> None: ...


class History(Protocol):
    """What the audit says of the cues and reports of the last minutes."""

    async def lines(self) -> Sequence[tuple[str, AuditEntry]]:
        """(room, line) in the order they were stored, asks left out.

        Raises:
            BusError: the audit cannot be read now; call again.
        """
