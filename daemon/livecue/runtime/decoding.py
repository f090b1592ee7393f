"""Bytes from the bus to events. Pure; never raises on data but `UnreadableError`, one per bad piece."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from livecue.domain import LiveEvent, Signal
from livecue.runtime.ports import Delivery

_MAX_TIMESTAMP_MS = 4_102_415_999_000  # S4 6.2.7
_MAX_TYPE = 100
_MAX_ID = 256
_MAX_CONTENT = 65_536  # characters: what follows from an event has to fit into a message of the bus


class Unreadable(StrEnum):
    """Why a message went to `live.dead.<room>`; also the metric's label."""

    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    BAD_CONTENT = "bad_content"
    UNKNOWN_ROOM = "unknown_room"
    NOT_DECIDED = "not_decided"  # the engine failed on it: a fault of ours


class UnreadableError(Exception):
    """A message, or one event of it, cannot be read.

    Remedy: publish `{"timestamp": ms, "type": int, "content": {...} or "<JSON>"}` or
    `{"total": n, "events": [...]}`; `detail` names the field at fault.
    """

    def __init__(self, reason: Unreadable, detail: str, body: bytes) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.body = body


class _WireEvent(msgspec.Struct, gc=False):
    type: int | str
    content: str | dict[str, Any]
    timestamp: int | float | str | None = None
    msg_id: Any = msgspec.UNSET


class _WireReport(msgspec.Struct, gc=False):
    events: list[_WireEvent]


class _AnyObject(msgspec.Struct, gc=False):
    """Any JSON object: whatever it holds is looked over, nothing is made of it but the id."""

    msg_id: Any = msgspec.UNSET


class _LooseReport(msgspec.Struct, gc=False):
    events: list[msgspec.Raw]


_report_decoder = msgspec.json.Decoder(_WireReport)
_loose_decoder = msgspec.json.Decoder(_LooseReport)
_event_decoder = msgspec.json.Decoder(_WireEvent)
_object_decoder = msgspec.json.Decoder(_AnyObject)
_content_decoder = msgspec.json.Decoder(dict[str, Any])


def read_events(
    delivery: Delivery, read: Container[int] | None = None
) -> Sequence[LiveEvent | UnreadableError]:
    """The events of one message in order; in the place of each unreadable one, its error.

    `read`: the types whose content somebody reads, None for all. That of others is only looked over;
    it comes out empty, and whole in `raw`.
    """
    body = delivery.body
    if b'"events"' in body:
        try:
            wires: list[_WireEvent | UnreadableError] = list(_report_decoder.decode(body).events)
        except (msgspec.MsgspecError, RecursionError):
            wires = _loosely(body)
        return [
            wire if isinstance(wire, UnreadableError) else _event(delivery, place, wire, read)
            for place, wire in enumerate(wires)
        ]
    try:
        single = _event_decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        wire = _one(body)
        return (wire if isinstance(wire, UnreadableError) else _event(delivery, 0, wire, read),)
    return (_event(delivery, 0, single, read),)


def _loosely(body: bytes) -> list[_WireEvent | UnreadableError]:
    """One bad event must not take its neighbours along: decode them one by one."""
    try:
        raws = _loose_decoder.decode(body).events
    except (msgspec.MsgspecError, RecursionError):
        return [_one(body)]
    return [_one(bytes(raw)) for raw in raws]


def _one(body: bytes) -> _WireEvent | UnreadableError:
    try:
        return _event_decoder.decode(body)
    except msgspec.ValidationError as error:
        return UnreadableError(Unreadable.NOT_AN_EVENT, str(error), body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        return UnreadableError(Unreadable.NOT_JSON, str(error) or type(error).__name__, body)


def _event(
    delivery: Delivery, place: int, wire: _WireEvent, read: Container[int] | None
) -> LiveEvent | UnreadableError:
    event_type, timestamp = wire.type, wire.timestamp
    content: Mapping[str, Any]
    msg_id = wire.msg_id
    if type(event_type) is not int or not 0 <= event_type <= _MAX_TYPE:
        whole = _integer(event_type)
        if whole is None or not 0 <= whole <= _MAX_TYPE:
            return UnreadableError(
                Unreadable.NOT_AN_EVENT, f"`type` must be 0 to {_MAX_TYPE}", _encodable(wire)
            )
        event_type = whole
    try:
        if isinstance(wire.content, str):
            raw = wire.content
            if read is None or event_type in read:
                content = _content_decoder.decode(raw)
            else:
                looked_over = _object_decoder.decode(raw)
                msg_id = looked_over.msg_id if msg_id is msgspec.UNSET else msg_id
                content = {}
        else:
            raw, content = msgspec.json.encode(wire.content).decode(), wire.content
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        detail = f"`content` must be a JSON object or one in a string: {str(error) or type(error).__name__}"
        return UnreadableError(Unreadable.BAD_CONTENT, detail, _encodable(wire))
    if len(raw) > _MAX_CONTENT:
        detail = f"`content` is longer than {_MAX_CONTENT} characters"
        return UnreadableError(Unreadable.BAD_CONTENT, detail, _encodable(wire))
    if type(timestamp) is not int:
        timestamp = delivery.at_ms if timestamp is None else _integer(timestamp)
    if timestamp is None or not 0 <= timestamp <= _MAX_TIMESTAMP_MS:
        return UnreadableError(Unreadable.NOT_AN_EVENT, "`timestamp` must be ms since 1970", _encodable(wire))
    event_id = f"{delivery.seq}.{place}"
    given = _given(content.get("msg_id") if msg_id is msgspec.UNSET else msg_id)
    return LiveEvent(delivery.room, event_id, delivery.at_ms, timestamp, event_type, content, raw, given)


def _given(msg_id: Any) -> str:
    """A platform's id of an event, a text or a number; empty for anything else."""
    if type(msg_id) is int:
        return str(msg_id)
    return msg_id if isinstance(msg_id, str) and len(msg_id) <= _MAX_ID else ""


def _integer(value: float | str) -> int | None:
    """A whole number, also one that came as text; None for anything else."""
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if not isinstance(value, float) or number == value else None


def _encodable(wire: _WireEvent) -> bytes:
    try:
        return msgspec.json.encode(wire)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return repr(wire.content)[:1000].encode(errors="replace")


class _WireSignal(msgspec.Struct):
    kind: str
    data: dict[str, Any]
    v: int = 1


_signal_decoder = msgspec.json.Decoder(_WireSignal)


def read_signal(delivery: Delivery) -> Signal | UnreadableError:
    """A signal of livecue's own; a kind this version does not know is kept and ignored later."""
    try:
        wire = _signal_decoder.decode(delivery.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        return UnreadableError(Unreadable.NOT_JSON, str(error), delivery.body)
    return Signal(delivery.room, str(delivery.seq), delivery.at_ms, wire.kind, wire.data)
