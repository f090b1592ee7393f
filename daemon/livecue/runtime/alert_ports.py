"""What somebody has to hear of who is not looking: an alert is open until it is over."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class AlertKind(StrEnum):
    """What is wrong with a room's live; label of the gauge `livecue_alerts` and `kind` of the webhook."""

    STOP_OVERDUE = "stop_overdue"  # a job that nobody wants is still on 60 s after it was to be stopped
    START_REFUSED = "start_refused"  # the plan wants a live that the cloud will not start
    BLOCKED = "blocked"  # the platform or the cloud blocked the live
    GAVE_UP = "gave_up"  # the live was lost in a way that would happen again
    START_LOST = "start_lost"  # a start had no answer, and its job cannot be looked up
    START_LATE = "start_late"  # a job waits too long to go live
    CALLBACKS_LOST = "callbacks_lost"  # a job that livecue took over calls back elsewhere, or in another way
    STANDBY = "standby"  # the room's own cloud room could not have the live, its standby has it
    STREAM_LOST = "stream_lost"  # the stream does not reach its platform


class Alerts(Protocol):
    """Tells of it once and at once; nothing waits for anybody to have heard."""

    def open(self, room: str, kind: AlertKind, text: str, job_id: str = "") -> None:
        """It is so from now on; said again while it is open, it is the same alert."""

    def close(self, room: str, kind: AlertKind) -> None:
        """It is over; for one that is not open nothing happens."""


class Silence:
    """`Alerts` that nobody hears."""

    def open(self, room: str, kind: AlertKind, text: str, job_id: str = "") -> None: ...

    def close(self, room: str, kind: AlertKind) -> None: ...


__all__ = ["AlertKind", "Alerts", "Silence"]
