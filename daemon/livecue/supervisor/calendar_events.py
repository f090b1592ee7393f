"""The events of an iCalendar text as runs or as days off, between two moments. Pure.

`icalendar` reads the text, `dateutil` the recurrence rules; both work on wall-clock times, so that
20:00 stays 20:00 over a change of the clocks. Which instant a wall time is, `clock_changes` says, the
same as for cron. The length of an event is elapsed time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from dateutil.rrule import rrulestr

from livecue.domain import CalendarRun
from livecue.supervisor.calendar_reading import (
    CalendarError,
    Event,
    Mistake,
    listed,
    read_events,
    without_until,
)
from livecue.supervisor.clock_changes import instant, run_note, start_note
from livecue.supervisor.crontab import load_zone
from livecue.supervisor.runs import LONGEST

MOST_RUNS = 20_000
_DAY = timedelta(days=1)


def runs_in(text: str, zone: str, after: datetime, until: datetime) -> tuple[CalendarRun, ...]:
    """The events that are on at some time of `after` <= t < `until`, in order; times without a zone are of `zone`.

    Cancelled occurrences are there too, left out. All-day events say no time: left out as well.

    Raises:
        CalendarError: the text is no calendar, or has an event that cannot be resolved.
    """
    events, mistakes = read_events(text, load_zone(zone))
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
    events, mistakes = read_events(text, load_zone(zone))
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


def _length_mistake(event: Event) -> str:
    if event.all_day or event.cancelled:
        return ""
    who = f"event {event.label!r}"
    if event.length <= timedelta(0):
        return f"{who} lasts no time; give it a DTEND after its DTSTART, or a DURATION"
    if event.length > LONGEST:
        return f"{who} lasts more than {LONGEST.days} days; MetaStudio allows no more, split it"
    return ""


def _occurrences(
    events: list[Event], after: datetime, until: datetime
) -> Iterator[tuple[Event, datetime, bool]]:
    """Each occurrence with its start on the wall clock, and whether it was cancelled."""
    masters: dict[str, Event] = {}
    changed: dict[str, dict[datetime | date, Event]] = {}
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


def _series(event: Event, after: datetime, until: datetime) -> list[datetime]:
    """The wall times at which an event starts, without the excepted ones; about those of `after` to `until`."""
    first, last = (moment.astimezone(event.zone).replace(tzinfo=None) for moment in (after, until))
    first, last = first - _DAY, last + _DAY
    found = {event.wall}
    for rule in listed(event.props, "RRULE"):
        series: Any = rrulestr(without_until(rule), dtstart=event.wall)
        ends = [_wall(end, event.zone, late=True) for end in rule.get("UNTIL", [])]
        found.update(wall for wall in series.replace(until=min([last, *ends])) if wall >= first)
    found.update(
        _wall(_start(each.dt), event.zone) for dates in listed(event.props, "RDATE") for each in dates.dts
    )
    gone = {each.dt for dates in listed(event.props, "EXDATE") for each in dates.dts}
    walls = {_wall(moment, event.zone) for moment in gone if isinstance(moment, datetime)}
    days = {moment for moment in gone if not isinstance(moment, datetime)}
    kept = {wall for wall in found if wall not in walls and wall.date() not in days and first <= wall <= last}
    return sorted(kept)


def _run(event: Event, wall: datetime, *, cancelled: bool) -> CalendarRun:
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
