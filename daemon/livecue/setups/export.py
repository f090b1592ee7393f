"""An existing room as `room: {…}` of the file: what may be written, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from livecue.metastudio import Thing
from livecue.setups.fields import READ_ONLY, READ_ONLY_WITHIN, WITH_THE_START
from livecue.setups.quiet import silenced

_NEEDED: Final = frozenset({"shoot_scripts"})
"""What has to be there (S4 6.1.1), be it empty."""


def exported(thing: Thing, shown: Mapping[str, Any]) -> dict[str, Any]:
    """What the file would say for the set-up to be as `shown`; rules that answer are switched off.

    Left out are what the cloud alone writes, what is empty, and what goes with every start: addresses,
    stream keys and callbacks, which hold secrets.
    """
    out = {key: value for key, value in shown.items() if key not in READ_ONLY[thing] | WITH_THE_START}
    if isinstance(rules := out.get("interaction_rules"), list):
        out["interaction_rules"] = silenced(rules)
    return {key: value for key, item in out.items() if not _nothing(value := _plain(item))}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _plain(item) for key, item in value.items() if key not in READ_ONLY_WITHIN}
        return {key: item for key, item in kept.items() if key in _NEEDED or not _nothing(item)}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})
