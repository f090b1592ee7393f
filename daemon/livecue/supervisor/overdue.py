"""A stop that does not come through: after a minute somebody is told, and told again when it is over."""

from __future__ import annotations

from livecue.runtime.alert_ports import AlertKind
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.state import RoomState

OVERDUE_MS = 60_000


def mind_stops(state: RoomState, desk: Desk) -> None:
    """Once per turn, after it: open or close the room's alert."""
    now_ms = desk.now()
    if not state.asked and not state.owes_stop():
        if state.owed_since_ms:
            state.owed_since_ms = 0
            desk.alerts.close(state.room, AlertKind.STOP_OVERDUE)
        return
    if not 0 < state.owed_since_ms <= now_ms:  # the first turn, or a clock that was set back
        state.owed_since_ms = now_ms
    if now_ms - state.owed_since_ms < OVERDUE_MS:
        return
    job_id = next(iter(state.asked), "") or state.owes_stop()
    if state.overdue != job_id:
        state.overdue = job_id
        remedy = "it costs: stop it in the cloud's console; livecue goes on asking"
        log.error("job-stop-overdue", room=state.room, job_id=job_id, remedy=remedy)
    text = f"job {job_id} is still on, a minute after it was to be stopped"
    desk.alerts.open(state.room, AlertKind.STOP_OVERDUE, text, job_id)
