"""Looking at one room: one call while all is quiet, a second one when something has changed."""

from __future__ import annotations

import msgspec

from livecue.domain import CloudError, Job, JobState, Meaning
from livecue.supervisor.chats import counts_here, is_worth_listing, merged_link
from livecue.supervisor.reconcile import GONE
from livecue.supervisor.state import Desk, RoomState

_NOT_THERE = frozenset({Meaning.JOB_OVER, Meaning.NOT_FOUND})


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
        listed = [job for job in await _running(state.room, desk) if counts_here(job, state)]
        state.search = False
        for job in listed:
            (over if job.over else found)[job.job_id] = merged(state, job)
    for job_id in watched - found.keys():
        job = over.get(job_id) or await show(state.room, job_id, desk)
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
    state.running, state.over = (Job(job_id, JobState.PROCESSING),), ()
    return True


async def show(room: str, job_id: str, desk: Desk) -> Job:
    """One job as the cloud shows it; state GONE if it no longer knows it."""
    try:
        job = await desk.jobs.show(room, job_id)
    except CloudError as error:
        desk.cloud.failed(error)
        if error.meaning in _NOT_THERE:
            return Job(job_id, GONE, error_code=error.error_code)
        raise
    desk.cloud.fine()
    return job


async def _running(room: str, desk: Desk) -> list[Job]:
    try:
        jobs = await desk.jobs.running(room)
    except CloudError as error:
        desk.cloud.failed(error)
        raise
    desk.cloud.fine()
    return jobs


def _watched(state: RoomState) -> set[str]:
    """Jobs whose end we want to see."""
    watched = set(state.asked)
    if state.job is not None:
        watched.add(state.job.job_id)
    if state.owned is not None:
        watched.add(state.owned.job_id)
    return watched - {"", state.kept}


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
        chat=merged_link(job.chat, known.chat),
    )


def is_over(job: Job) -> bool:
    """Whether the job has ended or is no longer known."""
    return job.over or job.state == GONE
