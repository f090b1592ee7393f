"""MetaStudio's interaction rule in its own words (S4 6.1.1, 6.1.6), and livecue's additions to it.

Field names are the vendor's, so that a rule group exported from the cloud and a pack on disk are
the same thing. What livecue adds stands under `livecue` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

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


class Aggregate(msgspec.Struct, frozen=True):
    """How COUNT, SUM and AVG of this rule fire.

    `level` False: once, when the comparison turns from false to true. True: on each event that
    adds to the total while the comparison holds.
    """

    level: bool = False


class Additions(msgspec.Struct, frozen=True):
    """livecue's own keys. `max_age_s`: how old a reply may get before it is dropped unspoken
    (None: the room's default). `per_user_cooldown_s`: the rule answers one viewer at most once in
    that time (0: no limit); viewers without an identity have no cooldown.
    """

    max_age_s: float | None = None
    per_user_cooldown_s: float = 0
    aggregate: Aggregate = Aggregate()


class Rule(msgspec.Struct, frozen=True):
    """One interaction rule. `rule_index` is unique in a room: state and statistics hang on it."""

    rule_index: str
    event_type: int
    rule_name: str = ""
    enabled: bool = True
    enabled_scenes: tuple[str, ...] = ()
    hit_condition: HitCondition = HitCondition()
    trigger: Trigger = Trigger()
    review_config: Mapping[str, Any] | None = None
    livecue: Additions = Additions()

    @property
    def texts(self) -> tuple[str, ...]:
        """The replies that have something to say; S4 allows empty ones."""
        return tuple(text for text in self.trigger.reply_texts if text.strip())

    @property
    def audios(self) -> tuple[str, ...]:
        return tuple(audio.audio_url for audio in self.trigger.reply_audios if audio.audio_url.strip())

    @property
    def evaluated_here(self) -> bool:
        """False for rules that only the cloud can answer: their events stay unmatched and are reported."""
        mode = self.trigger.reply_mode
        if mode is ReplyMode.SYSTEM_REPLY_AND_CALLBACK:
            return bool(self.texts or self.audios)
        return mode in {ReplyMode.SYSTEM_REPLY, ReplyMode.SHOW_LAYER}
