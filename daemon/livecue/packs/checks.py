"""What a rule has to make sense of, beyond the shape of its fields."""

from __future__ import annotations

from livecue.domain import EventType
from livecue.engine.conditions import threshold
from livecue.engine.patterns import PatternError, search_for
from livecue.engine.rules import Match, Operation, Relation, ReplyMode, Rule, Tag
from livecue.packs.hazard import hazardous
from livecue.packs.replies import check_texts
from livecue.packs.tables import Table

_TYPES = "1 danmaku, 2 enter, 3 like, 4 gift, 5 follow, 6 viewers, 10 preset script"
_MATCHES = ", ".join(match.value for match in Match)
_LEFT_TO_CLOUD = (
    "nothing to do if the room has this rule in the cloud and livecue reports unmatched events; "
    "to answer here write reply_mode: SYSTEM_REPLY with reply_texts"
)


def check_tag(tag: Tag, table: Table) -> None:
    """Complain about a condition that can never be compared."""
    place = table.place
    if not tag.tag:
        place.fault(table.at("tag"), "a tag names no field", "write `tag: content`, or level, giftName, …")
    if "match" not in table:
        place.fault(table.node, "a tag has no match", f"write one of {_MATCHES}")
        return
    if "value" not in table:
        place.fault(table.node, "a tag has no value", "write `value:` with what to compare with")
        return
    at = table.at("value")
    if tag.match is Match.REGEX:
        _check_regex(tag, table)
    elif (tag.match is not Match.EQUAL or tag.operation is not Operation.NONE) and threshold(
        tag.value
    ) is None:
        what = tag.match.value if tag.operation is Operation.NONE else tag.operation.value
        place.fault(at, f"{what} compares numbers, {tag.value!r} is none", "write a number such as 1000")


def _check_regex(tag: Tag, table: Table) -> None:
    place, at = table.place, table.at("value")
    if tag.operation is not Operation.NONE:
        message = f"{tag.operation.value} makes a number, REGEX searches a text"
        place.fault(table.at("match"), message, "write match: MATH_GE and a number as value")
        return
    try:
        search_for(tag.value)
    except PatternError as error:
        place.fault(
            at,
            f"the REGEX does not compile: {error}",
            r"put a backslash before ( ) [ ] { } ? * + . | that are meant as themselves",
        )
        return
    if not tag.value:
        place.warn(at, "an empty REGEX hits every event", "write relation: RESERVED for a fallback")
    elif hazardous(tag.value):
        place.warn(
            at,
            "the REGEX can take long on one message: a repeat inside a repeat that can split the same text in many ways",
            "repeat once: `a+` for `(a+)+`, `价*` for `(价|价)*`; it is given up after 10 ms, and after three times for the live",
        )


def check_rule(rule: Rule, table: Table, trigger: Table) -> None:
    """Complain about a rule that can never answer. `trigger` is where its reply should stand."""
    place, condition = table.place, rule.hit_condition
    if "event_type" not in table:
        place.fault(table.node, "event_type is missing", f"write one of {_TYPES}")
    elif rule.event_type not in set(EventType) and table.sound("event_type"):
        place.warn(table.at("event_type"), f"no event has the type {rule.event_type}", f"known are {_TYPES}")
    elif rule.event_type == EventType.SCRIPT and rule.enabled:
        message = "the cloud sees preset scripts (event_type 10) itself, so it answers beside livecue"
        place.warn(table.at("event_type"), message, "keep the rule either in the cloud's room or here")
    fallback = condition.relation is Relation.RESERVED
    if not fallback and not condition.tags and table.sound("hit_condition"):
        place.fault(
            table.at("hit_condition"),
            f"relation {condition.relation.value} has no tags, so the rule never hits",
            "write tags, or relation: RESERVED for a fallback",
        )
    _check_reply(rule, trigger)
    check_texts(trigger)


def _check_reply(rule: Rule, table: Table) -> None:
    place, mode = table.place, rule.trigger.reply_mode
    at = table.at("reply_mode")
    has_layer = bool(rule.trigger.layer_config or rule.trigger.extra_layer_config)
    if mode is ReplyMode.SHOW_LAYER:
        if not has_layer:
            place.fault(at, "SHOW_LAYER without a layer", "write layer_config as in S4 6.1.6")
    elif rule.unknown:
        return
    elif not rule.evaluated(can_call=place.can_call, can_chat=place.can_chat):
        if rule.enabled:
            asked = "chat endpoint" if mode is ReplyMode.INTELLIGENT_REPLY else "callback URL"
            message = f"{mode.value} is left to the cloud: the room has no {asked} here"
            place.warn(at, message, f"give the room a {asked}, or else {_LEFT_TO_CLOUD}")
    elif mode is ReplyMode.SYSTEM_REPLY_AND_CALLBACK and not rule.calls(can_call=place.can_call):
        if rule.enabled:
            message = "livecue speaks the reply but makes no callback: the room has no callback URL here"
            place.warn(at, message, "give the room a callback URL, or write reply_mode: SYSTEM_REPLY")
    elif mode is not ReplyMode.SYSTEM_REPLY:
        return
    elif not (rule.texts or rule.audios) and table.sound("reply_texts", "reply_audios", "reply_mode"):
        at = table.at("reply_texts")
        place.fault(at, "SYSTEM_REPLY has nothing to say", "write reply_texts (1 to 5) or reply_audios")
