"""What happened in a room, what livecue and MetaStudio tell each other about it, and what is reported."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

MAX_REPORTED = 1000
"""Events that one call of live-event-report takes (S4 6.2.7)."""


class EventType(IntEnum):
    """What a viewer did (S4 6.2.7), and 10 for the segment of the script now being spoken (S4 6.1.6)."""

    DANMAKU = 1
    ENTER = 2
    LIKE = 3
    GIFT = 4
    FOLLOW = 5
    VIEWERS = 6
    SCRIPT = 10


SAMPLED = frozenset({EventType.ENTER, EventType.LIKE})
"""Types of which a part stands for the whole: what is left out first when reports pile up."""


class LiveEvent(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened in a room.

    `id` is unique and stable over redelivery: `<sequence on the bus>.<place in the message>`.
    `at_ms` is when the bus stored it, the only time the engine knows. `timestamp_ms` is the
    platform's own word and is only passed on. `content` is the decoded JSON object, `raw` the same
    as the JSON string that live-event-report wants. `msg_id` is the platform's own id of it, if it gave one.
    """

    room: str
    id: str
    at_ms: int
    timestamp_ms: int
    type: int
    content: Mapping[str, Any]
    raw: str
    msg_id: str = ""


class SignalKind(StrEnum):
    """What livecue and MetaStudio tell each other about a room beside the viewers' events."""

    SCRIPT_SWITCH = "script_switch"  # data: job_id, scene, sequence_no, title, product_id?, live_id?
    RTMP_STATE = "rtmp_state"  # data: job_id, state
    REPLY_FINISHED = "reply_finished"  # data: job_id, reply_id
    JOB_STARTED = "job_started"  # data: job_id, session, how; of a chat job what `ChatLink` knows
    JOB_ENDED = "job_ended"  # data: job_id, state, reason
    ANSWERED = "answered"  # data: ask_id, job_id, rule_index, text, fallback, event_id, at_ms, expires_ms
    CUE_RETURNED = "cue_returned"  # data: job_id, rule_index, cue_id, fired_at_ms: it was never spoken
    TICK = "tick"  # data: none; at_ms tells the rooms with open combos the time


class Signal(msgspec.Struct, frozen=True):
    """A fact about a room's live, on `live.signals.<room>`. `data` holds no secret, ever."""

    room: str
    id: str
    at_ms: int
    kind: str
    data: Mapping[str, Any]


class ReportedEvent(msgspec.Struct, frozen=True, gc=False):
    """One event as live-event-report takes it (S4 6.2.7): `content` is JSON in a string."""

    timestamp: int
    type: int
    content: str


class Report(msgspec.Struct, frozen=True):
    """Events of one room that go to live-event-report; at most 1000 (S4 6.2.7).

    `job_id` is the live job that was on when they happened, empty if none was known: then they go to
    whichever is on.
    """

    id: str
    room: str
    at_ms: int
    events: tuple[ReportedEvent, ...]
    job_id: str = ""
