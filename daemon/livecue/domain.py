"""The vocabulary of livecue: what happened, what was decided, what the cloud said.

Everything here is frozen data and closed enums. Times are milliseconds since 1970-01-01 UTC and
end in `_ms`; durations carry their unit in the name. Nothing here does I/O or reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

MAX_REPORTED = 1000
"""Events that one call of live-event-report takes (S4 6.2.7)."""

MAX_AGE_S = 90
"""How long after its event a reply may be sent at most: within the 120 s in which the bus knows claims."""


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


class CueKind(StrEnum):
    """What the avatar is to do; each maps to one command of S4 12.5."""

    SPEAK = "speak"  # INSERT_PLAY_SCRIPT
    PLAY_AUDIO = "play_audio"  # INSERT_PLAY_AUDIO
    SHOW_LAYER = "show_layer"  # SHOW_LAYER


class Merge(msgspec.Struct, frozen=True, omit_defaults=True):
    """How thanks that pile up become one: cues of a room with equal `rule_index` and `text` may.

    `text` is filled in but for `{names}` and `{count}`, `name` this viewer's, cleaned and (in SSML)
    escaped. At most `most` names are said at once; a text with `{count}` thanks all the others too.
    """

    text: str
    name: str
    most: int = 5


class Cue(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision of one rule for one event, to be sent at most once.

    `job_id` is the live job that was on when the rule fired, empty if none was known yet.
    `at_ms` is the event's store time, `expires_ms` the moment from which it is too late to say it.
    `priority` is the rule's (0-999, lower wins), `event_type` the event's. `seconds`: how long it holds
    the air at the voice's normal speed, 0 for a layer. `scenes`: where it may be said, empty anywhere.
    `other_text`: what to say if review refuses `text`, empty for nothing. `review_config` goes along.
    `limited`: its rule has a window or cooldown that a cue never spoken gives back.
    """

    id: str
    room: str
    job_id: str
    rule_index: str
    kind: CueKind
    at_ms: int
    expires_ms: int
    text: str = ""
    audio_url: str = ""
    layer: Mapping[str, Any] | None = None
    play_type: str = "PLAY_NOW"
    play_role: str = "STREAMER"
    priority: int = 500
    rule_name: str = ""
    event_type: int = 0
    seconds: float = 0
    scenes: tuple[str, ...] = ()
    other_text: str = ""
    merge: Merge | None = None
    review_config: Mapping[str, Any] | None = None
    limited: bool = False


class AskKind(StrEnum):
    """Whom a rule asks before it speaks."""

    CALLBACK = "callback"  # reply_mode CALLBACK and SYSTEM_REPLY_AND_CALLBACK: the shop's own URL
    CHAT = "chat"  # reply_mode INTELLIGENT_REPLY: an OpenAI-compatible endpoint


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question a rule puts to somebody outside; the answer comes back as a signal ANSWERED.

    `texts` are the rule's reply_texts (already filled in): what CALLBACK carries along, and the
    fallback of CHAT. `speaks`: whether an answer's text is to be spoken. Times as in `Cue`.
    """

    id: str
    room: str
    job_id: str
    rule_index: str
    kind: AskKind
    event_id: str
    event_type: int
    content: Mapping[str, Any]
    at_ms: int
    expires_ms: int
    texts: tuple[str, ...] = ()
    speaks: bool = True
    scene: str = ""
    rule_name: str = ""
    url: str = ""


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


class JobState(StrEnum):
    """States of a live job (S4 6.2.3) and of a chat job (S1: also CANCELED and HEARTBEAT).

    HEARTBEAT is a chat job that runs and gives signs of life. A state the API adds later counts as
    running, not as over.
    """

    WAITING = "WAITING"
    PROCESSING = "PROCESSING"
    SUCCEED = "SUCCEED"
    FAILED = "FAILED"
    BLOCKED = "BLOCKED"
    CANCELED = "CANCELED"
    HEARTBEAT = "HEARTBEAT"


ON_AIR_STATES = frozenset({JobState.PROCESSING, JobState.HEARTBEAT})
OVER_STATES = frozenset({JobState.SUCCEED, JobState.FAILED, JobState.BLOCKED, JobState.CANCELED})


class ChatState(IntEnum):
    """How far a chat job's link to its terminal is (S1, `chat_state`). None of them is a failure."""

    WAITING_FOR_LINK = 0
    WAITING_TO_CLOSE = 1
    LINKED = 2
    ASLEEP = 3
    WAITING_TO_SLEEP = 4


class ChatLink(msgspec.Struct, frozen=True):
    """What a chat job tells of its link (S0, S1); never the RTC room, which holds secrets.

    `state` is a `ChatState`, or a number the API adds later (0-32); None: not told yet. `address` and
    `rest_address` are where terminals reach it, empty if not told. `language`: CN, EN, …
    """

    state: int | None = None
    language: str = ""
    address: str = ""
    rest_address: str = ""

    @property
    def word(self) -> str:
        """The state for people and labels, from a closed list; empty if it was not told."""
        if self.state is None:
            return ""
        known = next((one for one in ChatState if one == self.state), None)
        return "unknown" if known is None else known.name.lower()


