"""A session that goes on beyond its job: the cloud ends that by itself, and another begins then.

Each start asks the cloud for an end of its own, whole hours after the session as it was planned then
(`max_live_duration`, S3 table 7). Nothing changes that on a running job, so a session that was extended
beyond it is handed over to a second job. That is no trouble: no pause, no alert, not counted as lost.
"""

from __future__ import annotations

from datetime import UTC, datetime

from livecue.domain import Job, JobState
from livecue.supervisor.desk import log
from livecue.supervisor.reconcile import to_ms
from livecue.supervisor.state import RoomState

ERROR_MS = 300_000
"""The cloud ends a live up to 5 minutes off (S3)."""


def handover_ms(state: RoomState) -> int:
    """When the cloud ends the room's job although its session goes on, within 5 minutes; 0 if it does not."""
    job, owned, window = state.job, state.owned, state.window
    if job is None or owned is None or window is None or owned.job_id != job.job_id:
        return 0
    return owned.ends_ms if owned.ends_ms < to_ms(window.end) else 0


def tell_handover(state: RoomState) -> None:
    """Once per job and session's end: it is known beforehand."""
    at_ms = handover_ms(state)
    if at_ms == state.handover_ms or state.window is None:
        return
    state.handover_ms = at_ms
    if at_ms:
        log.warning(
            "handover-planned",
            room=state.room,
            job_id=state.job.job_id if state.job else "",
            cloud_ends=_time(at_ms),
            session_ends=state.window.end.isoformat(timespec="seconds"),
            remedy="none needed: the cloud ends this job by itself then, and another is started at once",
        )


def is_handover(job: Job, state: RoomState, now_ms: int) -> bool:
    """Whether a job seen over was ended by the cloud when it was to be, while its session goes on."""
    owned = state.owned
    if owned is None or owned.job_id != job.job_id or state.window is None:
        return False
    return bool(owned.ends_ms) and job.state == JobState.SUCCEED and now_ms >= owned.ends_ms - ERROR_MS


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
