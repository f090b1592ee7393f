"""What a tag asks of an event, compiled: small objects with one method, `hit`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from livecue.engine.fields import Number, number_of
from livecue.engine.matcher.pattern import Pattern
from livecue.engine.rules import Match, Operation
from livecue.engine.totals import Step, Total

Compare = Callable[[Any, Any], bool]

COMPARE: dict[Match, Compare] = {
    Match.EQUAL: operator.eq,
    Match.MATH_EQ: operator.eq,
    Match.MATH_GT: operator.gt,
    Match.MATH_GE: operator.ge,
    Match.MATH_LT: operator.lt,
    Match.MATH_LE: operator.le,
}


PATIENCE = 3
"""Searches that may run out of time on one event; those after them are no hits, untried."""


class Facts(msgspec.Struct, gc=False):
    """One event as the conditions of its type see it: by number of field, and by number of total.

    A total is given as the step that this event made of it. `patience`: how many searches may still
    run out of time, so that one message costs no more than that however many rules there are.
    """

    texts: Sequence[str | None]
    numbers: Sequence[Number | None]
    totals: list[Step]
    patience: int = PATIENCE


class Condition(Protocol):
    def hit(self, facts: Facts, /) -> bool: ...


@dataclass(slots=True, frozen=True)
class Found:
    """REGEX: the pattern is found anywhere in the field's text."""

    field: int
    pattern: Pattern

    def hit(self, facts: Facts) -> bool:
        text = facts.texts[self.field]
        if text is None or not (facts.patience or self.pattern.quick(text)):
            return False
        try:
            return self.pattern.found(text)
        except TimeoutError:
            facts.patience -= 1
            return False


@dataclass(slots=True, frozen=True)
class Equal:
    """EQUAL: the field's text is the value, character by character."""

    field: int
    value: str

    def hit(self, facts: Facts) -> bool:
        return facts.texts[self.field] == self.value


@dataclass(slots=True, frozen=True)
class Compared:
    """MATH_*: the field's number beside the value."""

    field: int
    compare: Compare
    value: Number

    def hit(self, facts: Facts) -> bool:
        number = facts.numbers[self.field]
        return number is not None and self.compare(number, self.value)


@dataclass(slots=True, frozen=True)
class Totalled:
    """COUNT, SUM, AVG of a field over the live so far or a window of it, this event included.

    COUNT counts the events that have the field at all (S4 calls it counting the field's values, and
    names no number among its conditions); SUM and AVG take those where it is a number. An event
    that adds nothing is no hit. Before the first value there is nothing to compare, which counts as
    false. Without `level` it hits on the turn from false to true alone: now true, and false at some
    time since the event before.
    """

    total: int
    operation: Operation
    compare: Compare
    value: Number
    level: bool

    def hit(self, facts: Facts) -> bool:
        left, found, after = facts.totals[self.total]
        if self._values(found) == self._values(after):
            return False
        return self._holds(after) and (self.level or not (self._holds(left) and self._holds(found)))

    def figure(self, facts: Facts) -> str:
        """The total to speak of, empty if there is none; a mean has at most two places."""
        total = facts.totals[self.total].after
        values = self._values(total)
        if not values:
            return ""
        if self.operation is Operation.COUNT:
            return str(values)
        value = Decimal(total.sum) / values if self.operation is Operation.AVG else Decimal(total.sum)
        text = f"{value:.2f}" if self.operation is Operation.AVG else f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def _values(self, total: Total) -> int:
        return total.seen if self.operation is Operation.COUNT else total.numbers

    def _holds(self, total: Total) -> bool:
        values = self._values(total)
        if not values:
            return False
        if self.operation is Operation.COUNT:
            return self.compare(values, self.value)
        # the mean is never divided out: both sides stay exact
        bound = self.value * values if self.operation is Operation.AVG else self.value
        return self.compare(total.sum, bound)


@dataclass(slots=True, frozen=True)
class Constant:
    """The fallback's condition (True), or one that nothing can meet, such as MATH with a value that
    is no number (False).
    """

    value: bool

    def hit(self, _facts: Facts) -> bool:
        return self.value


def threshold(value: str) -> Number | None:
    """The number a MATH condition compares with; None if `value` is none."""
    return number_of(value)
