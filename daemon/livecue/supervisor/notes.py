"""The note of the job that a room owes a stop: stored, carried on, dropped, with the stop on the bus that goes with it."""

from __future__ import annotations

from msgspec import structs

from livecue.domain import Job
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.job_ports import Ownership
from livecue.supervisor.desk import Desk
from livecue.supervisor.schedule import cancel_timer, keep_timer
from livecue.supervisor.state import RoomState


async def note_live(job: Job, state: RoomState, desk: Desk) -> None:
    """The run that wants the room has its live, and that may be a later run than the one it was started for."""
    owned, window = state.owned, state.window
    if window is None or owned is None or owned.job_id != job.job_id or state.noted_live(owned):
        return
    noted = structs.replace(owned, session=window.session, live_ms=desk.now())
    await save_note(noted, state, desk)


async def save_note(owned: Ownership, state: RoomState, desk: Desk) -> None:
    """Store it, and move the stop on the bus with it.

    Raises:
        BusError: not stored; the state is as before.
    """
    if owned != state.owned:
        await desk.ownerships.save(state.room, owned)
        state.owned = owned
        await keep_timer(state, desk)


async def drop_note(state: RoomState, desk: Desk) -> None:
    """Nothing is owed any more.

    Raises:
        BusError: the note still stands.
    """
    if state.owned is not None:
        await desk.ownerships.drop(state.room)
        state.owned = None
        desk.alerts.close(state.room, AlertKind.START_LOST)
        await cancel_timer(state, desk)
    state.kept = ""
