"""Live rooms and rule groups (S4 6.1)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from livecue.sandbox import errors, fields, paging, validate
from livecue.sandbox.errors import invalid
from livecue.sandbox.http import Call, Reply
from livecue.sandbox.jobs import LiveJob
from livecue.sandbox.state import Entry, rfc3339


def create_room(call: Call) -> Reply:
    """POST /smart-live-rooms (S4 6.1.1)."""
    validate.room(call.body)
    _name_free(call, "")
    return Reply({"room_id": call.state.add(call.state.rooms, call.body).id})


def list_rooms(call: Call) -> Reply:
    """GET /smart-live-rooms (S4 6.1.2): by name, type, state and time of the last job."""
    last = {job.room_id: job for job in call.state.jobs.values()}
    for job in last.values():
        call.state.touch(job)
    kept = [room for room in call.state.rooms.values() if _wanted(call, room, last.get(room.id))]
    shown = [_summary(call, room, last.get(room.id)) for room in paging.page(call.query, kept)]
    return Reply({"count": len(kept), "smart_live_rooms": shown})


def show_room(call: Call) -> Reply:
    """GET /smart-live-rooms/{room_id} (S4 6.1.3)."""
    return Reply(_detail(call.state.room(call.path["room_id"])))


def update_room(call: Call) -> Reply:
    """PUT /smart-live-rooms/{room_id} (S4 6.1.4): the body replaces the room's; a running job keeps its own."""
    room = call.state.room(call.path["room_id"])
    validate.room(call.body)
    _name_free(call, room.id)
    room.body, room.updated_s = dict(call.body), call.state.clock()
    return Reply(_detail(room))


def delete_room(call: Call) -> Reply:
    """DELETE /smart-live-rooms/{room_id} (S4 6.1.5)."""
    room_id = call.path["room_id"]
    if room_id not in call.state.rooms:
        raise errors.room_not_found()
    call.state.tick()
    if call.state.running(room_id):
        raise errors.job_running()
    del call.state.rooms[room_id]
    return Reply({})


def create_rule_group(call: Call) -> Reply:
    """POST /smart-live-interaction-rule-groups (S4 6.1.6)."""
    _check_group(call, "")
    return Reply({"group_id": call.state.add(call.state.rule_groups, _with_ids(call)).id})


def list_rule_groups(call: Call) -> Reply:
    """GET /smart-live-interaction-rule-groups (S4 6.1.7)."""
    kept = [
        group
        for group in call.state.rule_groups.values()
        if paging.like(call.query, "group_name", group.body.get("group_name"))
        and paging.within(call.query, group.created_s)
    ]
    shown = [_group(group) for group in paging.page(call.query, kept)]
    return Reply({"count": len(kept), "interaction_rule_groups": shown})


def update_rule_group(call: Call) -> Reply:
    """PUT /smart-live-interaction-rule-groups/{group_id} (S4 6.1.8)."""
    group = call.state.rule_groups.get(call.path["group_id"])
    if group is None:
        raise errors.rule_group_not_found()
    _check_group(call, group.id)
    group.body, group.updated_s = _with_ids(call), call.state.clock()
    return Reply(_group(group))


def delete_rule_group(call: Call) -> Reply:
    """DELETE /smart-live-interaction-rule-groups/{group_id} (S4 6.1.9)."""
    if call.state.rule_groups.pop(call.path["group_id"], None) is None:
        raise errors.rule_group_not_found()
    return Reply({})


def _name_free(call: Call, own_id: str) -> None:
    name = call.body["room_name"]
    if any(room.body.get("room_name") == name and room.id != own_id for room in call.state.rooms.values()):
        raise errors.room_name_taken()


def _wanted(call: Call, room: Entry, job: LiveJob | None) -> bool:
    kind = room.body.get("room_type") or "NORMAL"
    state = "NULL" if job is None else job.state
    # The filter says SUCCESS where the job says SUCCEED (S4 6.1.2).
    asked = call.query.get("live_state", "").replace("SUCCESS", "SUCCEED")
    timed = call.query.get("start_time") or call.query.get("end_time")
    return (
        paging.like(call.query, "room_name", room.body.get("room_name"))
        and paging.chosen(call.query, "room_type", kind)
        and paging.chosen({"live_state": asked}, "live_state", state)
        and (
            not timed
            or (job is not None and paging.within(call.query, job.created_s, "start_time", "end_time"))
        )
    )


def _summary(call: Call, room: Entry, job: LiveJob | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "room_id": room.id,
        "project_id": call.state.identity.project_id,
        "room_name": room.body.get("room_name"),
        "room_type": room.body.get("room_type") or "NORMAL",
        "room_state": "ENABLE",
        "view_mode": room.body.get("view_mode") or "VERTICAL",
        "room_description": room.body.get("room_description"),
        "priv_data": room.body.get("priv_data"),
        "create_time": rfc3339(room.created_s),
        "update_time": rfc3339(room.updated_s),
    }
    if job is not None:
        body["last_job_status"] = job.state
        body["last_job_start_time"] = rfc3339(job.started_s or job.created_s)
        body["last_job_end_time"] = None if job.ended_s is None else rfc3339(job.ended_s)
    return {name: value for name, value in body.items() if value is not None}


def _detail(room: Entry) -> dict[str, Any]:
    return {
        "room_type": "NORMAL",
        **room.body,
        "room_id": room.id,
        "room_state": "ENABLE",
        "create_time": rfc3339(room.created_s),
        "update_time": rfc3339(room.updated_s),
    }


def _check_group(call: Call, own_id: str) -> None:
    name = fields.text(call.body, "group_name", 256, shortest=1, required=True)
    validate.rules(call.body)
    groups = call.state.rule_groups.values()
    if any(group.body.get("group_name") == name and group.id != own_id for group in groups):
        raise errors.rule_group_name_taken()


def _with_ids(call: Call) -> dict[str, Any]:
    rules = call.body.get("interaction_rules") or []
    indexes = [rule["rule_index"] for rule in rules if rule.get("rule_index")]
    if len(indexes) != len(set(indexes)):
        raise invalid("interaction_rules: every rule_index must be unique")
    return {
        **call.body,
        "interaction_rules": [{"rule_id": uuid4().hex, "enabled": True, **rule} for rule in rules],
    }


def _group(group: Entry) -> dict[str, Any]:
    times = {"create_time": rfc3339(group.created_s), "update_time": rfc3339(group.updated_s)}
    return {"group_id": group.id, **group.body, **times}
