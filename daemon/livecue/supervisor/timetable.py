"""The plan: which session wants a room live at a moment, and when that next changes. Pure.

A session is on from its start up to, but not at, its end. A cron session's `duration` is elapsed
time: 4 h are 4 h, also over a change of the clocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from livecue.domain import Session
from livecue.supervisor.crontab import compile_cron, load_zone, next_start
from livecue.supervisor.plan import ON_TIME, run_at
from livecue.supervisor.runs import LONGEST, Run, runs_of

__all__ = ["LONGEST", "Window", "next_change", "too_late", "validate", "wanted"]


class Window(msgspec.Struct, frozen=True):
    """One run of one session: it wants its room live for `start` <= now < `end` (UTC).

    After `begin_by` it is not started any more if it never was, after `again_by` not even again; None: any time.
    """

    session: str
    start: datetime
    end: datetime
    begin_by: datetime | None = None
    again_by: datetime | None = None


def wanted(sessions: Sequence[Session], now: datetime) -> Window | None:
    """The run that wants the room live at `now`; of several, the one that ends last, or as `overlap` says.

    Raises:
        ValueError: a session does not pass `validate`, or its calendar was never read and no other session
            wants the room: then nobody knows.
    """
    run = run_at(sessions, now.astimezone(UTC))
    if run is None:
        if unread := [one.name for one in sessions if one.ics and one.runs is None]:
            raise ValueError(f"the calendar of session {unread[0]!r} was never read")
        return None
    return _window(run)


def too_late(window: Window, now: datetime, *, began: bool) -> bool:
    """Whether a start at `now` would come too late; `began`: it was live before and got lost."""
    by = window.again_by if began else window.begin_by
    return by is not None and now > by


def next_change(sessions: Sequence[Session], now: datetime) -> datetime | None:
    """The next start or end after `now` in UTC, None if nothing is planned any more.

    `wanted` stays the same from `now` until then.
    """
    now = now.astimezone(UTC)
    moments = [moment for session in sessions for moment in _boundaries(session, now) if moment > now]
    return min(moments, default=None)


def validate(session: Session) -> list[str]:
    """What is wrong with a session, each with its remedy; an empty list means it can be used."""
    who = f"session {session.name!r}"
    once = session.start is not None or session.end is not None
    if once and session.cron:
        return [f"{who} has both start/end and cron; keep one of the two"]
    if session.ics and (once or session.cron):
        return [f"{who} has both ics and {'cron' if session.cron else 'start/end'}; keep one of the two"]
    if not once and not session.cron and not session.ics:
        return [f"{who} says no time; give start and end, or cron and duration, or ics"]
    found = (
        _once_problems(session)
        if once
        else _calendar_problems(session)
        if session.ics
        else _cron_problems(session)
    )
    return [f"{who}: {problem}" for problem in found + _late_problems(session)]


def _once_problems(session: Session) -> list[str]:
    found = [
        f"{name} is missing; a one-off session needs start and end"
        for name, moment in (("start", session.start), ("end", session.end))
        if moment is None
    ]
    found += [
        f"{name} has no UTC offset; write it, as in 2026-11-27T20:00:00+08:00"
        for name, moment in (("start", session.start), ("end", session.end))
        if moment is not None and moment.utcoffset() is None
    ]
    if found or session.start is None or session.end is None:
        return found
    if session.end.astimezone(UTC) <= session.start.astimezone(UTC):
        found.append("end is not after start; swap them or move the end")
    if session.duration:
        found.append("duration belongs to cron; a one-off session has an end")
    if session.days_off:
        found.append("except and holidays belong to cron and ics; leave the one-off session out instead")
    return found


def _cron_problems(session: Session) -> list[str]:
    found = []
    try:
        compile_cron(session.cron, session.timezone)
    except ValueError as error:
        found.append(str(error))
    if session.duration <= timedelta(0):
        found.append("duration must be more than 0, as in 4h")
    elif session.duration > LONGEST:
        found.append(
            f"duration {session.duration} is more than {LONGEST.days} days; MetaStudio allows no more"
        )
    return found


def _calendar_problems(session: Session) -> list[str]:
    found = []
    if session.duration:
        found.append("duration belongs to cron; an event of a calendar has its own end")
    try:
        load_zone(session.timezone)
    except ValueError as error:
        found.append(str(error))
    return found


def _late_problems(session: Session) -> list[str]:
    found = []
    if session.catchup is not None and session.catchup < timedelta(0):
        found.append("catchup must not be negative; 0s starts on time or not at all")
    if session.least_remainder < timedelta(0):
        found.append("least_remainder must not be negative; 0s starts whatever is left")
    return found


def _window(run: Run) -> Window:
    on_time = run.start + ON_TIME
    last = run.end - run.least
    first = last if run.catchup is None else min(last, run.start + run.catchup)
    by = [None if moment >= run.end else moment for moment in (max(on_time, first), max(on_time, last))]
    return Window(run.session, run.start, run.end, *by)


def _boundaries(session: Session, now: datetime) -> Iterator[datetime]:
    """Every moment at which `wanted` may change, of those soon after `now` at least the first."""
    for dark in session.blackouts:
        yield from (dark.start.astimezone(UTC), dark.end.astimezone(UTC))
    if session.start is not None and session.end is not None:
        yield from (session.start.astimezone(UTC), session.end.astimezone(UTC))
    elif session.ics:
        yield from (moment for run in session.runs or () for moment in (run.start, run.end))
    else:
        coming = next_start(compile_cron(session.cron, session.timezone), now)
        if coming is not None:
            yield coming
        yield from (run.end for run in runs_of(session, now, now + timedelta.resolution))
