"""Which rules an event may hit, without a look at the others.

Every rule is filed under what it cannot do without: a literal of its REGEX, the value of its EQUAL,
the threshold of its MATH. AND files it once, under the rarest of these; OR once per condition. A
rule that has nothing of the kind is always tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, merge
from itertools import chain
from typing import NamedTuple

from livecue.engine.conditions import Compared, Condition, Constant, Equal, Facts, Found
from livecue.engine.matcher.automaton import SURROGATES, Automaton
from livecue.engine.matcher.thresholds import Thresholds

Key = int
"""Twice the rule's place in evaluation order; odd if it still has to be verified. A decided rule
comes right before the same one undecided.
"""

_FEW = 512


class Conditions(NamedTuple):
    """One rule's, as far as they have to do with finding it."""

    conditions: Sequence[Condition]
    any_of: bool


class Index:
    """The rules of one event type, by what they need."""

    __slots__ = ("_automata", "_equals", "_numbers", "always")

    def __init__(self, rules: Sequence[Conditions]) -> None:
        """`rules` in evaluation order."""
        filing = _Filing(rules)
        self.always: tuple[Key, ...] = tuple(filing.always)
        self._automata = tuple((field, Automaton(rows)) for field, rows in filing.literals.items())
        self._equals = tuple(filing.equals.items())
        self._numbers = tuple((field, Thresholds(rows)) for field, rows in filing.numbers.items())

    def keys(self, facts: Facts) -> Iterable[Key]:
        """The rules that may hit, in evaluation order; the same one may come twice in a row."""
        texts = facts.texts
        rows: list[Sequence[Key]] = []
        for field, automaton in self._automata:
            text = texts[field]
            if text:
                try:
                    found = automaton.scan(text, True)
                except UnicodeEncodeError:
                    found = automaton.scan_pieces(text)
                if found:
                    rows += automaton.rows(found)
        for field, equals in self._equals:
            text = texts[field]
            if text is not None and text in equals:
                rows.append(equals[text])
        for field, thresholds in self._numbers:
            number = facts.numbers[field]
            if number is not None:
                rows += thresholds.met(number)
        if not rows:
            return self.always
        if self.always:
            rows.append(self.always)
        return rows[0] if len(rows) == 1 else _in_order(rows)


def _in_order(rows: list[Sequence[Key]]) -> Iterable[Key]:
    """Sorted at once if there are few; else no more than is asked for."""
    if sum(map(len, rows)) <= _FEW:
        return sorted(chain.from_iterable(rows))
    if len(rows) <= _FEW:
        return merge(*rows)
    return _popped([key for row in rows for key in row])


def _popped(keys: list[Key]) -> Iterator[Key]:
    heapify(keys)
    while keys:
        yield heappop(keys)


class _Filing:
    """Rows by what they are found under, while they are being collected."""

    def __init__(self, rules: Sequence[Conditions]) -> None:
        self.always: list[Key] = []
        self.literals: dict[int, dict[str, list[Key]]] = {}
        self.equals: dict[int, dict[str, list[Key]]] = {}
        self.numbers: dict[int, list[tuple[Compared, Key]]] = {}
        self._asked = Counter(
            (condition.field, condition.value)
            for rule in rules
            for condition in rule.conditions
            if isinstance(condition, Equal)
        )
        for place, rule in enumerate(rules):
            self._file(place, rule)

    def _file(self, place: int, rule: Conditions) -> None:
        """A rule with a condition that can never hold is filed as far as the others let it hit."""
        conditions = [it for it in rule.conditions if not isinstance(it, Constant) or it.value]
        if not conditions or (not rule.any_of and len(conditions) < len(rule.conditions)):
            return
        if not rule.any_of:
            rarest = min(conditions, key=self._commonness)
            self._file_under(rarest, place * 2, alone=len(conditions) == 1)
        elif any(not _filed(condition) for condition in conditions):
            self.always.append(place * 2 + 1)
        else:
            for condition in conditions:
                self._file_under(condition, place * 2, alone=True)

    def _commonness(self, condition: Condition) -> tuple[int, float]:
        if isinstance(condition, Equal):
            return 0, self._asked[condition.field, condition.value]
        if isinstance(condition, Found) and _filed(condition):
            return 1, -min(map(len, condition.pattern.required.texts))
        return (2, 0) if isinstance(condition, Compared) else (3, 0)

    def _file_under(self, condition: Condition, key: Key, *, alone: bool) -> None:
        """`alone`: the condition by itself makes the rule hit."""
        unsure = key + 1
        if isinstance(condition, Equal):
            rows = self.equals.setdefault(condition.field, {})
            _add(rows, condition.value, key if alone else unsure)
        elif isinstance(condition, Compared):
            self.numbers.setdefault(condition.field, []).append((condition, key if alone else unsure))
        elif isinstance(condition, Found) and _filed(condition):
            required = condition.pattern.required
            rows = self.literals.setdefault(condition.field, {})
            for text in required.texts:
                _add(rows, text, key if alone and required.exact else unsure)
        else:
            self.always.append(unsure)


def _add(rows: dict[str, list[Key]], text: str, key: Key) -> None:
    row = rows.setdefault(text, [])
    if not row or row[-1] != key:
        row.append(key)


def _filed(condition: Condition) -> bool:
    """Whether there is something to find the condition by."""
    if isinstance(condition, Found):
        texts = condition.pattern.required.texts
        return bool(texts) and not any(SURROGATES.search(text) for text in texts)
    return isinstance(condition, Equal | Compared)
