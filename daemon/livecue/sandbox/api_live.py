"""Live jobs (S4 6.2, S3), and what only the SDK documents: unplayed inserts and warnings before a live."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

from livecue.sandbox import errors, paging, validate
from livecue.sandbox.errors import ApiError
from livecue.sandbox.http import Call, Reply
from livecue.sandbox.jobs import PROCESSING, LiveJob
from livecue.sandbox.scripts import parse
from livecue.sandbox.signing import report_key
from livecue.sandbox.state import State, rfc3339

FEW_SEGMENTS = 10
SHORT_SCRIPT_S = 600.0
FEW_RULES = 10


def start(call: Call) -> Reply:
    """POST …/smart-live-jobs (S4 6.2.1, S3) → 202."""
    room = call.state.room(call.path["room_id"])
    validate.start(call.body)
    run = call.body.get("job_run_config") or {}
    single = run.get("single_job_in_room") and call.state.options.enforce_single_job
    if single and _running(call, room.id):
        raise errors.job_running()
    job = call.state.start(room, call.body)
    return Reply(
        {
            "job_id": job.job_id,
            "rtc_room_info": rtc_room(job.job_id, room.id, job.created_s),
            "live_event_report_url": report_url(call, job),
            "live_event_callback_config": job.setting("live_event_callback_config"),
            "live_warning_info": warnings(room.body),
            "limit_duration": (job.policy.get("live_exit_config") or {}).get("max_live_duration", 0),
        },
        202,
    )


def list_jobs(call: Call) -> Reply:
    """GET …/smart-live-rooms/{room_id}/smart-live-jobs (S4 6.2.2)."""
    room = call.state.room(call.path["room_id"])
    return _jobs(call, [job for job in call.state.jobs.values() if job.room_id == room.id])


def list_all_jobs(call: Call) -> Reply:
    """GET /smart-live-jobs of the tenant (S4 6.2.6)."""
    return _jobs(
        call, [job for job in call.state.jobs.values() if paging.like(call.query, "room_name", _name(job))]
    )


def show_job(call: Call) -> Reply:
    """GET …/smart-live-jobs/{job_id} (S4 6.2.3): the way to a fresh report URL."""
    return Reply(detail(call, find(call)))


def stop(call: Call) -> Reply:
    """POST …/smart-live-jobs/{job_id}/stop (S4 6.2.4)."""
    job = find(call)
    if job.over:
        raise errors.job_finished()
    call.state.touch(job, job.end(call.state.clock()))
    return Reply({})


def list_insert_commands(call: Call) -> Reply:
    """GET …/command/insert-commands: what was inserted and has not begun (SDK: InsertCommandItem)."""
    job = running(call)
    unplayed = [] if job.voice is None else job.voice.unplayed()
    items = [
        {"command_id": item.command_id, "command": item.command, "params": item.params, "source": "EXTERNAL"}
        for item in unplayed
    ]
    return Reply({"count": len(items), "insert_commands": paging.page(call.query, items)})


def show_live_warning(call: Call) -> Reply:
    """GET …/live-warning-info: what is thin about a room before it goes live (SDK: LiveWarningItem)."""
    room = call.state.room(call.path["room_id"])
    leave = (room.body.get("play_policy") or {}).get("live_exit_config") or {}
    return Reply(
        {"live_warning_info": warnings(room.body), "limit_duration": leave.get("max_live_duration", 0)}
    )


def find(call: Call) -> LiveJob:
    """The job of the path, brought up to now."""
    job = call.state.jobs.get(call.path["job_id"])
    if job is None or job.room_id != call.path["room_id"]:
        raise errors.job_not_found()
    call.state.touch(job)
    return job


def running(call: Call) -> LiveJob:
    """The job of the path if it is PROCESSING."""
    job = find(call)
    if job.state != PROCESSING:
        raise errors.job_not_running(job.job_id, job.state)
    return job


def report_url(call: Call, job: LiveJob) -> str:
    """A report URL with a key that holds for `report_key_ttl_s` from now (S4 6.2.7)."""
    state = call.state
    expires_ms = int((state.clock() + state.options.report_key_ttl_s) * 1000)
    key = report_key(state.identity.report_secret, job.job_id, expires_ms)
    path = f"/v1/{state.identity.project_id}/smart-live-rooms/{job.room_id}/smart-live-jobs/{job.job_id}"
    query = urlencode({"auth_key": key, "expires_time": expires_ms})
    return f"{call.base_url}{path}/live-event-report?{query}"


def warnings(room: dict[str, Any]) -> list[dict[str, str]]:
    """The vendor's warnings that can be told from the configuration (S4 6.2.1, table 6-267)."""
    script = parse(room.get("scene_scripts") or [])
    policy = room.get("play_policy") or {}
    danmaku = [rule for rule in room.get("interaction_rules") or [] if rule.get("event_type") == 1]
    found = {
        "TOO_LESS_SCRIPT_ITEMS": len(script.segments) < FEW_SEGMENTS,
        "TOO_SHORT_SCRIPT_TIME": sum(segment.seconds for segment in script.segments) < SHORT_SCRIPT_S,
        "TOO_LESS_DANMAKU_RULES": len(danmaku) < FEW_RULES,
        "RANDOM_PLAY_CLOSED": policy.get("random_play_mode") == "NONE",
        "ROTATION_MODEL_CLOSED": not room.get("backup_model_asset_ids"),
    }
    return [{"warning_type": name} for name, holds in found.items() if holds]


