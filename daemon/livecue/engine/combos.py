"""Gift combos: many gifts, one reply, when the end is marked or no more come.

A rule with `combo` does not answer a gift it hits: the gift is used up and counted in. The combo
closes with the gift that carries the end marker (`repeatEnd` or `repeat_end` 1), or `timeout_s`
after its last gift. Then the rule's limits are settled and it replies once, as of that moment: when
exactly the engine hears of it (the next event, signal or tick) changes nothing in the decision.

Frames that carry a running count (`repeatCount`, `comboCount`) are totals so far: the largest stands
for the count, and the largest totalValue for the value. Without one each frame is a further gift, and
giftNum (1 if missing) and totalValue add up. Viewers without an identity cannot be told apart, so
their gifts of one kind make one combo. A combo that the limits push out is lost, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livecue.domain import LiveEvent
from livecue.engine.acts import Gathering
from livecue.engine.fields import Number, number_of, reader, text_of
from livecue.engine.limits import Limits
from livecue.engine.program import Plan
from livecue.engine.state import OpenCombo, RoomState
from livecue.engine.viewers import digest, identity

_ends = (reader("repeatEnd"), reader("repeat_end"))
_running = (reader("repeatCount"), reader("repeat_count"), reader("comboCount"), reader("combo_count"))
_gift_num = reader("giftNum")
_total_value = reader("totalValue")

_KEPT_KEYS = 20
_KEPT_TEXT = 200
_KEPT_NUMBER = 2**53


def gathered(
    plan: Plan, combo: Gathering, state: RoomState, event: LiveEvent, total: str, limits: Limits
) -> OpenCombo | None:
    """Count the gift in; the combo, if this gift closes it. `total` is what `{total}` speaks of."""
    key = _key(plan, combo, event.content)
    found = state.combos.pop(key, None) or OpenCombo(plan.rule.rule_index, event.room, event.id, 0)
    _count_in(found, event.content)
    found.room, found.event_id, found.total = event.room, event.id, total
    found.due_ms = event.at_ms + combo.timeout_ms
    state.dirty = True
    if any(number_of(read(event.content)) == 1 or read(event.content) is True for read in _ends):
        return found
    found.content = _cut_down(event.content)
    while len(state.combos) >= limits.combos:
        del state.combos[next(iter(state.combos))]
        state.evicted += 1
    state.combos[key] = found
    return None


def next_due_ms(state: RoomState) -> int | None:
    """When the first open combo runs out, None if none is open."""
    return min((combo.due_ms for combo in state.combos.values()), default=None)


def take_due(state: RoomState, now_ms: int) -> list[OpenCombo]:
    """The combos that have run out by `now_ms`, the earliest first; they are open no more."""
    due = [key for key, combo in state.combos.items() if combo.due_ms <= now_ms]
    if due:
        state.dirty = True
    return sorted((state.combos.pop(key) for key in due), key=lambda combo: combo.due_ms)


def as_event(combo: OpenCombo, event_type: int) -> LiveEvent:
    """The last gift of a combo that has run out, as if it came at that moment."""
    return LiveEvent(combo.room, combo.event_id, combo.due_ms, combo.due_ms, event_type, combo.content, "")


def figures(combo: OpenCombo) -> dict[str, str]:
    """The variables that a reply may use."""
    return {"combo.count": combo.count, "combo.value": combo.value, "total": combo.total}


def _key(plan: Plan, combo: Gathering, content: Mapping[str, Any]) -> str:
    values = [identity(content) if read is None else text_of(read(content)) or "" for read in combo.by]
    return f"{plan.rule.rule_index}\n{digest(chr(0).join(values))}"


def _count_in(combo: OpenCombo, content: Mapping[str, Any]) -> None:
    worth = number_of(_total_value(content)) or 0
    so_far = [number for read in _running if (number := number_of(read(content))) is not None]
    count, value = number_of(combo.count) or 0, number_of(combo.value) or 0
    if so_far:
        combo.running = True
        combo.count, combo.value = _plain(max(count, so_far[0])), _plain(max(value, worth))
    elif not combo.running:
        number = number_of(_gift_num(content))
        combo.count, combo.value = _plain(count + (1 if number is None else number)), _plain(value + worth)


def _plain(number: Number) -> str:
    return str(number) if isinstance(number, int) else f"{number.normalize():f}"


def _cut_down(content: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """What a later reply, layer or callback may use of a gift, of bounded size and as JSON keeps it."""
    kept: dict[str, Any] = {}
    for key, value in list(content.items())[:_KEPT_KEYS]:
        name = _storable(key)
        if isinstance(value, Mapping) and depth < 2:
            kept[name] = _cut_down(value, depth + 1)
        elif isinstance(value, bool) or (isinstance(value, int) and -_KEPT_NUMBER < value < _KEPT_NUMBER):
            kept[name] = value
        elif isinstance(value, str):
            kept[name] = _storable(value)
        elif isinstance(value, float | int):
            kept[name] = text_of(value) or ""
    return kept


def _storable(text: str) -> str:
    return text[:_KEPT_TEXT].encode("utf-8", "replace").decode()
