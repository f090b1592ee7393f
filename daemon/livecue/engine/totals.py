"""Totals of one field: over the whole live or a window of it, of everybody or of each viewer.

Rules that read the same total share one. A window is kept as a ring of at most 60 slots (12 for a
single viewer's), so it is exact but for the age of its oldest slot: it never reaches back further
than `window_s`, and at most two slots less far. A total that its rule resets is that
rule's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from livecue.engine.fields import Number
from livecue.engine.rules import Aggregate, Reset, Scope

ROOM_SLOTS = 60
USER_SLOTS = 12


@dataclass(slots=True)
class Slot:
    """What came in one slot of a window; `number` counts slots since the epoch."""

    number: int
    seen: int = 0
    numbers: int = 0
    sum: Number = 0


@dataclass(slots=True)
class Total:
    """Events that had the field, those where it was a number, their sum.

    `slots`, `at_ms`: what a window adds up, and when a single viewer's total last grew.
    """

    seen: int = 0
    numbers: int = 0
    sum: Number = 0
    slots: list[Slot] = field(default_factory=list)
    at_ms: int = 0

    def add(self, number: Number | None) -> None:
        self.seen += 1
        if number is not None:
            self.numbers += 1
            self.sum += number

    def expire(self, before: int) -> None:
        """Forget the slots before that number. The sum is made anew, so that it cannot drift."""
        kept = [slot for slot in self.slots if slot.number >= before]
        if len(kept) != len(self.slots):
            self.slots = kept
            self.seen = sum(slot.seen for slot in kept)
            self.numbers = sum(slot.numbers for slot in kept)
            self.sum = sum((slot.sum for slot in kept), start=0)


class Step(NamedTuple):
    """One total around one event: as the last event left it, as this one found it, and after it.

    The first two differ when time has taken something out of a window in between.
    """

    left: Total
    found: Total
    after: Total


EMPTY = Total()
NO_STEP = Step(EMPTY, EMPTY, EMPTY)


@dataclass(slots=True, frozen=True)
class Meter:
    """Which total: of field number `field`, under `key` in the state. `slot_ms` 0: the whole live."""

    key: str
    field: int
    slot_ms: int = 0
    slots: int = 0
    by_user: bool = False

    def step(self, total: Total, number: Number | None, at_ms: int) -> Step:
        """Add one event that has the field."""
        left = found = Total(total.seen, total.numbers, total.sum)
        if self.slot_ms:
            now = max(at_ms // self.slot_ms, total.slots[-1].number if total.slots else 0)
            total.expire(now - self.slots + 1)
            found = Total(total.seen, total.numbers, total.sum)
            if not total.slots or total.slots[-1].number != now:
                total.slots.append(Slot(now))
            slot = total.slots[-1]
            slot.seen += 1
            if number is not None:
                slot.numbers += 1
                slot.sum += number
        total.add(number)
        return Step(left, found, total)


def meter_for(event_type: int, tag: str, at: int, aggregate: Aggregate, rule_index: str) -> Meter:
    """The meter of `tag`, which is field number `at`, as the rule's aggregate wants it."""
    window_ms = round(aggregate.window_s * 1000)
    by_user = aggregate.scope is Scope.USER
    owner = rule_index if aggregate.reset is Reset.ON_FIRE else ""
    key = f"{event_type}:{tag}"
    if window_ms or by_user or owner:
        key += f"\n{window_ms}\n{aggregate.scope.value}\n{owner}"
    slots = USER_SLOTS if by_user else ROOM_SLOTS
    slot_ms = -(-window_ms // slots)
    return Meter(key, at, slot_ms, window_ms // slot_ms if slot_ms else 0, by_user)


def pack_total(total: Total) -> dict[str, Any]:
    packed: dict[str, Any] = {"seen": total.seen, "numbers": total.numbers, "sum": _plain(total.sum)}
    if total.slots:
        packed["slots"] = [[slot.number, slot.seen, slot.numbers, _plain(slot.sum)] for slot in total.slots]
    if total.at_ms:
        packed["at_ms"] = total.at_ms
    return packed


def _plain(number: Number) -> str:
    """One spelling for one number, so that what is read back is written the same."""
    if isinstance(number, int) or number == number.to_integral_value():
        return str(int(number))
    return str(number.normalize())


def unpack_total(data: Any) -> Total:
    """What `pack_total` wrote; what is unreadable is at its default."""
    part: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    slots = part.get("slots")
    return Total(
        seen=_whole(part.get("seen")),
        numbers=_whole(part.get("numbers")),
        sum=_sum(part.get("sum")),
        slots=[_slot(slot) for slot in slots if _is_slot(slot)] if isinstance(slots, list) else [],
        at_ms=_whole(part.get("at_ms")),
    )


def _is_slot(slot: Any) -> bool:
    return isinstance(slot, list) and len(slot) == 4 and type(slot[0]) is int


def _slot(slot: list[Any]) -> Slot:
    return Slot(slot[0], _whole(slot[1]), _whole(slot[2]), _sum(slot[3]))


def _sum(value: Any) -> Number:
    try:
        number = Decimal(value if isinstance(value, str) and value else "0")
    except InvalidOperation:
        return 0
    if not number.is_finite():
        return 0
    return int(number) if number == number.to_integral_value() else number


def _whole(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0
