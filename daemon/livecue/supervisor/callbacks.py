"""A job that was taken over with callbacks of its own: it is served like any other, and somebody is told."""

from __future__ import annotations

from livecue.runtime.alert_ports import AlertKind
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.state import RoomState

_REMEDY = (
    "its callbacks do not reach livecue: scenes and finishes are estimated; "
    "stop and start the live by `livecue jobs` to get them"
)


def callback_faults(state: RoomState) -> tuple[str, ...]:
    """The settings that keep the callbacks of the room's job from livecue; one that it has just started has none."""
    if state.job is None or state.how == "started":
        return ()
    return state.job.callback_faults or ()


def mind_callbacks(state: RoomState, desk: Desk) -> None:
    """Once per turn, after it: open or close the room's alert."""
    faults, job_id = callback_faults(state), state.job.job_id if state.job else ""
    if not faults or job_id != state.unheard:
        desk.alerts.close(state.room, AlertKind.CALLBACKS_LOST)
    if not faults:
        return
    if job_id != state.unheard:
        state.unheard = job_id
        log.warning(
            "job-calls-elsewhere", room=state.room, job_id=job_id, differs=list(faults), remedy=_REMEDY
        )
    text = f"job {job_id} has other callbacks than the room ({', '.join(faults)}): {_REMEDY}"
    desk.alerts.open(state.room, AlertKind.CALLBACKS_LOST, text, job_id)
