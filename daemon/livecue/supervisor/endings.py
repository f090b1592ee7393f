"""A job was seen over: what that means for the room's session."""

from __future__ import annotations

from livecue.domain import Job, JobState, SignalKind
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.ports import Count
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.handover import is_handover
from livecue.supervisor.notes import drop_note
from livecue.supervisor.reconcile import after_lost_job
from livecue.supervisor.remedies import remedy_of
from livecue.supervisor.standby import goes_elsewhere, note_loss, steady
from livecue.supervisor.state import RoomState


async def ended(job: Job, state: RoomState, desk: Desk) -> None:
    """Say so and let go of it; where the session is on, decide how it goes on.

    Raises:
        BusError: the signal or the note was not stored; the same is decided again next time.
    """
    cut = job.job_id == state.cut
    asked = job.job_id in state.asked and not cut
    on_board = state.job is not None and state.job.job_id == job.job_id
    late = job.job_id == state.late
    remedy = remedy_of(job, ended=cut and not late, on_end=state.plan.policy.on_end, late=late)
    handover = not asked and not cut and is_handover(job, state, desk.now())
    reason = "stopped" if asked else "max_duration" if handover else remedy.reason
    data = {"job_id": job.job_id, "state": job.state, "reason": reason, "code": job.error_code}
    await desk.signals.publish(state.room, SignalKind.JOB_ENDED, data, f"job-ended-{job.job_id}")
    lost = not asked and not handover and _in_this_run(state, on_board=on_board)
    moves = lost and goes_elsewhere(job, remedy, state, desk)
    if state.owned is not None and state.owned.job_id == job.job_id:
        if lost or handover:
            state.kept = job.job_id
        else:
            await drop_note(state, desk)
    state.over = tuple(other for other in state.over if other.job_id != job.job_id)
    state.asked.pop(job.job_id, None)
    state.cut = "" if cut else state.cut
    log.info("job-ended", room=state.room, **data)
    if asked:
        desk.meter.count(Count.JOBS_STOPPED, state.room)
    elif handover:
        state.not_before_ms = 0
    elif lost:
        desk.meter.count(Count.JOBS_LOST, state.room, reason=reason)
        note_loss(job, remedy, state, desk, moves=moves)
        _lost(job, state, desk, "" if moves else remedy.give_up, moves=moves)
    if on_board:
        state.job = None


def _lost(job: Job, state: RoomState, desk: Desk, give_up: str, *, moves: bool) -> None:
    """The session is still on: start again after a pause, or at once elsewhere, or give up until its next run."""
    if give_up:
        blocked = job.state == JobState.BLOCKED
        state.held = state.window
        said = f"{give_up}: {job.error_text or job.error_code or 'no reason given'}"
        if job.state != JobState.SUCCEED:  # one that was meant to end is no trouble
            desk.alerts.open(
                state.room, AlertKind.BLOCKED if blocked else AlertKind.GAVE_UP, said, job.job_id
            )
        facts = {"room": state.room, "job_id": job.job_id, "code": job.error_code, "error": job.error_text}
        remedy = f"{give_up}; not started again before the next session, or by `livecue jobs start`"
        if blocked:
            log.error("job-blocked", remedy=remedy, **facts)
        else:
            log.error("job-given-up", remedy=remedy, **facts)
        return
    state.lost = 1 if moves or steady(state, desk) else state.lost + 1
    state.not_before_ms = 0 if moves else desk.now() + after_lost_job(state.lost)
    log.warning("job-lost", room=state.room, job_id=job.job_id, state=job.state, error=job.error_text)


def _in_this_run(state: RoomState, *, on_board: bool) -> bool:
    """Lost in this run of the session, not in an earlier one that a restart still has a note of."""
    if state.window is None:
        return False
    return on_board or state.began()
