"""Going on in a room's standby, and telling that a session runs there.

What calls for it is in `remedies`. It happens once in a run of a session: from the standby nothing goes back
before the next run, and what is lost there for good is given up.
"""

from __future__ import annotations

from livecue.domain import CloudError, Job
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.ports import Count
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.remedies import LATE, Remedy, cured_elsewhere
from livecue.supervisor.state import RoomState

STEADY_MS = 600_000
"""A job that was the room's for so long ended for a new reason: the pauses and the counting begin anew."""


def goes_elsewhere(job: Job, remedy: Remedy, state: RoomState, desk: Desk) -> bool:
    """Whether the live, lost as `remedy` says, is to go on in the standby."""
    cured = bool(remedy.elsewhere) and _ills(remedy, state, desk) >= remedy.elsewhere
    return cured and not job.place and _could_move(state)


def note_loss(job: Job, remedy: Remedy, state: RoomState, desk: Desk, *, moves: bool) -> None:
    """Count it; if it `moves`, the live goes on in the standby from now on."""
    state.ills = _ills(remedy, state, desk)
    if not moves:
        return
    why = remedy.give_up or f"lost {state.ills} times in a row, the last time it was {remedy.reason}"
    told = job.error_text or job.error_code
    _move(remedy.reason, f"{why}: {told}" if told else why, state, desk)


def _ills(remedy: Remedy, state: RoomState, desk: Desk) -> int:
    """With this loss. One that was on air for long begins a new count; one that never was does not."""
    before = 0 if steady(state, desk) and remedy.reason != LATE else state.ills
    return before + (1 if remedy.elsewhere else 0)


def moves_after_refusal(error: CloudError, state: RoomState, desk: Desk) -> bool:
    """Whether a start refused for good is made in the standby instead; from now on it is."""
    if not cured_elsewhere(error.meaning) or not _could_move(state):
        return False
    _move(str(error.meaning), str(error), state, desk)
    return True


def steady(state: RoomState, desk: Desk) -> bool:
    """Whether the room's job was its job for long."""
    return bool(state.since_ms) and desk.now() - state.since_ms >= STEADY_MS


def mind_standby(state: RoomState, desk: Desk) -> None:
    """Once per turn, after it: open or close the room's alert."""
    window, job = state.window, state.job
    place = state.where() if job is None else job.place
    if window is None or not place or (job is None and state.held == window):
        desk.alerts.close(state.room, AlertKind.STANDBY)
        return
    why = f": {state.why}" if state.why else ""
    text = f"session {window.session} goes on in the standby {place}{why}"
    desk.alerts.open(state.room, AlertKind.STANDBY, text, job.job_id if job is not None else "")


def _could_move(state: RoomState) -> bool:
    return bool(state.plan.standby) and not state.where()


def _move(reason: str, why: str, state: RoomState, desk: Desk) -> None:
    state.place, state.why = state.plan.standby, why
    state.search = True  # neither place has a job: that is looked at before anything is started
    state.not_before_ms = state.refused = state.ills = 0
    desk.meter.count(Count.FAILOVERS, state.room, reason=reason)
    session = state.window.session if state.window is not None else ""
    log.warning("room-failed-over", room=state.room, session=session, standby=state.place, reason=why)
