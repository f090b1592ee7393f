"""What was decided: cues for the avatar, and questions to somebody outside."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

MAX_AGE_S = 90
"""How long after its event a reply may be sent at most: within the 120 s in which the bus knows claims."""


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
