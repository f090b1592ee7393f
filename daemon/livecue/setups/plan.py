"""What to call so that one room or product is set up as the file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from livecue.metastudio import FORMS, Thing
from livecue.setups.diff import Change, changes, merged
from livecue.setups.fields import CREATE_ONLY, READ_ONLY, READ_ONLY_WITHIN
from livecue.setups.products import creation
from livecue.setups.quiet import silenced, speaks


class SetupError(Exception):
    """The cloud has something that the file does not tell apart.

    Remedy: what the message says; nothing was changed.
    """


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"


@dataclass(frozen=True)
class Step:
    """One thing of the file: `label` is what the file calls it, `id` is empty while it does not exist.

    `changes` say what differs, `body` is what goes to the cloud. It may hold a room's stream keys.
    """

    thing: Thing
    label: str
    name: str
    id: str
    action: Action
    changes: tuple[Change, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)


def the_one(thing: Thing, name: str, ids: Sequence[str]) -> str:
    """The id among those found by name, empty if there is none.

    Raises:
        SetupError: several bear the name.
    """
    if len(ids) > 1:
        what = thing.replace("_", " ")
        raise SetupError(
            f"the cloud has {len(ids)} {what}s named {name!r} ({', '.join(ids)}): rename all but one, "
            "or give this one by its id"
        )
    return ids[0] if ids else ""


def plan_step(
    thing: Thing, label: str, wanted: Mapping[str, Any], thing_id: str, shown: Mapping[str, Any] | None
) -> Step:
    """What to do about one thing; `shown` is None where the cloud has none of that name.

    The rules of a live room are part of what is wanted, also where the file has none: those that
    the cloud would answer by are switched off.
    """
    name = str(wanted.get(FORMS[thing].name) or label)
    if shown is None:
        body = creation(wanted) if thing is Thing.PRODUCT else dict(wanted)
        return Step(thing, label, name, "", Action.CREATE, changes(wanted, {}), body)
    full = {key: value for key, value in wanted.items() if key not in CREATE_ONLY}
    rules = shown.get("interaction_rules")
    if thing is Thing.ROOM and "interaction_rules" not in full and isinstance(rules, list):
        full |= {"interaction_rules": silenced(rules)} if any(map(_speaking, rules)) else {}
    found = changes(full, shown)
    if not found:
        return Step(thing, label, name, thing_id, Action.KEEP)
    kept = {key: value for key, value in shown.items() if key not in READ_ONLY[thing] and not _masked(value)}
    if thing is Thing.PRODUCT:
        kept = {key: _writable(value) for key, value in kept.items()}
    return Step(thing, label, name, thing_id, Action.UPDATE, found, merged(full, kept))


def _speaking(rule: Any) -> bool:
    return isinstance(rule, Mapping) and speaks(rule)


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _writable(item) for key, item in value.items() if key not in READ_ONLY_WITHIN}
    return [_writable(item) for item in value] if isinstance(value, list) else value


def _masked(value: Any) -> bool:
    """Whether asterisks stand for a secret: written back they would take its place."""
    if isinstance(value, Mapping):
        return any(map(_masked, value.values()))
    if isinstance(value, list):
        return any(map(_masked, value))
    return isinstance(value, str) and len(value) > 1 and not value.strip("*")
