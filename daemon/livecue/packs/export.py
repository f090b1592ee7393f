"""A pack as the cloud takes it: MetaStudio's fields alone (S4 6.1.6), nothing of livecue's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from livecue.engine.rules import Additions, Rule
from livecue.packs.loading import Pack

_TEMPLATE = re.compile(r"\{[A-Za-z_][\w.]*(\|[^{}]*)?\}", re.ASCII)
_OPTIONAL = ("review_config", "layer_config", "extra_layer_config", "robot_id", "reply_audios")


def exported(pack: Pack) -> dict[str, Any]:
    """The rule group as JSON values; loading it gives the pack's rules again, without `livecue`."""
    return {"group_name": pack.group_name, "interaction_rules": [_rule(rule) for rule in pack.rules]}


def left_out(pack: Pack) -> Iterator[str]:
    """What the cloud will not know of, a line per rule."""
    for rule in pack.rules:
        where = f"{pack.file}:{pack.lines[rule.rule_index]}: rule {rule.rule_name or rule.rule_index!r}"
        own = [
            name
            for name in rule.livecue.__struct_fields__
            if getattr(rule.livecue, name) != getattr(Additions(), name)
            and not (name == "merge" and rule.livecue.merge is False)
        ]
        if own:
            yield f"{where}: without livecue's {', '.join(own)}"
        variables = sorted({found[0] for text in rule.texts for found in _TEMPLATE.finditer(text)})
        if variables:
            yield f"{where}: the cloud speaks {', '.join(variables)} as it stands"


def _rule(rule: Rule) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(rule)
    del plain["livecue"], plain["unknown"]
    for path, word in rule.unknown:
        _put(plain, path, word)
    _drop_empty(plain)
    _drop_empty(plain["trigger"])
    return plain


def _put(table: Any, path: str, word: str) -> None:
    """Write a word of a newer cloud back to where it stood."""
    *parents, key = path.split(".")
    for part in parents:
        table = table[int(part)] if isinstance(table, list | tuple) else table[part]
    table[key] = word


def _drop_empty(table: dict[str, Any]) -> None:
    for key in _OPTIONAL:
        if not table.get(key, True):
            del table[key]
