"""The rule groups of the cloud (S4 6.1.6-6.1.9): stores of rules to copy from, see `twice`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from livecue.setups.plan import SetupError


def the_group(groups: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    """The group with that id, or else that name.

    Raises:
        SetupError: there is none, or several bear the name; it says which there are.
    """
    named = {str(group.get("group_id")): str(group.get("group_name")) for group in groups}
    by_id = [group for group in groups if group.get("group_id") == wanted]
    found = by_id or [group for group in groups if group.get("group_name") == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(group_id for group_id, name in named.items() if name == wanted)
        raise SetupError(
            f"the cloud has {len(found)} rule groups named {wanted!r}: give one by its id, {ids}"
        )
    listed = ", ".join(sorted(named.values())) or "none"
    raise SetupError(f"the cloud has no rule group {wanted!r}; those are: {listed}")
