"""A rule of a pack file becomes an engine rule, with every complaint at the line it belongs to."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

import msgspec
from yaml import MappingNode, Node, ScalarNode

from livecue.engine.rules import (
    HitCondition,
    Match,
    Operation,
    PlayType,
    Relation,
    ReplyAudio,
    ReplyMode,
    ReplyOrder,
    ReplyRole,
    Rule,
    Tag,
    Trigger,
)
from livecue.packs.additions import check_additions, read_additions
from livecue.packs.checks import check_rule, check_tag
from livecue.packs.problems import Place
from livecue.packs.replies import LONGEST_TEXT
from livecue.packs.tables import Table, as_table

RULE_KEYS = (
    *("rule_index", "rule_name", "enabled", "event_type", "enabled_scenes", "hit_condition", "trigger"),
    *("review_config", "livecue", "rule_id", "group_id", "group_name", "create_time", "update_time"),
)
CONDITION_KEYS = ("relation", "priority", "tags")
TAG_KEYS = ("tag", "operation", "match", "value")
TRIGGER_KEYS = (
    *("time_window", "reply_mode", "reply_texts", "reply_audios", "reply_order", "reply_role"),
    *("play_type", "robot_id", "layer_config", "extra_layer_config"),
)
AUDIO_KEYS = ("audio_url", "audio_name")
MARKS_OF_THE_CLOUD = ("rule_id", "create_time", "update_time")
"""Keys that only a rule exported from the cloud has."""

MAX_INDEX = 64


def read_rule(node: Node, place: Place, number: int, taken: Collection[str], prefix: str) -> Rule | None:
    """The rule at `node`, the `number`-th of its pack; None if it is no mapping at all.

    `taken` are the indexes of the pack so far.
    """
    place.rule = _called(node) or f"#{number}"
    table = as_table(node, place, "a rule", RULE_KEYS)
    if table is None:
        return None
    place.exported = place.exported or any(key in table for key in MARKS_OF_THE_CLOUD)
    name = table.text("rule_name", longest=256)
    trigger_table = table.table("trigger", TRIGGER_KEYS)
    rule = Rule(
        rule_index=table.text("rule_index", longest=MAX_INDEX).strip()
        or derived_index(prefix, name or f"#{number}", taken),
        rule_name=name,
        enabled=table.flag("enabled", default=True),
        event_type=table.whole("event_type", 0, 100, 0),
        enabled_scenes=_scenes(table),
        trigger=Trigger() if trigger_table is None else _trigger(trigger_table),
        review_config=table.passed_on("review_config"),
        livecue=read_additions(table),
    )
    here = rule.evaluated(can_call=place.can_call, can_chat=place.can_chat)
    place.lenient = not (rule.enabled and here and not place.unknown)
    condition = _condition(table)
    rule = msgspec.structs.replace(rule, hit_condition=condition, unknown=tuple(place.unknown))
    place.lenient = place.lenient or bool(rule.unknown)
    check_rule(rule, table, trigger_table or table)
    check_additions(rule, table)
    return rule


def _called(node: Node) -> str:
    """The name to complain under, before anything is read."""
    if not isinstance(node, MappingNode):
        return ""
    names = {str(key.value): value for key, value in node.value}
    for key in ("rule_name", "rule_index"):
        value = names.get(key)
        if isinstance(value, ScalarNode) and value.value:
            return str(value.value)[:60]
    return ""


def _scenes(table: Table) -> tuple[str, ...]:
    return tuple(
        table.text_of(item, "a scene of enabled_scenes", longest=256)
        for item in table.items("enabled_scenes", most=100)
    )


def derived_index(prefix: str, name: str, taken: Collection[str]) -> str:
    """An index for a rule that has none: the same for the same name, whatever its place in the pack.

    A nameless rule is called by its place. The n-th rule of one name gets `~n`.
    """
    base = f"{prefix}/{name.strip()}"
    if len(base) > MAX_INDEX - 4:
        base = f"{base[: MAX_INDEX - 21]}~{blake2b(base.encode(), digest_size=8).hexdigest()}"
    index, n = base, 1
    while index in taken:
        n += 1
        index = f"{base}~{n}"
    return index


def _condition(rule: Table) -> HitCondition:
    table = rule.table("hit_condition", CONDITION_KEYS)
    if table is None:
        return HitCondition()
    tags: list[Tag] = []
    for number, node in enumerate(table.items("tags", most=1000)):
        entry = table.table_of(node, "a tag", TAG_KEYS, path=f"hit_condition.tags.{number}.")
        if entry is not None:
            tag = Tag(
                tag=entry.text("tag", longest=256).strip(),
                operation=entry.choice("operation", Operation, Operation.NONE),
                match=entry.choice("match", Match, Match.REGEX),
                value=entry.text("value", longest=1024),
            )
            if entry.sound("match", "operation"):
                check_tag(tag, entry)
            tags.append(tag)
    return HitCondition(
        relation=table.choice("relation", Relation, Relation.AND),
        priority=table.whole("priority", 0, 999, 500),
        tags=tuple(tags),
    )


def _trigger(table: Table) -> Trigger:
    return Trigger(
        time_window=table.whole("time_window", -1, 7200, 0),
        reply_mode=table.choice("reply_mode", ReplyMode, ReplyMode.SYSTEM_REPLY),
        reply_texts=tuple(
            table.text_of(item, "a text of reply_texts", longest=LONGEST_TEXT)
            for item in table.items("reply_texts", most=5)
        ),
        reply_audios=tuple(_audio(table, item) for item in table.items("reply_audios", most=5)),
        reply_order=table.choice("reply_order", ReplyOrder, ReplyOrder.RANDOM),
        reply_role=table.choice("reply_role", ReplyRole, ReplyRole.STREAMER),
        play_type=table.choice("play_type", PlayType, PlayType.PLAY_NOW),
        robot_id=table.text("robot_id", longest=64),
        layer_config=table.passed_on("layer_config"),
        extra_layer_config=table.passed_on("extra_layer_config"),
    )


def _audio(table: Table, node: Node) -> ReplyAudio:
    entry = table.table_of(node, "an entry of reply_audios", AUDIO_KEYS)
    if entry is None:
        return ReplyAudio("")
    url = entry.text("audio_url", longest=2048)
    if not url.startswith(("http://", "https://")):
        shown = f"audio_url is {url!r}" if url else "audio_url is missing"
        table.place.error(entry.at("audio_url"), shown, "write the https URL of the audio file")
    return ReplyAudio(url, entry.text("audio_name", longest=256))
