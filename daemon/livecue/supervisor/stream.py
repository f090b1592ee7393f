"""A live that is on but does not get through: its stream is lost, or it never goes live.

What the callbacks say of the stream is a hint and not kept over a restart: the job's own state decides
whether it is live, and a stream that is lost for long is told of again by MetaStudio.
"""

from __future__ import annotations

from livecue.domain import CloudError, JobState
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.ports import Count
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.remedies import OnEnd
from livecue.supervisor.state import RoomState

_LOST = frozenset({"DISCONNECTED", "RECONNECTING"})


def hear_stream(state: RoomState, rtmp_state: str, job_id: str, now_ms: int) -> None:
    """RTMP_STREAM_STATE_CHANGE of the room's job (S3, table 8); of another job it says nothing."""
    job = state.job
    if job is None or job.job_id != job_id or job_id in state.asked:
        return
    if rtmp_state in _LOST:
        state.stream_lost_ms = state.stream_lost_ms or now_ms
    elif rtmp_state == "CONNECTED":
        state.stream_lost_ms = 0
    elif rtmp_state == "END" and state.plan.policy.on_end is not OnEnd.KEEP and state.window is not None:
        state.cut = job_id


async def mind_stream(state: RoomState, desk: Desk) -> None:
    """Once per turn, before deciding: stream to the next output, or give up a job that never goes live."""
    job, now_ms = state.job, desk.now()
    if state.stream_lost_ms == 0:
        desk.alerts.close(state.room, AlertKind.STREAM_LOST)
    if job is None or state.window is None or job.job_id in state.asked:
        return
    if job.state == JobState.WAITING and not job.waits_for_link:
        if now_ms - state.since_ms >= state.plan.policy.waiting_ms and state.cut != job.job_id:
            state.cut = state.late = job.job_id
            text = f"job {job.job_id} waits too long to go live: stopped, and another is started"
            desk.alerts.open(state.room, AlertKind.START_LATE, text, job.job_id)
            log.warning("job-waits-too-long", room=state.room, job_id=job.job_id)
        return
    if job.on_air:
        desk.alerts.close(state.room, AlertKind.START_LATE)
        await _mind_output(job.job_id, job.place, state, desk)


async def _mind_output(job_id: str, place: str, state: RoomState, desk: Desk) -> None:
    now_ms, policy = desk.now(), state.plan.policy
    if not state.stream_lost_ms or now_ms - state.stream_lost_ms < policy.rtmp_grace_ms:
        return
    desk.alerts.open(state.room, AlertKind.STREAM_LOST, "the stream does not reach its platform", job_id)
    if not policy.outputs:
        return
    state.stream_lost_ms = now_ms  # each output has the whole grace
    number = (state.output + 1) % policy.outputs
    try:
        await desk.jobs.refresh_output(state.room, job_id, number, place)
    except CloudError as error:
        desk.cloud.failed(error)
        state.complain("output-not-refreshed", error, meaning=str(error.meaning))
        return
    state.output = number
    desk.meter.count(Count.OUTPUTS_REFRESHED, state.room)
    log.warning("output-refreshed", room=state.room, job_id=job_id, output=number)
