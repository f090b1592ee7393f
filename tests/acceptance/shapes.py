"""The vendor's documented shapes (S3; S4 6.2, 12.5): a job, and what may stand in a request's body."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

OVER = frozenset({"SUCCEED", "FAILED", "BLOCKED"})
START_KEYS = frozenset(
    {
        "video_config",
        "play_policy",
        "output_urls",
        "stream_keys",
        "interaction_callback_url",
        "live_event_callback_config",
        "rtc_callback_config",
        "view_mode",
        "co_streamer_config",
        "job_run_config",
    }
)
CALLBACK_KEYS = frozenset({"live_event_type_callback_url", "auth_type", "key", "callback_event_type"})
CALLBACK_EVENTS = frozenset({"SHOOT_SCRIPT_SWITCH", "RTMP_STREAM_STATE_CHANGE", "REPLY_COMMAND_FINISH"})
INSERT_KEYS = frozenset({"text_config", "play_type", "play_role", "rule_index"})
AUDIO_KEYS = frozenset({"audio_url", "play_type", "play_role", "rule_index"})
PLAY_TYPES = frozenset({"APPEND", "INSERT", "PLAY_NOW"})
ROLES = frozenset({"STREAMER", "CO_STREAMER"})


@dataclass
class RunningJob:
    """A live job: WAITING, then PROCESSING, until somebody or something ends it."""

    job_id: str
    room_id: str
    body: dict[str, Any]
    created_s: float
    waiting_s: float = 0.2
    ended: str = ""
    error_code: str = ""
    report_key: str = field(default_factory=lambda: secrets.token_hex(16))
    report_url_until_s: float = 0

    @property
    def state(self) -> str:
        if self.ended:
            return self.ended
        return "WAITING" if time.time() < self.created_s + self.waiting_s else "PROCESSING"

    @property
    def over(self) -> bool:
        return self.ended in OVER

    def end(self, state: str, error_code: str = "") -> None:
        self.ended, self.error_code = state, error_code

    def url_fault(self, query: Mapping[str, str], refreshable_s: float) -> str:
        """The code that a report URL with this query is refused with (S4 6.2.7)."""
        if "auth_key" not in query:
            return ""
        if query["auth_key"] != self.report_key:
            return "MSS.20010039"
        over_s = time.time() - int(query["expires_time"]) / 1000
        if over_s > refreshable_s:
            return "MSS.20010077"
        return "MSS.20010054" if over_s > 0 and query.get("refresh_url") != "true" else ""

    def shown(self, report_url: str) -> dict[str, Any]:
        """SmartLiveJob (S4 6.2.3); of a list without `report_url`, nor how it calls back."""
        created = datetime.fromtimestamp(self.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found: dict[str, Any] = {
            "job_id": self.job_id,
            "room_id": self.room_id,
            "room_name": "验收直播间",
            "state": self.state,
            "duration": 0.0,
            "create_time": created,
            "start_time": created,
            "lastupdate_time": created,
            "a_field_of_next_year": {"nested": [1]},
        }
        if report_url:
            found["live_event_report_url"] = report_url
            found["live_event_callback_config"] = self.body.get("live_event_callback_config")
        if self.error_code:
            found["error_info"] = {"error_code": self.error_code, "error_msg": "as the test wants it"}
        return found


def room_shown(room_id: str, speed: int) -> dict[str, Any]:
    """SmartLiveRoom, as far as anybody looks (S4 6.1.3)."""
    voice = {"voice_asset_id": "a5d295cd", "speed": speed, "pitch": 100, "volume": 140}
    scene = {"script_id": "s1", "script_name": "场景一", "voice_config": voice, "shoot_scripts": []}
    return {"room_id": room_id, "room_name": "验收直播间", "scene_scripts": [scene]}


def shape_of_start(body: Mapping[str, Any]) -> list[str]:
    """What no start body may have (S3, tables 3 to 8)."""
    found = [f"start: unknown key {key}" for key in body.keys() - START_KEYS]
    found += [f"start: {len(body[key])} {key}" for key in ("output_urls", "stream_keys") if _many(body, key)]
    callback = body.get("live_event_callback_config", {})
    found += [f"start: unknown callback key {key}" for key in callback.keys() - CALLBACK_KEYS]
    if not set(callback.get("callback_event_type", ())) <= CALLBACK_EVENTS:
        found.append(f"start: callback_event_type {callback['callback_event_type']}")
    if len(callback.get("key", "")) > 32:
        found.append("start: the callback key is longer than 32")
    return found


def _many(body: Mapping[str, Any], key: str) -> bool:
    return len(body.get(key, ())) > 1


def shape_of_command(body: Mapping[str, Any]) -> list[str]:
    """What no command may have (S4 6.2.5, 12.5)."""
    found = [f"command: unknown key {key}" for key in body.keys() - {"command", "params", "review_config"}]
    params = body.get("params") or {}
    match body.get("command"):
        case "INSERT_PLAY_SCRIPT":
            found += [f"insert: unknown key {key}" for key in params.keys() - INSERT_KEYS]
            found += _shape_of_insert(params)
            if not 1 <= len(params.get("text_config", {}).get("text", "")) <= 131_072:
                found.append("insert: the text is empty or too long")
        case "INSERT_PLAY_AUDIO":
            found += [f"audio: unknown key {key}" for key in params.keys() - AUDIO_KEYS]
            found += _shape_of_insert(params)
        case "SHOW_LAYER":
            pass
        case "CLEAN_UP_INSERT_COMMAND":
            ids = params.get("command_ids")
            if not isinstance(ids, list) or not 1 <= len(ids) <= 100:
                # None given means: all that is not played yet, other people's inserts too.
                found.append(f"clean up: command_ids {ids!r}")
        case other:
            found.append(f"command: {other!r} is none a rule may lead to")
    return found


def _shape_of_insert(params: Mapping[str, Any]) -> list[str]:
    found = []
    if params.get("play_type") not in PLAY_TYPES:
        found.append(f"insert: play_type {params.get('play_type')!r}")
    if params.get("play_role") not in ROLES:
        found.append(f"insert: play_role {params.get('play_role')!r}")
    if not 1 <= len(params.get("rule_index", "")) <= 64:
        found.append(f"insert: rule_index {params.get('rule_index')!r}")
    return found


def shape_of_report(body: Mapping[str, Any]) -> list[str]:
    """What no report may have (S4 6.2.7)."""
    events = body.get("events", [])
    found = [f"report: unknown key {key}" for key in body.keys() - {"total", "events", "review_config"}]
    if body.get("total") != len(events) or not 1 <= len(events) <= 1000:
        found.append(f"report: total {body.get('total')} of {len(events)} events")
    return found + [f"report: event {event}" for event in events if not _is_event(event)]


def _is_event(event: Mapping[str, Any]) -> bool:
    try:
        content = json.loads(event["content"])
    except (KeyError, TypeError, ValueError):
        return False
    stamp, kind = event.get("timestamp"), event.get("type")
    return isinstance(content, dict) and type(stamp) is int and type(kind) is int
