"""The plan as people and scripts read it: every run at its own clock's time, and what the clocks did. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from livecue.domain import Session
from livecue.supervisor.clock_changes import offset_text
from livecue.supervisor.plan import resolve
from livecue.supervisor.runs import Run, zone_of

HEADS = ("room", "session", "start", "end", "offset", "lasts", "note")


class Row(NamedTuple):
    """One line of the plan's table. Times are of the session's zone, or of the one asked for."""

    room: str
    session: str
    start: str
    end: str
    offset: str
    lasts: str
    note: str


def planned(
    room: str, sessions: Sequence[Session], after: datetime, until: datetime, zone: tzinfo | None = None
) -> list[tuple[Row, dict[str, Any]]]:
    """What a room plans for `after` <= t < `until`, each as a row and as JSON; what is left out, too."""
    zones = {session.name: zone or zone_of(session) for session in reversed(sessions)}
    runs = resolve(sessions, after, until)
    return [(_row(room, run, zones[run.session]), _json(room, run, zones[run.session])) for run in runs]


def _row(room: str, run: Run, zone: tzinfo) -> Row:
    start, end = run.start.astimezone(zone), run.end.astimezone(zone)
    first, last = offset_text(start), offset_text(end)
    said = [f"left out: {run.left_out}"] if run.left_out else []
    said += [run.label] if run.label else []
    return Row(
        room,
        run.session,
        f"{start:%Y-%m-%d %H:%M}",
        f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}",
        first if first == last else f"{first} to {last}",
        _length(run.end - run.start),
        "; ".join([*said, *run.notes]),
    )


def _json(room: str, run: Run, zone: tzinfo) -> dict[str, Any]:
    start, end = run.start.astimezone(zone), run.end.astimezone(zone)
    return {
        "room": room,
        "session": run.session,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "start_utc": run.start.isoformat(),
        "end_utc": run.end.isoformat(),
        "start_fold": start.fold,
        "end_fold": end.fold,
        "lasts_s": round((run.end - run.start).total_seconds()),
        "label": run.label,
        "notes": list(run.notes),
        "left_out": run.left_out,
    }


def _length(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number]
    return "".join(parts) or "0s"
