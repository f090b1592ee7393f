"""livecue's own part of a rule: read, and checked against the rest of the rule."""

from __future__ import annotations

import re

from yaml import Node, ScalarNode

from livecue.domain import MAX_AGE_S, EventType
from livecue.engine.merging import merge_template
from livecue.engine.rules import (
    Additions,
    Aggregate,
    Combo,
    DistinctUsers,
    Mode,
    Operation,
    ReplyMode,
    Reset,
    Rule,
    Scope,
)
from livecue.engine.template import Template, template_of
from livecue.packs.replies import check_merge, read_merge
from livecue.packs.tables import Table

LIVECUE_KEYS = Additions.__struct_fields__
AGGREGATE_KEYS = Aggregate.__struct_fields__
USERS_KEYS = DistinctUsers.__struct_fields__
COMBO_KEYS = Combo.__struct_fields__

MOST_USERS = 1000
_VARIABLE = re.compile(r"[A-Za-z_]\w*(\.\w+)*", re.ASCII)
_COMBO_FIGURES = frozenset({"combo.count", "combo.value"})
_CALLBACKS = frozenset({ReplyMode.CALLBACK, ReplyMode.SYSTEM_REPLY_AND_CALLBACK})


def read_additions(rule: Table) -> Additions:
    """What stands under `livecue`."""
    table = rule.table("livecue", LIVECUE_KEYS, strict=True)
    if table is None:
        return Additions()
    if ("group" in table) != ("group_cooldown_s" in table):
        has, lacks = ("group", "group_cooldown_s")[:: 1 if "group" in table else -1]
        table.place.error(table.node, f"livecue.{has} without {lacks}", f"write both {has} and {lacks}")
    return Additions(
        max_age_s=table.number("max_age_s", 0.1, MAX_AGE_S),
        per_user_cooldown_s=table.number("per_user_cooldown_s", 0, 86400) or 0,
        group=table.text("group", longest=64).strip(),
        group_cooldown_s=table.number("group_cooldown_s", 0, 86400) or 0,
        wait_messages=table.whole("wait_messages", 0, 100_000, 0),
        distinct_users=_distinct_users(table),
        aggregate=_aggregate(table),
        combo=_combo(table),
        dedup_s=table.number("dedup_s", 0, 86400) or 0,
        callback_url=_url(table),
        mask=tuple(_name(table, item, "mask") for item in table.items("mask", most=20)),
        speak_answer=table.flag("speak_answer", default=False) if "speak_answer" in table else None,
        merge=read_merge(table),
    )


def _distinct_users(livecue: Table) -> DistinctUsers | None:
    table = livecue.table("distinct_users", USERS_KEYS, strict=True)
    if table is None:
        return None
    users, within = table.whole("users", 2, MOST_USERS, 0), table.number("within_s", 1, 86400)
    for key in USERS_KEYS:
        if key not in table:
            remedy = "write distinct_users: {users: 5, within_s: 60}"
            table.place.error(table.node, f"livecue.distinct_users has no {key}", remedy)
    return DistinctUsers(users, within) if users and within else None


def _aggregate(livecue: Table) -> Aggregate:
    table = livecue.table("aggregate", AGGREGATE_KEYS, strict=True)
    if table is None:
        return Aggregate()
    return Aggregate(
        window_s=table.number("window_s", 1, 86400) or 0,
        reset=table.choice("reset", Reset, Reset.NEVER),
        scope=table.choice("scope", Scope, Scope.ROOM),
        mode=table.choice("mode", Mode, Mode.CROSSING),
    )


def _combo(livecue: Table) -> Combo | None:
    table = livecue.table("combo", COMBO_KEYS, strict=True)
    if table is None:
        return None
    by = tuple(_name(table, item, "combo.by") for item in table.items("by", most=5))
    if "by" in table and not by:
        table.place.error(table.at("by"), "livecue.combo.by is empty", "write by: [user, giftName]")
    return Combo(by or Combo().by, table.number("timeout_s", 0.5, 60) or Combo().timeout_s)


def _name(table: Table, node: Node, what: str) -> str:
    name = str(node.value) if isinstance(node, ScalarNode) else "a list or mapping"
    if not _VARIABLE.fullmatch(name):
        remedy = "write the name of a field, such as user.name or giftName"
        table.place.error(node, f"livecue.{what}: {name!r} is no field", remedy)
    return name


def _url(table: Table) -> str:
    url = table.text("callback_url", longest=2048).strip()
    if url and not re.fullmatch(r"https?://[^\s/]+\S*", url):
        place, at = table.place, table.at("callback_url")
        place.error(at, f"livecue.callback_url is {url!r}", "write the https URL that is to be asked")
    return url


def check_additions(rule: Rule, table: Table) -> None:
    """Complain about additions that can have no effect beside the rest of the rule."""
    own, place, at = rule.livecue, table.place, table.at("livecue")
    operations = [tag.operation for tag in rule.hit_condition.tags]
    total = any(operation is not Operation.NONE for operation in operations)
    if own.aggregate != Aggregate() and not total:
        remedy = "write operation: SUM, AVG or COUNT in a tag, or remove aggregate"
        place.fault(at, "livecue.aggregate without a total", remedy)
    if own.combo is not None and rule.event_type != EventType.GIFT:
        place.fault(at, "livecue.combo is for gifts", "write event_type: 4, or remove combo")
    if (own.callback_url or own.speak_answer is not None) and rule.trigger.reply_mode not in _CALLBACKS:
        key = "callback_url" if own.callback_url else "speak_answer"
        remedy = "write reply_mode: CALLBACK or SYSTEM_REPLY_AND_CALLBACK, or remove it"
        place.fault(at, f"livecue.{key} without a callback", remedy)
    check_merge(rule, place, at)
    _check_variables(rule, table, total=total)


def _check_variables(rule: Rule, table: Table, *, total: bool) -> None:
    _check_figures(rule, table, "trigger", [template_of(text) for text in rule.texts], total=total)
    if rule.livecue.merge:
        _check_figures(rule, table, "livecue", [merge_template(rule.livecue.merge.text)], total=total)


def _check_figures(rule: Rule, table: Table, key: str, texts: list[Template], *, total: bool) -> None:
    used = {name for text in texts for name in text.variables}
    place, at = table.place, table.at(key)
    if "total" in used and not total:
        remedy = "write operation: SUM, AVG or COUNT in a tag, or take {total} out of the text"
        place.fault(at, "{total} in a rule that makes no total", remedy)
    if used & _COMBO_FIGURES and rule.livecue.combo is None:
        name = min(used & _COMBO_FIGURES)
        remedy = "write livecue: {combo: {timeout_s: 3}}, or take it out of the text"
        place.fault(at, f"{{{name}}} in a rule without a combo", remedy)
