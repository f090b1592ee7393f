"""The few bodies of MetaStudio that livecue reads and writes (S3, S4 6.2.1-6.2.7, 12.5).

Reading is tolerant: unknown fields and enum values are kept or passed over, numbers may arrive as
strings. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from livecue.domain import ChatLink, Cue, CueKind, Job, JobState, ReportedEvent

CALLBACK_CONFIG: Final = "live_event_callback_config"
CALLBACK_EVENTS: Final = ("SHOOT_SCRIPT_SWITCH", "RTMP_STREAM_STATE_CHANGE", "REPLY_COMMAND_FINISH")
MAX_EVENTS: Final = 1000
MAX_WITHDRAWN: Final = 100
_MARKUP: Final = re.compile(r"<[^>]*>")


def job_from_json(data: Mapping[str, Any]) -> Job:
    """Read a job from a start, list or show answer (S4 6.2.1-6.2.3); a just started one is WAITING.

    Raises:
        ValueError: there is no job_id.
    """
    job_id = _text(data.get("job_id"))
    if not job_id:
        raise ValueError("the answer names no job_id")
    problem = data.get("error_info")
    info: Mapping[str, Any] = problem if isinstance(problem, Mapping) else {}
    return Job(
        job_id=job_id,
        state=_text(data.get("state")) or JobState.WAITING,
        report_url=_text(data.get("live_event_report_url")),
        created_ms=_time_ms(data.get("create_time")),
        error_code=_text(info.get("error_code")),
        error_text=_text(info.get("error_msg")) or _text(data.get("block_reason")),
        limit_h=_hours(data.get("limit_duration")),
    )


@dataclass(frozen=True)
class ShownCallback:
    """Where and how a job calls back (S4 6.2.3, table 6-296). URL and key are secrets; empty is what was not shown."""

    url: str = field(repr=False)
    auth_type: str
    key: str = field(repr=False)
    events: tuple[str, ...]


def callback_from_json(data: Mapping[str, Any]) -> ShownCallback:
    """Read what a show answer says of the job's callbacks; without any, all of it is empty."""
    config = data.get(CALLBACK_CONFIG)
    given: Mapping[str, Any] = config if isinstance(config, Mapping) else {}
    events = given.get("callback_event_type")
    return ShownCallback(
        _text(given.get("live_event_type_callback_url")),
        _text(given.get("auth_type")),
        _text(given.get("key")),
        tuple(_text(one) for one in events) if isinstance(events, list) else (),
    )


def chat_job_from_json(data: Mapping[str, Any]) -> Job:
    """Read a smart-chat job from a start, list or show answer (S0, S1). `rtc_room_info` is passed over: secrets.

    Raises:
        ValueError: there is no job_id.
    """
    state = _text(data.get("chat_state"))
    link = ChatLink(
        state=int(state) if state.isdecimal() else None,
        language=_text(data.get("language")) or _text(data.get("default_language")),
        address=_address(data.get("chat_access_address")),
        rest_address=_address(data.get("chat_access_rest_address")),
    )
    return msgspec.structs.replace(job_from_json(data), chat=link)


def _address(value: object) -> str:
    """Host and port, or a URL without its query, which may hold a key: it is told to everybody."""
    return re.split(r"[?#]", _text(value), maxsplit=1)[0]


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, (Mapping, list)) else str(value).strip()


def _hours(value: object) -> int:
    text = _text(value)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 4 else 0


def _time_ms(value: object) -> int | None:
    """RFC 3339, or a number of milliseconds (as the report URL's expires_time is)."""
    text = _text(value)
    if text.isdecimal():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def count_of(data: Mapping[str, Any]) -> int | None:
    """The `count` of a list answer, the total over all pages; None if it says nothing readable."""
    text = _text(data.get("count"))
    return int(text) if text.isdecimal() else None


