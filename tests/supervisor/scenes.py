"""Plans for the state machine of the lives: a quiet day, and nights in which the clocks change.

When they want a live stands here in UTC, as a calendar has it, not as livecue works it out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from livecue.domain import Session

from .fakes import T0

MINUTE = timedelta(minutes=1)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


class Run(NamedTuple):
    """When a session is to be live, and how late it may still begin."""

    start: datetime
    end: datetime
    catchup: timedelta | None = None
    least: timedelta = timedelta(0)

    def on(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def begin_by(self) -> datetime:
        last = self.end - self.least
        return last if self.catchup is None else min(last, self.start + max(self.catchup, MINUTE))


class Scene(NamedTuple):
    """A plan, the moment at which the story begins, and what the plan means."""

    name: str
    begins: datetime
    sessions: tuple[Session, ...]
    runs: tuple[Run, ...]

    def __repr__(self) -> str:
        return self.name


def utc(moment: str) -> datetime:
    return datetime.fromisoformat(f"2026-{moment}Z")


def runs(*times: str, catchup: timedelta | None = None, least: timedelta = timedelta(0)) -> list[Run]:
    """Each as `03-29T01:30/02:15`: both on one day in UTC."""
    found = []
    for time in times:
        start, _, end = time.partition("/")
        found.append(Run(utc(start), utc(f"{start[:6]}{end}"), catchup, least))
    return found


def nightly(name: str, cron: str, minutes: int, zone: str, **more: Any) -> Session:
    return Session(name, cron=cron, duration=timedelta(minutes=minutes), timezone=zone, **more)


def quiet_day() -> Scene:
    hours = (("evening", 0, 2, 15 * MINUTE), ("late", 3, 5, None), ("next", 5, 6, 5 * MINUTE))
    found = [
        Run(T0 + timedelta(hours=start), T0 + timedelta(hours=end), catchup, 2 * MINUTE)
        for _, start, end, catchup in hours
    ]
    sessions = [
        Session(name, start=run.start, end=run.end, catchup=run.catchup, least_remainder=run.least)
        for (name, *_), run in zip(hours, found, strict=True)
    ]
    return Scene("a quiet day", T0, tuple(sessions), tuple(found))


def spring_in_berlin() -> Scene:
    """02:30 does not exist on 29 March: it is 03:30. The run before it goes across the change."""
    night = nightly("night", "30 2 * * *", 45, BERLIN, catchup=10 * MINUTE)
    across = nightly("across", "0 1 * * *", 75, BERLIN)
    nights = runs("03-29T01:30/02:15", "03-30T00:30/01:15", "03-31T00:30/01:15", catchup=10 * MINUTE)
    others = runs("03-29T00:00/01:15", "03-29T23:00/23:59", "03-30T23:00/23:59")
    others[1:] = [one._replace(end=one.start + timedelta(minutes=75)) for one in others[1:]]
    return Scene("spring in Berlin", utc("03-28T23:55"), (night, across), (*nights, *others))


def autumn_in_berlin() -> Scene:
    """02:30 exists twice on 25 October, and a run of 45 min ends before it began by the clock on the wall."""
    night = nightly("night", "30 2 * * *", 45, BERLIN, catchup=10 * MINUTE, least_remainder=2 * MINUTE)
    hourly = nightly("hourly", "15 * * * *", 14, BERLIN)
    nights = runs("10-25T00:30/01:15", "10-26T01:30/02:15", "10-27T01:30/02:15")
    nights = [one._replace(catchup=10 * MINUTE, least=2 * MINUTE) for one in nights]
    first = utc("10-24T23:15")
    quarters = [Run(at, at + 14 * MINUTE) for at in (first + timedelta(hours=n) for n in range(60))]
    return Scene("autumn in Berlin", utc("10-24T23:50"), (night, hourly), (*nights, *quarters))


def autumn_in_new_york() -> Scene:
    """Three hours from midnight are three hours, though it is 02:00 then."""
    long = nightly("long", "0 0 * * *", 180, NEW_YORK, catchup=15 * MINUTE)
    later = nightly("later", "30 3 * * *", 30, NEW_YORK)
    found = runs("11-01T04:00/07:00", "11-02T05:00/08:00", "11-03T05:00/08:00", catchup=15 * MINUTE)
    found += runs("11-01T08:30/09:00", "11-02T08:30/09:00", "11-03T08:30/09:00")
    return Scene("autumn in New York", utc("11-01T03:50"), (long, later), tuple(found))


SCENES = [quiet_day(), spring_in_berlin(), autumn_in_berlin(), autumn_in_new_york()]
