"""Interaction rules that do not answer: in a room made from the file livecue's packs do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def speaks(rule: Mapping[str, Any]) -> bool:
    """Whether the cloud would answer by this rule: it is on, and does more than call back."""
    trigger = rule.get("trigger")
    mode = trigger.get("reply_mode") if isinstance(trigger, Mapping) else None
    return rule.get("enabled") is not False and mode != "CALLBACK"


def as_pack(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The rules by which the cloud answers in a room, as a rule group that livecue loads."""
    rows = shown.get("interaction_rules")
    rules = (
        [rule for rule in rows if isinstance(rule, Mapping) and speaks(rule)]
        if isinstance(rows, list)
        else []
    )
    return {"group_name": str(shown.get("room_name") or "room"), "interaction_rules": rules}


def silenced(rules: Iterable[Any]) -> list[dict[str, Any]]:
    """The rules, those that would answer switched off."""
    rows = [dict(rule) for rule in rules if isinstance(rule, Mapping)]
    return [rule | {"enabled": False} if speaks(rule) else rule for rule in rows]
