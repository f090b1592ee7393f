"""The runs of sessions between two moments, before anything else is asked of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
from msgspec.structs import replace

from livecue.domain import Session
from livecue.supervisor.clock_changes import run_note, start_note
from livecue.supervisor.crontab import compile_cron, readings

LONGEST = timedelta(days=7)
"""The longest `duration`: MetaStudio's own limit for a live (`max_live_duration`, S3)."""


class Run(msgspec.Struct, frozen=True):
    """One run of one session, from `start` up to, but not at, `end` (UTC).

    `notes` say what the clocks or the plan did to it; `left_out` why it does not happen. `cut`: the plan
    itself took away some of it. `catchup` and `least` (remainder) are the session's. `late_s` is
    how much of its beginning the plan itself took away.
    """

    session: str
    start: datetime
    end: datetime
    label: str = ""
    notes: tuple[str, ...] = ()
    left_out: str = ""
    cut: bool = False
    catchup: timedelta | None = None
    least: timedelta = timedelta(0)

    def on(self, now: datetime) -> bool:
        return self.start <= now < self.end


def runs_of(session: Session, after: datetime, until: datetime, *, noted: bool = False) -> list[Run]:
    """The runs of one session that are on at some time of `after` <= t < `until`, in order; `noted`: with notes.

    Raises:
        ValueError: the session does not pass `validate`.
    """
    after, until = after.astimezone(UTC), until.astimezone(UTC)
    if session.ics:
        found = _from_calendar(session)
    elif session.start is not None and session.end is not None:
        found = _once(session, session.start, session.end, noted=noted)
    else:
        found = _by_cron(session, after - session.duration, until, noted=noted)
    worth = {"catchup": session.catchup, "least": session.least_remainder}
    some = [replace(run, **worth) for run in found if run.end > after and run.start < until]
    return sorted(some, key=lambda run: (run.start, run.end))


def zone_of(session: Session) -> tzinfo:
    """The zone in which a session's times are told: its own, or that of a one-off start."""
    if session.start is not None and session.start.tzinfo is not None and session.timezone == "UTC":
        return session.start.tzinfo
    return compile_cron("0 0 * * *", session.timezone).zone


def _once(session: Session, start: datetime, end: datetime, *, noted: bool) -> Iterator[Run]:
    notes = _notes(run_note(start, end, zone_of(session))) if noted else ()
    yield Run(session.name, start.astimezone(UTC), end.astimezone(UTC), notes=notes)


def _from_calendar(session: Session) -> Iterator[Run]:
    for run in session.runs or ():
        off = run.left_out or session.days_off.get(run.day, "")
        yield Run(session.name, run.start, run.end, run.label, _notes(run.note), off)


def _by_cron(session: Session, after: datetime, until: datetime, *, noted: bool) -> Iterator[Run]:
    cron = compile_cron(session.cron, session.timezone)
    for start, minute in readings(cron, after, until).items():
        end = start + session.duration
        notes: tuple[str, ...] = ()
        if noted:
            notes = _notes(start_note(minute, start, cron.zone), run_note(start, end, cron.zone))
        yield Run(session.name, start, end, notes=notes, left_out=session.days_off.get(minute.date(), ""))


def _notes(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)
