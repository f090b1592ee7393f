"""Setting the bus's timer for the stop of what a room owns. A timer that fails holds nothing up."""

from __future__ import annotations

from livecue.runtime.ports import BusError
from livecue.runtime.stop_ports import StopNote
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.reconcile import to_ms
from livecue.supervisor.state import RoomState
from livecue.supervisor.timers import LATE_MS


async def keep_timer(state: RoomState, desk: Desk) -> None:
    """Set it if the job or the end of its session is another than before."""
    owned, window = state.owned, state.window
    if desk.timers is None or owned is None or window is None:
        return
    note = StopNote(state.room, window.session, owned.since_ms, owned.job_id, owned.place)
    timer = note, to_ms(window.end) + LATE_MS
    if timer == state.timer:
        return
    try:
        await desk.timers.set(*timer)
    except BusError as error:
        state.complain("timer-not-set", error)
    else:
        state.timer = timer


async def cancel_timer(state: RoomState, desk: Desk) -> None:
    """Nothing is owed any more. One that is left all the same comes due, finds the job over, and goes."""
    state.timer = None
    if desk.timers is None:
        return
    try:
        await desk.timers.cancel(state.room)
    except BusError as error:
        log.debug("timer-not-cancelled", room=state.room, error=str(error))