class Job(msgspec.Struct, frozen=True):
    """A live or chat job as the cloud last showed it. `report_url` carries a key: never log it.

    `callback_faults` names the settings of its callbacks that keep them from livecue; None if it was not
    told, or is of no interest.
    `place` is the id of the cloud room it runs in, if that is not the room's own but its standby.
    `limit_h`: hours on air after which the cloud ends it by itself, told by the answer to its start alone
    (S3, `limit_duration`); 0: never, or not told.
    """

    job_id: str
    state: str
    report_url: str = ""
    created_ms: int | None = None
    error_code: str = ""
    error_text: str = ""
    callback_faults: tuple[str, ...] | None = None
    place: str = ""
    chat: ChatLink | None = None
    limit_h: int = 0

    @property
    def on_air(self) -> bool:
        return self.state in ON_AIR_STATES

    @property
    def waits_for_link(self) -> bool:
        """A chat job that is WAITING and tells of its link waits for a terminal: as long as nobody comes."""
        return self.state == JobState.WAITING and self.chat is not None and self.chat.state is not None

    @property
    def over(self) -> bool:
        return self.state in OVER_STATES

    def __repr__(self) -> str:
        return f"Job({self.job_id} {self.state})"


class RoomKind(StrEnum):
    LIVE = "live"
    CHAT = "chat"


class ReportMode(StrEnum):
    """Which events of a room also go to live-event-report."""

    ALL = "all"
    UNMATCHED = "unmatched"
    NONE = "none"


class Unplanned(StrEnum):
    """What to do with a running job that no session wants and livecue did not start."""

    ATTACH = "attach"
    STOP = "stop"
    IGNORE = "ignore"


class Overlap(StrEnum):
    """What becomes of two sessions of one room that want it at the same time."""

    REFUSE = "refuse"  # the configuration is refused; what only comes up later runs as the one that ends last
    MERGE = "merge"  # they are one run, from the first start to the last end
    FIRST = "first"  # who began first keeps the room; the other begins when that one ends


class Blackout(msgspec.Struct, frozen=True):
    """No live from `start` up to, but not at, `end`; `why` is for people."""

    start: datetime
    end: datetime
    why: str = ""


class CalendarRun(msgspec.Struct, frozen=True):
    """One event of a calendar: `start` and `end` in UTC, `day` its date in the event's own zone.

    `label` is the event's summary; `note` says what a change of the clocks did to it; `left_out`
    why it does not run after all, as when it was cancelled.
    """

    start: datetime
    end: datetime
    day: date
    label: str = ""
    note: str = ""
    left_out: str = ""


class Session(msgspec.Struct, frozen=True):
    """When a room is to be live: once from `start` to `end`, at each `cron` for `duration`, or as in a calendar.

    Exactly one of the three forms is filled. `cron` is five fields in `timezone` (IANA name). `ics` names
    a calendar whose events are in `runs`, as far ahead as it was read; None: it never was. It does not run on `days_off` (each
    with its reason) or in `blackouts`. A start that was missed is made up for `catchup` long (None: to the
    end), but not when less than `least_remainder` is left. `overlap` is the room's policy.
    """

    name: str
    start: datetime | None = None
    end: datetime | None = None
    cron: str = ""
    duration: timedelta = timedelta(0)
    timezone: str = "UTC"
    ics: str = ""
    runs: tuple[CalendarRun, ...] | None = None
    days_off: Mapping[date, str] = {}
    blackouts: tuple[Blackout, ...] = ()
    catchup: timedelta | None = None
    least_remainder: timedelta = timedelta(0)
    overlap: Overlap = Overlap.REFUSE


class Meaning(StrEnum):
    """What an answer of the cloud means for us; the closed list behind retries and metric labels."""

    SLOW_DOWN = "slow_down"  # 429 APIGW.0308: over the tenant's limit, retry later
    NO_RESOURCE = "no_resource"  # nothing free to go live with now: retry the start
    ALREADY_RUNNING = "already_running"  # find that job and adopt it
    JOB_OVER = "job_over"  # the job does not exist any more or has finished
    NOT_RUNNING = "not_running"  # the job is not in a running state: wait while WAITING
    INVALID = "invalid"  # the command or a parameter is wrong: never repeat it
    TEXT_REFUSED = "text_refused"  # content review refused this text
    NOT_PUSHED = "not_pushed"  # the command could not be pushed: retry
    MARKUP_REFUSED = "markup_refused"  # the SSML is not well-formed: say it as plain text
    NO_VOICE = "no_voice"  # the room cannot speak inserted text
    QUOTA = "quota"  # quota used up: permanent for this start
    REPORT_URL_STALE = "report_url_stale"  # refresh the report URL
    REPORT_URL_DEAD = "report_url_dead"  # show the job again for a new report URL
    REPORT_KEY_WRONG = "report_key_wrong"
    UNAUTHENTICATED = "unauthenticated"  # credentials are wrong, or the token ran out
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"  # the cloud cannot be reached or is failing: retry with backoff
    OUTCOME_UNKNOWN = "outcome_unknown"  # sent, but no answer: it may or may not have happened


class CloudError(Exception):
    """MetaStudio did not do what it was asked to; `meaning` says what that calls for.

    Remedy: follow `meaning`; `request_id` is what the vendor's support asks for.
    The text never holds credentials, stream keys or a report URL's query.
    """

    def __init__(
        self,
        message: str,
        *,
        meaning: Meaning,
        status: int = 0,
        error_code: str = "",
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.meaning = meaning
        self.status = status
        self.error_code = error_code
        self.request_id = request_id
        self.retry_after_s = retry_after_s