def rtc_room(job_id: str, room_id: str, at_s: float) -> dict[str, Any]:
    """An RTC room nobody can join: the sandbox has no video."""
    digest = hashlib.sha256(job_id.encode()).hexdigest()
    user = {"user_type": "PLAYER", "user_id": digest[:32], "signature": digest, "ctime": int(at_s) + 86_400}
    return {"app_id": "sandbox", "room_id": room_id, "users": [user]}


def detail(call: Call, job: LiveJob) -> dict[str, Any]:
    """The SmartLiveJob of S4 6.2.3, table 6-292; absent fields are left out."""
    duration = 0.0 if job.started_s is None else (job.ended_s or call.state.clock()) - job.started_s
    over = job.over and not call.ends_hidden
    body: dict[str, Any] = {
        "job_id": job.job_id,
        "room_id": job.room_id,
        "room_name": _name(job),
        "state": _state(call, job),
        "duration": round(duration, 3),
        "start_time": None if job.started_s is None else rfc3339(job.started_s),
        "end_time": rfc3339(job.ended_s) if over and job.ended_s is not None else None,
        "error_info": (job.error or None) if over else None,
        "create_time": rfc3339(job.created_s),
        "lastupdate_time": rfc3339(job.updated_s),
        "rtc_room_info": rtc_room(job.job_id, job.room_id, job.created_s),
        "live_event_report_url": report_url(call, job),
        "live_event_callback_config": job.setting("live_event_callback_config"),
        "rtc_callback_config": job.setting("rtc_callback_config"),
        "stream_duration": round(duration, 3) if job.outputs else 0.0,
        "co_streamer_config": job.setting("co_streamer_config"),
        "relation_live_platform_info": job.room.get("relation_live_platform_info"),
    }
    return {name: value for name, value in body.items() if value is not None}


def end(state: State, job_id: str, outcome: str, error: ApiError | None) -> None:
    """Ends a job from outside, as the cloud does when it fails or blocks one."""
    job = state.jobs[job_id]
    info = {} if error is None else {"error_code": error.code, "error_msg": error.message}
    state.touch(job, [*job.advance(state.clock()), *job.end(state.clock(), outcome, info)])


def _jobs(call: Call, jobs: list[LiveJob]) -> Reply:
    for job in jobs:
        call.state.touch(job)
    kept = [
        job
        for job in jobs
        if paging.chosen(call.query, "state", _state(call, job)) and paging.within(call.query, job.created_s)
    ]
    by_update = call.query.get("sort_key") == "update_time"
    kept.sort(
        key=lambda job: job.updated_s if by_update else job.created_s, reverse=paging.descending(call.query)
    )
    shown = [detail(call, job) for job in paging.page(call.query, kept)]
    return Reply({"count": len(kept), "smart_live_jobs": shown})


def _running(call: Call, room_id: str) -> bool:
    jobs = call.state.running(room_id)
    for job in jobs:
        call.state.touch(job)
    return any(not job.over for job in jobs)


def _state(call: Call, job: LiveJob) -> str:
    return PROCESSING if job.over and call.ends_hidden else job.state


def _name(job: LiveJob) -> str:
    return str(job.room.get("room_name", ""))
