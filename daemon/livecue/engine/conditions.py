"""What a tag asks of an event, compiled: small objects with one method, `hit`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from livecue.engine.fields import Number, number_of
from livecue.engine.patterns import Search
from livecue.engine.rules import Match, Operation
from livecue.engine.state import Total

Compare = Callable[[Any, Any], bool]

COMPARE: dict[Match, Compare] = {
    Match.EQUAL: operator.eq,
    Match.MATH_EQ: operator.eq,
    Match.MATH_GT: operator.gt,
    Match.MATH_GE: operator.ge,
    Match.MATH_LT: operator.lt,
    Match.MATH_LE: operator.le,
}


@dataclass(slots=True)
class Facts:
    """One event as the conditions of its type see it: by number of field, and by number of total.

    A total is given before and after this event.
    """

    texts: list[str | None]
    numbers: list[Number | None]
    totals: list[tuple[Total, Total]]


class Condition(Protocol):
    def hit(self, facts: Facts, /) -> bool: ...


@dataclass(slots=True, frozen=True)
class Found:
    """REGEX: the pattern is found anywhere in the field's text."""

    field: int
    search: Search

    def hit(self, facts: Facts) -> bool:
        text = facts.texts[self.field]
        return text is not None and bool(self.search(text))


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
    """COUNT, SUM, AVG of a field over the live so far, this event included.

    COUNT counts the events that have the field at all (S4 calls it counting the field's values, and
    names no number among its conditions); SUM and AVG take those where it is a number. An event
    that adds nothing is no hit. Before the first value there is nothing to compare, which counts as
    false. Without `level` it hits on the turn from false to true alone.
    """

    total: int
    operation: Operation
    compare: Compare
    value: Number
    level: bool

    def hit(self, facts: Facts) -> bool:
        before, after = facts.totals[self.total]
        if self._values(before) == self._values(after):
            return False
        return self._holds(after) and (self.level or not self._holds(before))

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
