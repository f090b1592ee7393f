"""MetaStudio's interaction rule in its own words (S4 6.1.1, 6.1.6), and livecue's additions to it.

Field names are the vendor's, so that a rule group exported from the cloud and a pack on disk are
the same thing. What livecue adds stands under `livecue` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec


class Relation(StrEnum):
    """How the tags of a rule combine. RESERVED is the fallback: it has no conditions."""

    AND = "AND"
    OR = "OR"
    RESERVED = "RESERVED"


class Operation(StrEnum):
    """What is compared: the event's own field, or the total of that field over the live so far."""

    NONE = "NONE"
    SUM = "SUM"
    AVG = "AVG"
    COUNT = "COUNT"


class Match(StrEnum):
    EQUAL = "EQUAL"
    REGEX = "REGEX"
    MATH_GT = "MATH_GT"
    MATH_GE = "MATH_GE"
    MATH_LT = "MATH_LT"
    MATH_LE = "MATH_LE"
    MATH_EQ = "MATH_EQ"


class ReplyMode(StrEnum):
    SYSTEM_REPLY = "SYSTEM_REPLY"
    CALLBACK = "CALLBACK"
    SYSTEM_REPLY_AND_CALLBACK = "SYSTEM_REPLY_AND_CALLBACK"
    SHOW_LAYER = "SHOW_LAYER"
    INTELLIGENT_REPLY = "INTELLIGENT_REPLY"


_SPEAKING = frozenset({ReplyMode.SYSTEM_REPLY, ReplyMode.SYSTEM_REPLY_AND_CALLBACK})


class ReplyOrder(StrEnum):
    RANDOM = "RANDOM"
    ORDER = "ORDER"


class ReplyRole(StrEnum):
    STREAMER = "STREAMER"
    CO_STREAMER = "CO_STREAMER"


class PlayType(StrEnum):
    APPEND = "APPEND"
    INSERT = "INSERT"
    PLAY_NOW = "PLAY_NOW"


class Tag(msgspec.Struct, frozen=True):
    """One condition: the field named `tag` of the event's content, compared with `value`.

    `tag` is a leaf name (`level`) or a dotted path (`user.level`), see `engine.fields`.
    """

    tag: str
    match: Match
    value: str
    operation: Operation = Operation.NONE


class HitCondition(msgspec.Struct, frozen=True):
    """When a rule hits. `priority` is 0-999, lower wins."""

    relation: Relation = Relation.AND
    priority: int = 500
    tags: tuple[Tag, ...] = ()


class ReplyAudio(msgspec.Struct, frozen=True):
    audio_url: str
    audio_name: str = ""


class Trigger(msgspec.Struct, frozen=True):
    """What a hit does. `time_window` in seconds: -1 once per live, 0 always, n at most once in n s."""

    time_window: int = 0
    reply_mode: ReplyMode = ReplyMode.SYSTEM_REPLY
    reply_texts: tuple[str, ...] = ()
    reply_audios: tuple[ReplyAudio, ...] = ()
    reply_order: ReplyOrder = ReplyOrder.RANDOM
    reply_role: ReplyRole = ReplyRole.STREAMER
    play_type: PlayType = PlayType.PLAY_NOW
    robot_id: str = ""
    layer_config: Mapping[str, Any] | None = None
    extra_layer_config: Mapping[str, Any] | None = None


class Reset(StrEnum):
    """When a total starts again from nothing: with the live alone, or also when its rule fires."""

    NEVER = "never"
    ON_FIRE = "on_fire"


class Scope(StrEnum):
    """Whose events a total adds up: everybody's, or each viewer's for himself."""

    ROOM = "room"
    USER = "user"


class Mode(StrEnum):
    """Whether a comparison hits when it turns from false to true, or on each event while it holds."""

    CROSSING = "crossing"
    LEVEL = "level"


class Aggregate(msgspec.Struct, frozen=True):
    """Over what COUNT, SUM and AVG of this rule run, and how they fire. `window_s` 0: the whole live."""

    window_s: float = 0
    reset: Reset = Reset.NEVER
    scope: Scope = Scope.ROOM
    mode: Mode = Mode.CROSSING


