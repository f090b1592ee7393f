"""The rules an event hits, in order; and those whose patterns do not come to an end in time.

A search that ran out of time is no hit. A rule to which that happens `QUARANTINE` times in a live is
not tried again before the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livecue.engine.conditions import Facts
from livecue.engine.matcher.index import Key
from livecue.engine.program import Plan
from livecue.engine.state import RoomState

QUARANTINE = 3
"""Events on which a rule may run out of time in one live."""


def hits(
    plans: tuple[Plan, ...], keys: Iterable[Key], facts: Facts, state: RoomState, late: list[str]
) -> Iterator[Plan]:
    """The plans that hit, among those that `keys` name; each is tried only when it is asked for.

    `late` gets the rule_index of each that ran out of time.
    """
    scene, tried = state.scene, -1
    for key in keys:
        at = key >> 1
        if at == tried:
            continue
        tried = at
        plan = plans[at]
        if plan.scenes and scene not in plan.scenes:
            continue
        if state.timeouts and state.timeouts.get(plan.rule.rule_index, 0) >= QUARANTINE:
            continue
        if not key & 1 or _verified(plan, facts, state, late):
            yield plan


def _verified(plan: Plan, facts: Facts, state: RoomState, late: list[str]) -> bool:
    patience = facts.patience
    hit = plan.hit(facts)
    if facts.patience < patience:
        index = plan.rule.rule_index
        late.append(index)
        state.timeouts[index] = state.timeouts.get(index, 0) + 1
        state.dirty = True
    return hit


def quarantined(late: list[str], state: RoomState) -> tuple[str, ...]:
    """Those of `late` that are not tried any more."""
    return tuple(index for index in late if state.timeouts[index] >= QUARANTINE)
