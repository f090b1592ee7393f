"""What is wrong with a plan as a whole: two sessions at once, too many rooms, too many starts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from livecue.domain import Overlap, Session
from livecue.supervisor.plan import cut
from livecue.supervisor.runs import Run, runs_of

LOOK_AHEAD = timedelta(days=35)
"""How far ahead overlaps are looked for: every week and every month once."""


def overlaps(
    sessions: Sequence[Session], now: datetime, ahead: timedelta = LOOK_AHEAD
) -> list[tuple[int, str]]:
    """For each pair of sessions of one room that overlap soon, the later one's place and what is wrong.

    A cron that begins anew before its last run is over is no overlap: its runs follow each other.
    """
    if len(sessions) < 2 or sessions[0].overlap is not Overlap.REFUSE:
        return []
    runs = [
        (part, place)
        for place, session in enumerate(sessions)
        for run in runs_of(session, now, now + ahead)
        if not run.left_out
        for part in cut(run, session.blackouts)
        if not part.left_out
    ]
    runs.sort(key=lambda each: (each[0].start, each[1]))
    found: dict[tuple[int, int], str] = {}
    on: list[tuple[Run, int]] = []
    for run, place in runs:
        on = [each for each in on if each[0].end > run.start]
        for other, their_place in on:
            pair = min(place, their_place), max(place, their_place)
            if place != their_place and pair not in found:
                found[pair] = _overlap(sessions[pair[1]], sessions[pair[0]], run, other)
        on.append((run, place))
    return [(later, what) for (_, later), what in found.items()]


def _overlap(one: Session, other: Session, later: Run, earlier: Run) -> str:
    return (
        f"overlaps session {other.name!r}, first from {later.start:%Y-%m-%d %H:%M}Z to "
        f"{min(later.end, earlier.end):%Y-%m-%d %H:%M}Z; move {one.name!r}, or write "
        "`overlap: merge` or `overlap: first` for the room"
    )


def crowds(plans: Mapping[str, Sequence[Run]], most: int) -> list[str]:
    """The first moment, if any, at which more than `most` rooms are live by their runs."""
    steps = sorted(
        (moment, step, room)
        for room, runs in plans.items()
        for run in runs
        if not run.left_out
        for moment, step in ((run.start, 1), (run.end, -1))
    )
    on: Counter[str] = Counter()
    for moment, step, room in steps:
        on[room] += step
        live = sorted(room for room, runs in on.items() if runs > 0)
        if len(live) > most:
            what = (
                f"{len(live)} rooms are live at once from {moment:%Y-%m-%d %H:%M}Z ({_some(live)}), "
                f"plan.max_rooms_at_once is {most}; move a session, or raise it with the quota"
            )
            return [what]
    return []


def rushes(plans: Mapping[str, Sequence[Run]], most: int) -> list[str]:
    """The worst second, if any, with more than `most` starts: the start limit is per second and tenant (S4 6.2.1)."""
    starts = Counter(
        run.start.replace(microsecond=0) for runs in plans.values() for run in runs if not run.left_out
    )
    if not starts:
        return []
    moment, many = max(starts.items(), key=lambda each: (each[1], -each[0].timestamp()))
    if many <= most:
        return []
    what = (
        f"{many} starts fall into {moment:%Y-%m-%d %H:%M:%S}Z, MetaStudio takes {most} a second: the last "
        f"begin {-(-many // most) - 1} s late"
    )
    return [what]


def _some(rooms: Sequence[str]) -> str:
    return ", ".join(rooms[:5]) + (f" and {len(rooms) - 5} more" if len(rooms) > 5 else "")
