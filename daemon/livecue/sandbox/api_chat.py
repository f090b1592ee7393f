"""Smart-chat rooms and jobs (S2, S0, S1, S4 7.1.1, 7.1.2)."""

from __future__ import annotations

from typing import Any

from livecue.sandbox import errors, fields, paging
from livecue.sandbox.api_live import rtc_room
from livecue.sandbox.chat_jobs import ChatJob
from livecue.sandbox.fields import Body
from livecue.sandbox.http import Call, Reply
from livecue.sandbox.state import Entry, rfc3339


def create_chat_room(call: Call) -> Reply:
    """POST /smart-chat-rooms (S2)."""
    _check_room(call, "")
    return Reply({"room_id": call.state.add(call.state.chat_rooms, call.body).id})


def list_chat_rooms(call: Call) -> Reply:
    """GET /smart-chat-rooms (S4 7.1.1.2)."""
    rooms = call.state.chat_rooms.values()
    kept = [room for room in rooms if paging.like(call.query, "room_name", room.body.get("room_name"))]
    shown = [_room(room) for room in paging.page(call.query, kept)]
    return Reply({"count": len(kept), "smart_chat_rooms": shown})


def show_chat_room(call: Call) -> Reply:
    """GET /smart-chat-rooms/{room_id} (S4 7.1.1.3)."""
    return Reply(_room(_find_room(call)))


def update_chat_room(call: Call) -> Reply:
    """PUT /smart-chat-rooms/{room_id} (S4 7.1.1.4)."""
    room = _find_room(call)
    _check_room(call, room.id)
    room.body, room.updated_s = dict(call.body), call.state.clock()
    return Reply(_room(room))


def delete_chat_room(call: Call) -> Reply:
    """DELETE /smart-chat-rooms/{room_id} (S4 7.1.1.5)."""
    del call.state.chat_rooms[_find_room(call).id]
    return Reply({})


def start_chat_job(call: Call) -> Reply:
    """POST …/smart-chat-jobs?robot_id= (S0) → 200. More at once than `concurrency` is refused."""
    room = _find_room(call)
    robot_id = call.query.get("robot_id") or ""
    if not robot_id:
        robot_id = str(room.body.get("robot_id") or "")
    now = call.state.clock()
    jobs = [job for job in call.state.chat_jobs.values() if job.room_id == room.id and not job.over(now)]
    most = room.body.get("concurrency")
    if isinstance(most, int) and 0 < most <= len(jobs):
        raise errors.chat_full()
    job = call.state.start_chat(room.id, robot_id)
    secret = {"rtc_room_info": rtc_room(job.job_id, room.id, job.created_s)}
    where = {"region": call.state.options.region, "chat_access_rest_address": "127.0.0.1:8443"}
    return Reply({"job_id": job.job_id, **_settings(room.body), **_link(room.body), **where, **secret})


def list_chat_jobs(call: Call) -> Reply:
    """GET …/smart-chat-jobs, by state: in the vendor's SDK (ListSmartChatJob), not in S4."""
    room = _find_room(call)
    jobs = [job for job in call.state.chat_jobs.values() if job.room_id == room.id]
    kept = [job for job in jobs if paging.chosen(call.query, "state", _state(call, job))]
    shown = [_job(call, job, room.body) for job in paging.page(call.query, kept)]
    return Reply({"count": len(kept), "smart_chat_jobs": shown})


def show_chat_job(call: Call) -> Reply:
    """GET …/smart-chat-jobs/{job_id}/state (S1)."""
    job = _find_job(call)
    room = call.state.chat_rooms.get(job.room_id)
    body = room.body if room else {}
    secret = {"rtc_room_info": rtc_room(job.job_id, job.room_id, job.created_s)}
    link = {"chat_state": job.chat_state(call.state.clock()), **_link(body)}
    return Reply(_job(call, job, body) | link | secret)


def stop_chat_job(call: Call) -> Reply:
    """POST …/smart-chat-jobs/{job_id}/stop (S4 7.1.2.3)."""
    job = _find_job(call)
    if job.over(call.state.clock()):
        raise errors.chat_job_stopped()
    job.stop(call.state.clock())
    return Reply({})


def _check_room(call: Call, own_id: str) -> None:
    name = fields.text(call.body, "room_name", 256, shortest=1, required=True)
    fields.text(call.body, "room_description", 1024)
    fields.text(call.body, "robot_id", 64)
    fields.integer(call.body, "concurrency", 0, 1024)
    fields.section(call.body, "video_config")
    rooms = call.state.chat_rooms.values()
    if any(room.body.get("room_name") == name and room.id != own_id for room in rooms):
        raise errors.chat_room_name_taken()


def _find_room(call: Call) -> Entry:
    room_id = call.path["room_id"]
    room = call.state.chat_rooms.get(room_id)
    if room is None and call.state.options.any_room:
        room = call.state.add(call.state.chat_rooms, {"room_name": f"sandbox {room_id}"}, room_id)
    if room is None:
        raise errors.chat_room_not_found()
    return room


def _find_job(call: Call) -> ChatJob:
    job = call.state.chat_jobs.get(call.path["job_id"])
    if job is None or job.room_id != call.path["room_id"]:
        raise errors.chat_job_not_found()
    return job


def _state(call: Call, job: ChatJob) -> str:
    return job.state(call.state.clock(), ends_hidden=call.ends_hidden)


def _room(room: Entry) -> dict[str, Any]:
    times = {"create_time": rfc3339(room.created_s), "update_time": rfc3339(room.updated_s)}
    return {**room.body, "room_id": room.id, **times}


def _settings(room: Body) -> dict[str, Any]:
    video = room.get("video_config") or {}
    return {
        "chat_subtitle_config": room.get("chat_subtitle_config")
        or {"dx": 0, "dy": 0, "width": 1080, "height": 200},
        "video_config": {"width": video.get("width", 1080), "height": video.get("height", 1920)},
    }


def _link(room: Body) -> dict[str, Any]:
    """Where a terminal would connect to, and the language; a list does not tell."""
    return {"chat_access_address": "127.0.0.1:443", "language": room.get("default_language") or "CN"}


def _job(call: Call, job: ChatJob, room: Body) -> dict[str, Any]:
    state, started_s = _state(call, job), job.started_s
    over = job.ended_s is not None and not call.ends_hidden
    now = call.state.clock() if job.ended_s is None or not over else job.ended_s
    body: dict[str, Any] = {
        "job_id": job.job_id,
        "state": state,
        "duration": round(max(0.0, now - started_s), 3),
        "start_time": None if state == "WAITING" else rfc3339(min(started_s, now)),
        "end_time": rfc3339(now) if over else None,
        "error_info": (job.error or None) if over else None,
        "create_time": rfc3339(job.created_s),
        "lastupdate_time": rfc3339(now),
        **_settings(room),
    }
    return {name: value for name, value in body.items() if value is not None}
