"""The plan: which session wants a room live at a moment, and when that next changes. Pure.

A session is on from its start up to, but not at, its end. A cron session's `duration` is elapsed
time: 4 h are 4 h, also over a change of the clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from livecue.domain import Session
from livecue.supervisor.crontab import compile_cron, next_start, starts

LONGEST = timedelta(days=7)
"""The longest `duration`: MetaStudio's own limit for a live (`max_live_duration`, S3)."""

_FIRST_GLANCE = timedelta(hours=1)


class Window(msgspec.Struct, frozen=True):
    """One run of one session: it wants its room live for `start` <= now < `end` (UTC)."""

    session: str
    start: datetime
    end: datetime


def wanted(sessions: Sequence[Session], now: datetime) -> Window | None:
    """The run that wants the room live at `now`; of several, the one that ends last.

    Raises:
        ValueError: a session does not pass `validate`.
    """
    now = now.astimezone(UTC)
    windows = [window for session in sessions if (window := _window(session, now)) is not None]
    return max(windows, key=lambda one: (one.end, -one.start.timestamp()), default=None)


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
    if not once and not session.cron:
        return [f"{who} says no time; give start and end, or cron and duration"]
    found = _once_problems(session) if once else _cron_problems(session)
    return [f"{who}: {problem}" for problem in found]


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


def _window(session: Session, now: datetime) -> Window | None:
    start: datetime | None
    if session.start is not None and session.end is not None:
        start, end = session.start.astimezone(UTC), session.end.astimezone(UTC)
        return Window(session.name, start, end) if start <= now < end else None
    start = _last_start(session, now)
    return None if start is None else Window(session.name, start, start + session.duration)


def _last_start(session: Session, now: datetime) -> datetime | None:
    """The latest start whose run is still on, found by looking back further and further."""
    cron = compile_cron(session.cron, session.timezone)
    back = min(_FIRST_GLANCE, session.duration)
    while True:
        if found := starts(cron, now - back, now):
            return found[-1]
        if back >= session.duration:
            return None
        back = min(back * 4, session.duration)


def _boundaries(session: Session, now: datetime) -> list[datetime]:
    if session.start is not None and session.end is not None:
        return [session.start.astimezone(UTC), session.end.astimezone(UTC)]
    coming = next_start(compile_cron(session.cron, session.timezone), now)
    current = _window(session, now)
    moments = (coming, None if current is None else current.end)
    return [moment for moment in moments if moment is not None]
