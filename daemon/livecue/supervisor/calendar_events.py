"""An iCalendar text (RFC 5545) as runs or as days off, between two moments. Pure.

`icalendar` reads the text, `dateutil` the recurrence rules; both work on wall-clock times, so that
20:00 stays 20:00 over a change of the clocks. Which instant a wall time is, `clock_changes` says, the
same as for cron. The length of an event is elapsed time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import count
from typing import Any, NamedTuple

from dateutil.rrule import rrulestr
from icalendar import Calendar

from livecue.domain import CalendarRun
from livecue.supervisor.clock_changes import instant, run_note, start_note
from livecue.supervisor.crontab import load_zone
from livecue.supervisor.runs import LONGEST

MOST_EVENTS = 5_000
MOST_RUNS = 20_000
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


class _Event(NamedTuple):
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


def runs_in(text: str, zone: str, after: datetime, until: datetime) -> tuple[CalendarRun, ...]:
    """The events that are on at some time of `after` <= t < `until`, in order; times without a zone are of `zone`.

    Cancelled occurrences are there too, left out. All-day events say no time: left out as well.

    Raises:
        CalendarError: the text is no calendar, or has an event that cannot be resolved.
    """
    events, mistakes = _events(text, load_zone(zone))
    mistakes += [Mistake(one.line, what) for one in events if (what := _length_mistake(one))]
    if mistakes:
        raise CalendarError(*mistakes)
    found = [
        _run(event, wall, cancelled=cancelled)
        for event, wall, cancelled in _occurrences(events, after - LONGEST, until)
    ]
    some = [run for run in found if run.end > after and run.start < until]
    return tuple(sorted(some, key=lambda run: (run.start, run.end, run.label)))


def days_in(text: str, zone: str, after: datetime, until: datetime) -> dict[date, str]:
    """The days that events touch, each with the event's summary: what a calendar of holidays is for.

    Raises:
        CalendarError: as for `runs_in`.
    """
    events, mistakes = _events(text, load_zone(zone))
    if mistakes:
        raise CalendarError(*mistakes)
    days: dict[date, str] = {}
    for event, wall, cancelled in _occurrences(events, after - LONGEST, until):
        last = (wall + max(event.length, timedelta.resolution) - timedelta.resolution).date()
        for day in () if cancelled else _days(wall.date(), last):
            days.setdefault(day, event.label)
    return days


def _days(first: date, last: date) -> Iterator[date]:
    for more in range((min(last, first + timedelta(days=366)) - first).days + 1):
        yield first + timedelta(days=more)


def _events(text: str, zone: tzinfo) -> tuple[list[_Event], list[Mistake]]:
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


def _event(line: int, props: Any, zone: tzinfo) -> _Event:
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
    for rule in _listed(props, "RRULE"):
        _check_rule(rule)
    return _Event(
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


def _length_mistake(event: _Event) -> str:
    if event.all_day or event.cancelled:
        return ""
    who = f"event {event.label!r}"
    if event.length <= timedelta(0):
        return f"{who} lasts no time; give it a DTEND after its DTSTART, or a DURATION"
    if event.length > LONGEST:
        return f"{who} lasts more than {LONGEST.days} days; MetaStudio allows no more, split it"
    return ""


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
    rrulestr(_without_until(rule), dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 - wall clock


def _occurrences(
    events: list[_Event], after: datetime, until: datetime
) -> Iterator[tuple[_Event, datetime, bool]]:
    """Each occurrence with its start on the wall clock, and whether it was cancelled."""
    masters: dict[str, _Event] = {}
    changed: dict[str, dict[datetime | date, _Event]] = {}
    for event in sorted(events, key=lambda one: one.sequence):
        if event.recurs is None:
            masters[event.uid] = event
        else:
            changed.setdefault(event.uid, {})[_key(event.recurs, event.zone)] = event
    total = 0
    for uid, event in masters.items():
        instead = changed.get(uid, {})
        for wall in _series(event, after, until):
            if instant(wall, event.zone) in instead or wall.date() in instead:
                continue
            total += 1
            if total > MOST_RUNS:
                raise CalendarError(
                    Mistake(event.line, f"event {event.label!r}: comes round too often; use cron")
                )
            yield event, wall, event.cancelled
    for others in changed.values():
        yield from ((event, event.wall, event.cancelled) for event in others.values())


def _series(event: _Event, after: datetime, until: datetime) -> list[datetime]:
    """The wall times at which an event starts, without the excepted ones; about those of `after` to `until`."""
    first, last = (moment.astimezone(event.zone).replace(tzinfo=None) for moment in (after, until))
    first, last = first - _DAY, last + _DAY
    found = {event.wall}
    for rule in _listed(event.props, "RRULE"):
        series: Any = rrulestr(_without_until(rule), dtstart=event.wall)
        ends = [_wall(end, event.zone, late=True) for end in rule.get("UNTIL", [])]
        found.update(wall for wall in series.replace(until=min([last, *ends])) if wall >= first)
    found.update(
        _wall(_start(each.dt), event.zone) for dates in _listed(event.props, "RDATE") for each in dates.dts
    )
    gone = {each.dt for dates in _listed(event.props, "EXDATE") for each in dates.dts}
    walls = {_wall(moment, event.zone) for moment in gone if isinstance(moment, datetime)}
    days = {moment for moment in gone if not isinstance(moment, datetime)}
    kept = {wall for wall in found if wall not in walls and wall.date() not in days and first <= wall <= last}
    return sorted(kept)


def _without_until(rule: Any) -> str:
    """The rule's text without UNTIL: that may be in UTC, while the rule is worked out on the wall clock."""
    parts = rule.to_ical().decode().split(";")
    return ";".join(part for part in parts if not part.startswith("UNTIL="))


def _run(event: _Event, wall: datetime, *, cancelled: bool) -> CalendarRun:
    start = instant(wall, event.zone)
    end = start + event.length
    notes = [start_note(wall, start, event.zone), run_note(start, end, event.zone)]
    out = (
        "cancelled in the calendar" if cancelled else "an all-day event says no time" if event.all_day else ""
    )
    return CalendarRun(start, end, wall.date(), event.label, "; ".join(filter(None, notes)), out)


def _key(moment: datetime | date, zone: tzinfo) -> datetime | date:
    if not isinstance(moment, datetime):
        return moment
    return instant(moment.replace(tzinfo=None), moment.tzinfo or zone)


def _wall(moment: datetime | date, zone: tzinfo, *, late: bool = False) -> datetime:
    """A moment of the calendar on the wall clock of `zone`; a date is its midnight, or its last second."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, *((23, 59, 59) if late else ()))  # noqa: DTZ001
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def _start(moment: Any) -> Any:
    return moment[0] if isinstance(moment, tuple) else moment


def _listed(props: Any, name: str) -> list[Any]:
    found = props.get(name)
    return [] if found is None else found if isinstance(found, list) else [found]


def _label(props: Any) -> str:
    return (
        " ".join(str(props.get("SUMMARY", "")).split())[:60] or str(props.get("UID", "without a name"))[:60]
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
