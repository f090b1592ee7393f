"""Crontab lines as moments in time. Pure.

APScheduler's CronTrigger finds the matching calendar minutes; this module gives it standard crontab
meaning and a clear answer to daylight saving, which the trigger alone does not have:

* weekdays are 0-7 with 0 and 7 for Sunday, or names (APScheduler counts 0 as Monday);
* a day of month and a weekday that are both restricted mean *either*, as in crontab(5);
* the trigger runs on a calendar without zones. A minute that spring skips happens as much later as
  the clock jumped (02:30 becomes 03:30). A minute that autumn repeats happens once, the first time,
  unless the hour field begins with `*`: "every hour" means every real hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import merge
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FOLD_SLACK = timedelta(hours=3)
"""More than any zone's clock change: how far calendar order and real order may differ."""

_PART = re.compile(r"(\*|[0-9]+|[a-z]+)(?:-([0-9]+|[a-z]+))?(?:/([0-9]+))?", re.ASCII)


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("weekday", 0, 7, WEEKDAYS),
)


class _Trigger(Protocol):
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None: ...


class Crontab(NamedTuple):
    """A compiled line: `triggers` on a zoneless calendar (carried as UTC), any of which may fire."""

    triggers: tuple[_Trigger, ...]
    zone: ZoneInfo
    every_hour: bool


@lru_cache(maxsize=4096)
def compile_cron(line: str, zone: str) -> Crontab:
    """Read five crontab fields in an IANA zone.

    Raises:
        ValueError: the text names the field and what it takes.
    """
    fields = line.lower().split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"cron {line!r} has {len(fields)} fields; write five: minute hour day month weekday")
    minute, hour, day, month, weekday = map(_values, fields, FIELDS)
    weekday = frozenset(number % 7 for number in weekday)
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    if not either and not _exists(day, month):
        raise ValueError(f"cron {line!r} never happens: none of its months has such a day")
    every_day, every_weekday = frozenset(range(1, 32)), frozenset(range(7))
    days = [(day, every_weekday), (every_day, weekday)] if either else [(day, weekday)]
    triggers = tuple(
        CronTrigger(
            minute=_numbers(minute, 60),
            hour=_numbers(hour, 24),
            day=_numbers(one_day, 31),
            month=_numbers(month, 12),
            day_of_week=",".join(WEEKDAYS[number] for number in sorted(one_weekday)),
            timezone=UTC,
        )
        for one_day, one_weekday in days
    )
    return Crontab(triggers, load_zone(zone), fields[1].startswith("*"))


def load_zone(name: str) -> ZoneInfo:
    """Return the IANA zone.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a missing name, a path, a folder
        raise ValueError(f"timezone {name!r} is unknown; write an IANA name such as Asia/Shanghai") from None


def starts(cron: Crontab, after: datetime, until: datetime) -> list[datetime]:
    """Moments in UTC with `after` < moment <= `until`, in order."""
    return sorted(readings(cron, after, until))


def readings(cron: Crontab, after: datetime, until: datetime) -> dict[datetime, datetime]:
    """The same moments, each with the calendar minute (without zone) that the line means by it.

    The two differ on the clock where spring skips the minute.
    """
    calendar_end = _calendar(cron, until + FOLD_SLACK)
    found: dict[datetime, datetime] = {}
    for minute in _minutes(cron, _calendar(cron, after - FOLD_SLACK)):
        if minute > calendar_end:
            break
        for moment in _instants(cron, minute):
            if after < moment <= until:
                found[moment] = minute.replace(tzinfo=None)
    return found


def next_start(cron: Crontab, after: datetime) -> datetime | None:
    """The first moment in UTC that is later than `after`; None if there is none before year 9999."""
    best: datetime | None = None
    stop: datetime | None = None
    for minute in _minutes(cron, _calendar(cron, after - FOLD_SLACK)):
        if stop is not None and minute > stop:
            break
        later = [moment for moment in _instants(cron, minute) if moment > after]
        if later and (best is None or min(later) < best):
            best = min(later)
            stop = stop or minute + FOLD_SLACK
    return best


def _minutes(cron: Crontab, since: datetime) -> Iterator[datetime]:
    """Calendar minutes from `since` on, each once. The calendar is carried as UTC."""
    previous: datetime | None = None
    for minute in merge(*(_fires(trigger, since) for trigger in cron.triggers)):
        if minute != previous:
            yield minute
        previous = minute


def _fires(trigger: _Trigger, since: datetime) -> Iterator[datetime]:
    minute = trigger.get_next_fire_time(None, since)
    while minute is not None:
        yield minute
        minute = trigger.get_next_fire_time(None, minute + timedelta(seconds=1))


def _calendar(cron: Crontab, moment: datetime) -> datetime:
    return moment.astimezone(cron.zone).replace(tzinfo=UTC, fold=0)


def _instants(cron: Crontab, minute: datetime) -> set[datetime]:
    first = minute.replace(tzinfo=cron.zone, fold=0).astimezone(UTC)
    if not cron.every_hour:
        return {first}
    return {first, max(first, minute.replace(tzinfo=cron.zone, fold=1).astimezone(UTC))}


def _exists(days: frozenset[int], months: frozenset[int]) -> bool:
    return any(day <= DAYS_IN_MONTH[month - 1] for day in days for month in months)


def _numbers(values: frozenset[int], all_of_them: int) -> str:
    return "*" if len(values) == all_of_them else ",".join(map(str, sorted(values)))


def _values(text: str, field: _Field) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"cron field {field.name}: {part!r} is not a number, name, range, * or step")
        values.update(_span(match, field))
    return frozenset(values)


def _span(match: re.Match[str], field: _Field) -> range | list[int]:
    first, last, step_text = match.groups()
    step = int(step_text) if step_text else 1
    if step < 1:
        raise ValueError(f"cron field {field.name}: {match[0]!r} has step 0; write 1 or more")
    if first == "*":
        if last is not None:
            raise ValueError(f"cron field {field.name}: {match[0]!r} mixes * and a range")
        return range(field.low, field.high + 1, step) if field.name != "weekday" else range(0, 7, step)
    low = _number(first, field)
    if last is None:
        return range(low, field.high + 1 if step_text else low + 1, step)
    high = _number(last, field)
    if low <= high:
        return range(low, high + 1, step)
    if field.name == "weekday":  # fri-mon, 6-1: over the end of the week
        return list(range(low % 7, high + 1 if low % 7 <= high else high + 8))[::step]
    raise ValueError(
        f"cron field {field.name}: {match[0]!r} runs backwards; write {low}-{field.high},{field.low}-{high}"
    )


def _number(text: str, field: _Field) -> int:
    if text in field.words:
        return field.words.index(text) + (field.low if field.name == "month" else 0)
    if text.isdigit() and field.low <= int(text) <= field.high:
        return int(text)
    names = f" or {field.words[0]}-{field.words[-1]}" if field.words else ""
    raise ValueError(f"cron field {field.name}: {text!r} is not {field.low}-{field.high}{names}")
