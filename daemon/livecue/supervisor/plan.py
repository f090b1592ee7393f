"""What becomes of a room's runs: who has the room when two want it, and where no live may be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from livecue.domain import Blackout, Overlap, Session
from livecue.supervisor.runs import LONGEST, Run, runs_of

ON_TIME = timedelta(minutes=1)
"""A start that is no later than this was not missed: nobody asks what is left of it."""

_GLANCE = timedelta(hours=1)


def resolve(sessions: Sequence[Session], after: datetime, until: datetime) -> list[Run]:
    """Everything the sessions of one room plan for `after` <= t < `until`, in order.

    That includes what does not happen, with the reason in `left_out`.
    """
    if not sessions:
        return []
    policy = sessions[0].overlap
    back = after if policy is Overlap.REFUSE else after - 2 * LONGEST
    found = [
        (run, rank) for rank, one in enumerate(sessions) for run in runs_of(one, back, until, noted=True)
    ]
    found.sort(key=lambda each: (each[0].start, each[1]))
    runs = [run for run, _ in found if not run.left_out]
    off = [run for run, _ in found if run.left_out]
    if policy is Overlap.MERGE:
        runs = merged(runs)
    elif policy is Overlap.FIRST:
        runs = queued(runs)
    runs = [
        piece for run in runs for piece in (cut(run, sessions[0].blackouts) if not run.left_out else [run])
    ]
    runs = [_useful(run) for run in runs] + off
    return sorted((run for run in runs if run.end > after), key=lambda run: (run.start, run.end, run.session))


def run_at(sessions: Sequence[Session], now: datetime) -> Run | None:
    """The run that has the room at `now`, as `resolve` would show it but without notes."""
    if not sessions:
        return None
    policy = sessions[0].overlap
    on: list[Run | None]
    if policy is Overlap.MERGE:
        on = [_merged_at(sessions, now)]
    elif policy is Overlap.FIRST:
        on = [_first_at(sessions, now)]
    else:
        found = [run for one in sessions if (run := _latest(one, now)) is not None]
        on = [*sorted(found, key=lambda run: (run.end, -run.start.timestamp()), reverse=True)]
    left = (piece for run in on if run is not None for piece in cut(run, sessions[0].blackouts))
    return next((one for one in left if one.on(now) and not _useful(one).left_out), None)


def merged(runs: Sequence[Run]) -> list[Run]:
    """Runs in order of start; those that share a moment become one under the first one's name."""
    found: list[Run] = []
    for run in runs:
        last = found[-1] if found else None
        if last is None or run.start >= last.end:
            found.append(run)
            continue
        end = max(last.end, run.end)
        notes = (*last.notes, *run.notes, f"merged with {run.session} of {run.start:%H:%M}Z")
        found[-1] = replace(last, end=end, notes=tuple(dict.fromkeys(notes)))
    return found


def queued(runs: Sequence[Run]) -> list[Run]:
    """Runs in order of start; each begins when those that began before it are over."""
    found: list[Run] = []
    busy: Run | None = None
    for run in runs:
        late = run
        if busy is not None and busy.end > run.start:
            why = f"{busy.session} has the room until {busy.end:%H:%M}Z"
            if busy.end >= run.end:
                found.append(replace(run, left_out=why))
                continue
            late = replace(run, start=busy.end, notes=(*run.notes, why), cut=True)
        found.append(late)
        busy = late
    return found


def cut(run: Run, blackouts: Sequence[Blackout]) -> list[Run]:
    """What blackouts leave of a run; the whole of it, left out, if that is nothing."""
    pieces = [run]
    for dark in sorted(blackouts, key=lambda one: one.start):
        pieces = [part for piece in pieces for part in _without(piece, dark)]
    if not pieces:
        whys = [one.why for one in blackouts if one.start < run.end and one.end > run.start and one.why]
        return [replace(run, left_out=f"blackout{': ' if whys else ''}{', '.join(whys)}")]
    return pieces


def _without(run: Run, dark: Blackout) -> list[Run]:
    if dark.end <= run.start or dark.start >= run.end:
        return [run]
    why = f" ({dark.why})" if dark.why else ""
    pieces = []
    if run.start < dark.start:
        notes = (*run.notes, f"ends early for a blackout{why}")
        pieces.append(replace(run, end=dark.start, notes=notes, cut=True))
    if dark.end < run.end:
        notes = (*run.notes, f"begins after a blackout{why}")
        pieces.append(replace(run, start=dark.end, notes=notes, cut=True))
    return pieces


def _useful(run: Run) -> Run:
    """A run of which less than its least remainder is left is left out."""
    if run.left_out or not run.cut or run.end - run.start >= run.least:
        return run
    return replace(run, left_out=f"only {run.end - run.start} is left of it")


def _latest(session: Session, now: datetime) -> Run | None:
    """The run that is on and began last, found by looking back further and further."""
    back = _GLANCE if session.cron else LONGEST
    while True:
        since = max(now - back, now - session.duration) if session.cron else now
        found = [run for run in _begun(session, since, now) if run.on(now) and not run.left_out]
        if found:
            return max(found, key=lambda run: (run.start, run.end))
        if not session.cron or back >= session.duration:
            return None
        back *= 4


def _begun(session: Session, since: datetime, now: datetime) -> list[Run]:
    """Runs that are on at `now`; of a cron only those that began after `since`."""
    if not session.cron:
        return runs_of(session, now, now + timedelta.resolution)
    return runs_of(session, since + session.duration, now + timedelta.resolution)


def _on(sessions: Sequence[Session], since: datetime, until: datetime) -> list[Run]:
    """Runs that happen and share a moment with `since` <= t < `until`, in order of start, then of the list."""
    found = [(run, rank) for rank, one in enumerate(sessions) for run in runs_of(one, since, until)]
    found.sort(key=lambda each: (each[0].start, each[1]))
    return [run for run, _ in found if not run.left_out]


def _first_at(sessions: Sequence[Session], now: datetime) -> Run | None:
    """Who began first among those that are on has the room, since those that began before it ended."""
    on = _on(sessions, now, now + timedelta.resolution)
    if not on:
        return None
    before = _on(sessions, on[0].start, on[0].start + timedelta.resolution)
    ahead = before[: before.index(on[0])]
    since = max((run.end for run in ahead), default=on[0].start)
    return replace(on[0], start=since, cut=True) if since > on[0].start else on[0]


def _merged_at(sessions: Sequence[Session], now: datetime) -> Run | None:
    since, until = now, now + timedelta.resolution
    while until - since < 2 * LONGEST:
        on = _on(sessions, since, until)
        if not on:
            return None
        wider = min(run.start for run in on), max(run.end for run in on)
        if wider == (since, until):
            break
        since, until = wider
    return next((run for run in merged(on) if run.on(now)), None)