class DistinctUsers(msgspec.Struct, frozen=True):
    """The rule hits once so many different viewers met its conditions in that time."""

    users: int
    within_s: float


class Combo(msgspec.Struct, frozen=True):
    """Gifts that agree in the fields `by` are one combo until its end is marked, or until `timeout_s`
    without another one. `user` in `by` is the viewer's identity.
    """

    by: tuple[str, ...] = ("user", "giftName")
    timeout_s: float = 3


class Merging(msgspec.Struct, frozen=True):
    """How thanks for gifts that pile up become one: `text` with `{names}`, of at most `most` of them,
    and `{count}`, how many they are.
    """

    text: str
    most: int = 5


class Additions(msgspec.Struct, frozen=True):
    """livecue's own keys.

    `max_age_s`: how old a reply may get before it is dropped unspoken (None: the room's default).
    `per_user_cooldown_s`: the rule answers one viewer at most once in that time (0: no limit);
    viewers without an identity have no cooldown. `group`, `group_cooldown_s`: the rule stays silent
    that long after any rule of the group fired. `wait_messages`: so many other events of its type
    come between two firings. `dedup_s`: the same question is answered once in that time.
    `callback_url`: where CALLBACK asks, if not at the room's. `mask`: the variables that are spoken
    masked. `speak_answer`: whether a callback's answer is spoken (None: if nothing else is). `merge`:
    None is the pack's own, if it has one, False is none.
    """

    max_age_s: float | None = None
    per_user_cooldown_s: float = 0
    group: str = ""
    group_cooldown_s: float = 0
    wait_messages: int = 0
    distinct_users: DistinctUsers | None = None
    aggregate: Aggregate = Aggregate()
    combo: Combo | None = None
    dedup_s: float = 0
    callback_url: str = ""
    mask: tuple[str, ...] = ()
    speak_answer: bool | None = None
    merge: Merging | Literal[False] | None = None


class Rule(msgspec.Struct, frozen=True):
    """One interaction rule. `rule_index` is unique in a room: state and statistics hang on it.

    `unknown` are the words of a newer cloud that livecue does not know, as (field, word): such a
    rule stays with the cloud, and an export writes the words back.
    """

    rule_index: str
    event_type: int
    rule_name: str = ""
    enabled: bool = True
    enabled_scenes: tuple[str, ...] = ()
    hit_condition: HitCondition = HitCondition()
    trigger: Trigger = Trigger()
    review_config: Mapping[str, Any] | None = None
    livecue: Additions = Additions()
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The replies that have something to say; S4 allows empty ones."""
        return tuple(text for text in self.trigger.reply_texts if text.strip())

    @property
    def audios(self) -> tuple[str, ...]:
        return tuple(audio.audio_url for audio in self.trigger.reply_audios if audio.audio_url.strip())

    @property
    def speaks(self) -> bool:
        """Whether a hit speaks a text of the rule's own, rather than an audio or an answer."""
        return bool(self.texts) and self.trigger.reply_mode in _SPEAKING

    @property
    def evaluated_here(self) -> bool:
        """Whether livecue answers by this rule in a room that has a callback URL and a chat endpoint."""
        return self.evaluated(can_call=True, can_chat=True)

    def evaluated(self, *, can_call: bool, can_chat: bool) -> bool:
        """False for rules that only the cloud can answer: their events stay unmatched and are reported.

        `can_call`, `can_chat`: whether the room has a callback URL and a chat endpoint. A rule's own
        `callback_url` stands for the room's.
        """
        if self.unknown:
            return False
        mode = self.trigger.reply_mode
        if mode is ReplyMode.INTELLIGENT_REPLY:
            return can_chat
        if mode is ReplyMode.CALLBACK:
            return self.calls(can_call=can_call)
        if mode is ReplyMode.SYSTEM_REPLY_AND_CALLBACK:
            return bool(self.texts or self.audios) or self.calls(can_call=can_call)
        return True

    def calls(self, *, can_call: bool) -> bool:
        """Whether a hit makes a callback from here."""
        calling = self.trigger.reply_mode in {ReplyMode.CALLBACK, ReplyMode.SYSTEM_REPLY_AND_CALLBACK}
        return calling and (can_call or bool(self.livecue.callback_url))
