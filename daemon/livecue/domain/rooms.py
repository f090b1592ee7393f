"""What is configured of a room: its kind, and when it is to be live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec


class RoomKind(StrEnum):
    LIVE = "live"
    CHAT = "chat"


class ReportMode(StrEnum):
    """Which events of a room also go to live-event-report."""

    ALL = "all"
    UNMATCHED = "unmatched"
    NONE = "none"


class Unplanned(StrEnum):
    """What to do with a running job that no session wants and livecue did not start."""

    ATTACH = "attach"
    STOP = "stop"
    IGNORE = "ignore"


class Overlap(StrEnum):
    """What becomes of two sessions of one room that want it at the same time."""

    REFUSE = "refuse"  # the configuration is refused; what only comes up later runs as the one that ends last
    MERGE = "merge"  # they are one run, from the first start to the last end
    FIRST = "first"  # who began first keeps the room; the other begins when that one ends


class Blackout(msgspec.Struct, frozen=True):
    """No live from `start` up to, but not at, `end`; `why` is for people."""

    start: datetime
    end: datetime
    why: str = ""


class CalendarRun(msgspec.Struct, frozen=True):
    """One event of a calendar: `start` and `end` in UTC, `day` its date in the event's own zone.

    `label` is the event's summary; `note` says what a change of the clocks did to it; `left_out`
    why it does not run after all, as when it was cancelled.
    """

    start: datetime
    end: datetime
    day: date
    label: str = ""
    note: str = ""
    left_out: str = ""


class Session(msgspec.Struct, frozen=True):
    """When a room is to be live: once from `start` to `end`, at each `cron` for `duration`, or as in a calendar.

    Exactly one of the three forms is filled. `cron` is five fields in `timezone` (IANA name). `ics` names
    a calendar whose events are in `runs`, as far ahead as it was read; None: it never was. It does not run on `days_off` (each
    with its reason) or in `blackouts`. A start that was missed is made up for `catchup` long (None: to the
    end), but not when less than `least_remainder` is left. `overlap` is the room's policy.
    """

    name: str
    start: datetime | None = None
    end: datetime | None = None
    cron: str = ""
    duration: timedelta = timedelta(0)
    timezone: str = "UTC"
    ics: str = ""
    runs: tuple[CalendarRun, ...] | None = None
    days_off: Mapping[date, str] = {}
    blackouts: tuple[Blackout, ...] = ()
    catchup: timedelta | None = None
    least_remainder: timedelta = timedelta(0)
    overlap: Overlap = Overlap.REFUSE
