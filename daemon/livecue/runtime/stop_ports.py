"""The stop that the bus itself remembers: set when a start is asked for, due when its session is over.

The supervisor's own loop stops a job by what it knows; this is a second memory, kept by the server, that
comes back after any downtime.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class StopNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which job is to be over by then. `job_id` empty: the start was not answered yet, so it is any job of
    the room created since `since_ms`. `place` is where, as in `Job`.
    """

    room: str
    session: str
    since_ms: int
    job_id: str = ""
    place: str = ""


class StopDue(msgspec.Struct, frozen=True):
    """A note whose time has come. `seq`: its place on the bus, 0 where there is none."""

    note: StopNote
    seq: int = 0


class StopTimers(Protocol):
    """One timer per room: setting it again moves it."""

    async def set(self, note: StopNote, at_ms: int) -> None:
        """Return once the bus has stored it. A time that is past is due at once.

        Raises:
            BusError: not stored.
        """

    async def cancel(self, room: str) -> None:
        """Forget the room's timer; one that is due already stays due."""

    async def due(self, wait_s: float) -> list[StopDue]:
        """Those that came due since the last call, at the first call also those from before it.

        Raises:
            BusError: not now; call again after a pause.
        """

    async def settle(self, due: StopDue) -> None:
        """It has been seen to: it does not come again, also not after a restart."""

    async def close(self) -> None:
        """Let go of the reader."""


__all__ = ["StopDue", "StopNote", "StopTimers"]