def start_body(
    start: Mapping[str, Any], *, callback_url: str = "", auth_type: str = "NONE", key: str = ""
) -> dict[str, Any]:
    """Build the body of a start (S3): the user's own fields, our callback, one job per room.

    `callback_url` empty: no callback is asked for. A `live_event_callback_config` of the user's own
    wins over ours. `single_job_in_room` is always true: livecue relies on it to find a running job.
    """
    body = dict(start)
    if callback_url and not body.get(CALLBACK_CONFIG):
        config: dict[str, Any] = {"live_event_type_callback_url": callback_url, "auth_type": auth_type}
        if key:
            config["key"] = key
        body[CALLBACK_CONFIG] = config | {"callback_event_type": list(CALLBACK_EVENTS)}
    run = body.get("job_run_config")
    body["job_run_config"] = {**(run if isinstance(run, Mapping) else {}), "single_job_in_room": True}
    return body


def script_of(room: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The spoken text of each segment by (scene, sequence_no) and by (scene, title); markup left out."""
    found: dict[tuple[str, str], str] = {}
    for scene in _rows(room.get("scene_scripts")):
        name = _text(scene.get("script_name"))
        for segment in _rows(scene.get("shoot_scripts")):
            config = segment.get("text_config")
            text = _text(config.get("text")) if isinstance(config, Mapping) else ""
            spoken = _MARKUP.sub("", text) if text.lstrip().lower().startswith("<speak") else text
            for key in (_text(segment.get("title")), _text(segment.get("sequence_no"))):
                if key and spoken:
                    found[name, key] = spoken
    return found


def voice_speed_of(room: Mapping[str, Any]) -> int | None:
    """The speed of the room's voice, 50 to 200 (S4 6.1.1); of several scenes' the slowest, None if unsaid."""
    configs = [scene.get("voice_config") for scene in _rows(room.get("scene_scripts"))]
    speeds = [_text(config.get("speed")) for config in configs if isinstance(config, Mapping)]
    told = [int(speed) for speed in speeds if speed.isdecimal() and 50 <= int(speed) <= 200]
    return min(told, default=None)


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def command_body(cue: Cue) -> dict[str, Any]:
    """Build the command of one cue (S4 12.5). `play_type` and `rule_index` always go along.

    The rule's `review_config` stands beside `params` (S4 6.2.5, table 6-313), if it has one.
    """
    how = {"play_type": cue.play_type, "play_role": cue.play_role, "rule_index": cue.rule_index}
    params: dict[str, Any]
    match cue.kind:
        case CueKind.SPEAK:
            command, params = "INSERT_PLAY_SCRIPT", {"text_config": {"text": cue.text}, **how}
        case CueKind.PLAY_AUDIO:
            command, params = "INSERT_PLAY_AUDIO", {"audio_url": cue.audio_url, **how}
        case CueKind.SHOW_LAYER:
            command, params = "SHOW_LAYER", dict(cue.layer or {})
    body: dict[str, Any] = {"command": command, "params": params}
    return body if cue.review_config is None else body | {"review_config": dict(cue.review_config)}


def clean_up_body(command_ids: Collection[str]) -> dict[str, Any]:
    """Build the command that takes back 1 to 100 unplayed inserts (S4 12.5, table 12-8).

    Raises:
        ValueError: none, which would clean up every insert of the job, or too many.
    """
    if not 1 <= len(command_ids) <= MAX_WITHDRAWN:
        raise ValueError(f"1 to {MAX_WITHDRAWN} commands can be withdrawn at once, not {len(command_ids)}")
    return {"command": "CLEAN_UP_INSERT_COMMAND", "params": {"command_ids": list(command_ids)}}


def report_body(events: Sequence[ReportedEvent]) -> dict[str, Any]:
    """Build the body of live-event-report (S4 6.2.7), for 1 to 1000 events of one job.

    Raises:
        ValueError: none or too many events.
    """
    if not 1 <= len(events) <= MAX_EVENTS:
        raise ValueError(f"a report takes 1 to {MAX_EVENTS} events, not {len(events)}")
    rows = [{"timestamp": event.timestamp, "type": event.type, "content": event.content} for event in events]
    return {"total": len(rows), "events": rows}
