"""An iCalendar text (RFC 5545) as its events, each read and checked by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from itertools import count
from typing import Any, NamedTuple

from dateutil.rrule import rrulestr
from icalendar import Calendar

from livecue.supervisor.clock_changes import instant

MOST_EVENTS = 5_000
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_MOST = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_DAY = timedelta(days=1)


class Mistake(NamedTuple):
    """What is wrong in a calendar; `line` is 0 if it is the whole."""

    line: int
    what: str


class CalendarError(ValueError):
    """The calendar cannot be used; `mistakes` names each place and what to do about it."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(
            "; ".join(f"line {one.line}: {one.what}" if one.line else one.what for one in mistakes)
        )
        self.mistakes = mistakes


class Event(NamedTuple):
    """One VEVENT. `wall` is its start on the clock of `zone`; of an all-day event at midnight."""

    line: int
    uid: str
    label: str
    wall: datetime
    zone: tzinfo
    all_day: bool
    length: timedelta
    recurs: datetime | date | None
    sequence: int
    cancelled: bool
    props: Any


def read_events(text: str, zone: tzinfo) -> tuple[list[Event], list[Mistake]]:
    """The events, and what is wrong with those that cannot be used; times without a zone are of `zone`.

    Raises:
        CalendarError: the text is no calendar, or has too many events.
    """
    try:
        found = Calendar.from_ical(text).walk("VEVENT")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what = f"is no iCalendar file ({_short(error)}); export it again, it begins with BEGIN:VCALENDAR"
        raise CalendarError(Mistake(0, what)) from error
    if len(found) > MOST_EVENTS:
        raise CalendarError(
            Mistake(0, f"has {len(found)} events; {MOST_EVENTS} is the most, leave out old ones")
        )
    lines = (
        number for number, line in enumerate(text.splitlines(), 1) if line.strip().upper() == "BEGIN:VEVENT"
    )
    events, mistakes = [], []
    for line, props in zip(_padded(lines), found, strict=False):
        try:
            events.append(_event(line, props, zone))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            mistakes.append(Mistake(line, f"event {_label(props)!r}: {_short(error)}"))
    return events, mistakes


def _padded(lines: Iterator[int]) -> Iterator[int]:
    yield from lines
    yield from (0 for _ in count())


def _event(line: int, props: Any, zone: tzinfo) -> Event:
    """Read one VEVENT.

    Raises:
        ValueError: says what is wrong and what to write.
    """
    if props.errors:
        name, why = props.errors[0]
        raise ValueError(f"{name} cannot be read ({why}); correct it")
    if "DTSTART" not in props:
        raise ValueError("has no DTSTART; give it a start")
    if "EXRULE" in props:
        raise ValueError("EXRULE is no part of RFC 5545 any more; write EXDATE")
    recurs = props.get("RECURRENCE-ID")
    if recurs is not None and "RANGE" in recurs.params:
        raise ValueError("RECURRENCE-ID with RANGE is not understood; split the series in two")
    start = props["DTSTART"].dt
    all_day = not isinstance(start, datetime)
    own = zone if all_day else start.tzinfo or zone
    wall = datetime(start.year, start.month, start.day) if all_day else start.replace(tzinfo=None)  # noqa: DTZ001
    for rule in listed(props, "RRULE"):
        _check_rule(rule)
    return Event(
        line,
        str(props.get("UID", f"line-{line}")),
        _label(props),
        wall,
        own,
        all_day,
        _length(props, wall, own),
        None if recurs is None else recurs.dt,
        int(props.get("SEQUENCE", 0)),
        str(props.get("STATUS", "")).upper() == "CANCELLED",
        props,
    )


def _length(props: Any, wall: datetime, zone: tzinfo) -> timedelta:
    if "DURATION" in props:
        length = props["DURATION"].dt
        if not isinstance(length, timedelta):
            raise ValueError("DURATION is no duration; write it as PT2H")
        return length
    if "DTEND" not in props:
        return _DAY if not isinstance(props["DTSTART"].dt, datetime) else timedelta(0)
    end = props["DTEND"].dt
    if isinstance(end, datetime) is not isinstance(props["DTSTART"].dt, datetime):
        raise ValueError("DTSTART and DTEND are not of one kind; give both a time")
    if not isinstance(end, datetime):
        return datetime(end.year, end.month, end.day) - wall  # noqa: DTZ001
    return instant(end.replace(tzinfo=None), end.tzinfo or zone) - instant(wall, zone)


def _check_rule(rule: Any) -> None:
    frequency = str((rule.get("FREQ") or [""])[0])
    if frequency not in _FREQUENCIES:
        raise ValueError(
            f"RRULE with FREQ={frequency} is not understood; use {', '.join(_FREQUENCIES)}, or cron"
        )
    if any(int(step) < 1 for step in rule.get("INTERVAL", [])):
        raise ValueError("RRULE with an INTERVAL below 1 never goes on; write 1 or more")
    for name, most in _MOST.items():
        if any(not 1 <= abs(int(value)) <= most for value in rule.get(name, [])):
            raise ValueError(f"RRULE has a {name} that is not 1 to {most}; correct it")
    rrulestr(without_until(rule), dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 - wall clock


def without_until(rule: Any) -> str:
    """The rule's text without UNTIL: that may be in UTC, while the rule is worked out on the wall clock."""
    parts = rule.to_ical().decode().split(";")
    return ";".join(part for part in parts if not part.startswith("UNTIL="))


def listed(props: Any, name: str) -> list[Any]:
    """A property that may be missing or repeated, as a list."""
    found = props.get(name)
    return [] if found is None else found if isinstance(found, list) else [found]


def _label(props: Any) -> str:
    return (
        " ".join(str(props.get("SUMMARY", "")).split())[:60] or str(props.get("UID", "without a name"))[:60]
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
