"""Live jobs as the cloud shows them, and what its answers mean."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


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
