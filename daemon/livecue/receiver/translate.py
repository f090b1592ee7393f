"""MetaStudio's live callbacks (S3, table 8) as signals. Pure.

A body is `{"event_type", "message"}`, the message a JSON object or one more JSON text with an object
in it. Numbers may come as text. The documentation's own sample of REPLY_COMMAND_FINISH is broken JSON
(one quote is not escaped); because a cloud may well send what its documentation shows, that one event
is also read from such text.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from livecue.domain import SignalKind

_LONGEST = 1024
_BROKEN_FIELD = r'\\*"{}\s*\\*"\s*:\s*\\*"\s*([\w.:-]+)'
_SECRETS = re.compile(
    rb'((?:stream_?keys?|output_?urls?|hw_?secret|auth_?key|token)\s*\\*"\s*:\s*)'
    rb'(?:\[[^\]]*|\\*"(?:[^"\\]|\\+[^"\\])*|[^\s,}\]"]+)',
    re.IGNORECASE,
)


class Callback(msgspec.Struct, frozen=True):
    """One callback, understood. `room_id` is empty if the cloud left it out; `data` holds no secret."""

    kind: SignalKind
    room_id: str
    data: dict[str, Any]


class UnknownEvent(msgspec.Struct, frozen=True):
    """A callback of a type this version does not know; to be counted and answered, not refused."""

    event_type: str


class UnreadableError(Exception):
    """A verified callback that makes no sense; the text says why, without quoting it.

    Remedy: see the room's dead letters; if MetaStudio has changed its format, update livecue.
    """


def translate(body: bytes) -> Callback | UnknownEvent:
    """Read one callback.

    Raises:
        UnreadableError: not JSON, not an object, or a field of a known event is missing.
    """
    try:
        outer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _broken_reply(body)
    if not isinstance(outer, dict) or not isinstance(outer.get("event_type"), str):
        raise UnreadableError("event_type is missing")
    event_type = outer["event_type"]
    reader = _READERS.get(event_type)
    if reader is None:
        return UnknownEvent(event_type[:64])
    message = outer.get("message")
    if isinstance(message, str):
        try:
            message = msgspec.json.decode(message)
        except msgspec.DecodeError:
            return _broken_reply(body)
    if not isinstance(message, dict):
        raise UnreadableError("message is not an object")
    return reader(message)


def scrubbed(body: bytes) -> bytes:
    """The same text without the values of stream keys, output URLs and other secrets, however it is broken."""
    return _SECRETS.sub(rb'\1"***', body)


def _script_switch(message: dict[str, Any]) -> Callback:
    data = {
        "job_id": _text(message, "job_id"),
        "scene": _text(message, "scene_script_name", required=False),
        "sequence_no": _number(message, "shoot_script_sequence_no"),
        "title": _text(message, "shoot_script_title", required=False),
    }
    for field in ("product_id", "product_title", "live_id"):
        if value := _text(message, field, required=False):
            data[field] = value
    return Callback(SignalKind.SCRIPT_SWITCH, _text(message, "room_id", required=False), data)


def _rtmp_state(message: dict[str, Any]) -> Callback:
    data = {
        "job_id": _text(message, "job_id"),
        "state": _text(message, "state"),
        "output_host": _host(_text(message, "output_url", required=False)),
    }
    return Callback(SignalKind.RTMP_STATE, _text(message, "room_id", required=False), data)


def _reply_finished(message: dict[str, Any]) -> Callback:
    data = {"job_id": _text(message, "job_id"), "reply_id": _text(message, "reply_id")}
    return Callback(SignalKind.REPLY_FINISHED, _text(message, "room_id", required=False), data)


_READERS = {
    "SHOOT_SCRIPT_SWITCH": _script_switch,
    "RTMP_STREAM_STATE_CHANGE": _rtmp_state,
    "REPLY_COMMAND_FINISH": _reply_finished,
}
EVENT_TYPES = frozenset(_READERS)
"""The types of callbacks that are understood, and asked for at a start."""


def _broken_reply(body: bytes) -> Callback:
    """REPLY_COMMAND_FINISH as the documentation prints it."""
    text = body.decode("utf-8", "replace")
    fields = {field: _broken_field(text, field) for field in ("event_type", "room_id", "job_id", "reply_id")}
    if fields["event_type"] != "REPLY_COMMAND_FINISH":
        raise UnreadableError("not JSON")
    return _reply_finished(fields)


def _broken_field(text: str, field: str) -> str:
    values = set(re.findall(_BROKEN_FIELD.format(field), text))
    return str(values.pop()) if len(values) == 1 else ""


def _text(message: dict[str, Any], field: str, *, required: bool = True) -> str:
    value = message.get(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise UnreadableError(f"{field} is missing or not text")
    if len(value) > _LONGEST:
        raise UnreadableError(f"{field} is longer than {_LONGEST}")
    return value


def _number(message: dict[str, Any], field: str) -> int | None:
    value = message.get(field)
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value, re.ASCII):
        value = int(value)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnreadableError(f"{field} is not a whole number")
    return value


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
