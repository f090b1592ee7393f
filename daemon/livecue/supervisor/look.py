"""Looking at one room: one call while all is quiet, a second one when something has changed."""

from __future__ import annotations

import msgspec

from livecue.domain import CloudError, Job, JobState, Meaning
from livecue.supervisor.chats import counts_here, is_worth_listing, merged_link
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.reconcile import GONE
from livecue.supervisor.state import RoomState

_NOT_THERE = frozenset({Meaning.JOB_OVER, Meaning.NOT_FOUND})
_NO_SUCH_PLACE = frozenset({Meaning.NOT_FOUND, Meaning.FORBIDDEN, Meaning.INVALID})


async def look(state: RoomState, desk: Desk, *, search: bool = False) -> None:
    """Fill `running`, `over` and `job` with what the cloud shows now. `search`: list in any case.

    Raises:
        CloudError: nothing was learnt; the state is as before.
    """
    now_ms = desk.now()
    watched = _watched(state)
    found: dict[str, Job] = {}
    over: dict[str, Job] = {}
    if (search or state.search or not _quiet(state)) and is_worth_listing(state):
        places = _places(state, search=search)
        listed = [job for place in places for job in await _running(place, state, desk)]
        state.search = False
        for job in listed:
            if counts_here(job, state):
                (over if job.over else found)[job.job_id] = merged(state, job)
    for job_id in watched.keys() - found.keys():
        job = over.get(job_id) or await show(state.room, job_id, desk, watched[job_id])
        (over if is_over(job) else found)[job_id] = merged(state, job)
    state.running = tuple(found.values())
    state.over = tuple(job for job in over.values() if job.job_id in watched)
    if state.job is not None:
        job_id = state.job.job_id
        state.job = found.get(job_id) or over.get(job_id) or state.job
    state.looked_ms = now_ms


def look_blindly(state: RoomState) -> bool:
    """After a failed look: True if a stop is owed all the same, which is then asked for unseen."""
    job_id = state.owes_stop()
    if not job_id:
        return False
    place = state.owned.place if state.owned else ""
    state.running, state.over = (Job(job_id, JobState.PROCESSING, place=place),), ()
    return True


async def show(room: str, job_id: str, desk: Desk, place: str = "") -> Job:
    """One job as the cloud shows it; state GONE if it no longer knows it."""
    try:
        job = await desk.jobs.show(room, job_id, place)
    except CloudError as error:
        desk.cloud.failed(error)
        if error.meaning in _NOT_THERE:
            return Job(job_id, GONE, error_code=error.error_code, place=place)
        raise
    desk.cloud.fine()
    return job


async def _running(place: str, state: RoomState, desk: Desk) -> list[Job]:
    try:
        jobs = await desk.jobs.running(state.room, place)
    except CloudError as error:
        desk.cloud.failed(error)
        if not _has_no_jobs(state, error):
            raise
        if place not in state.unlisted:
            state.unlisted.add(place)
            log.warning("place-not-listed", room=state.room, place=place or "own", error=str(error))
        return []
    desk.cloud.fine()
    state.unlisted.discard(place)
    return jobs


def _has_no_jobs(state: RoomState, error: CloudError) -> bool:
    """With a standby, a place that MetaStudio itself refuses to list holds the other one not up.

    Jobs of ours there are looked at one by one all the same; a 404 or 403 of a gateway says nothing of the room.
    """
    refused = error.meaning in _NO_SUCH_PLACE and error.error_code.startswith("MSS.")
    return bool(state.plan.standby) and refused


def _places(state: RoomState, *, search: bool) -> list[str]:
    """Where to list jobs: the standby too, except in a room where nothing is wanted, expected or owed.

    There a job in the standby is found by the sweep, which asks for a search.
    """
    calm = state.window is None and state.owned is None and not state.asked and state.looked_ms > 0
    places = {"": None}
    if not calm or search or state.search:
        places |= {state.plan.standby: None, state.owned.place if state.owned else "": None}
    return list(places)


def _watched(state: RoomState) -> dict[str, str]:
    """Jobs whose end we want to see, and where they run."""
    watched = {job_id: asked.place for job_id, asked in state.asked.items()}
    if state.job is not None:
        watched[state.job.job_id] = state.job.place
    if state.owned is not None:
        watched[state.owned.job_id] = state.owned.place
    return {job_id: place for job_id, place in watched.items() if job_id not in {"", state.kept}}


def _quiet(state: RoomState) -> bool:
    """Whether looking at the room's own job alone is enough: `single_job_in_room` keeps others out."""
    if state.job is None or state.asked:
        return False
    if state.window is None:
        return state.owned is None
    return state.owned is not None and state.owned.job_id == state.job.job_id


def merged(state: RoomState, job: Job) -> Job:
    """The job with what is known of it from before: a list does not show everything that the job's own page showed before."""
    known = state.job
    if known is None or known.job_id != job.job_id:
        return job
    return msgspec.structs.replace(
        job,
        report_url=job.report_url or known.report_url,
        created_ms=known.created_ms if job.created_ms is None else job.created_ms,
        callback_faults=known.callback_faults if job.callback_faults is None else job.callback_faults,
        chat=merged_link(job.chat, known.chat),
    )


def is_over(job: Job) -> bool:
    """Whether the job has ended or is no longer known."""
    return job.over or job.state == GONE
