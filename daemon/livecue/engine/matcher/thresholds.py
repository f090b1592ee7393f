"""The MATH conditions on one field, by threshold: a number meets a stretch of each sorted list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter

from livecue.engine.conditions import COMPARE, Compared
from livecue.engine.fields import Number
from livecue.engine.rules import Match

Row = Sequence[int]
_BLOCK = 64


class Thresholds:
    """Gives the rows of the conditions that a number meets."""

    __slots__ = ("_at_least", "_at_most", "_equal", "_less", "_more")

    def __init__(self, rows: Sequence[tuple[Compared, int]]) -> None:
        by_match: dict[Match, list[tuple[Number, int]]] = {match: [] for match in COMPARE}
        names = {compare: match for match, compare in COMPARE.items()}
        for condition, key in rows:
            by_match[names[condition.compare]].append((condition.value, key))
        self._more = _Stretch(by_match[Match.MATH_GT])
        self._at_least = _Stretch(by_match[Match.MATH_GE])
        self._less = _Stretch(by_match[Match.MATH_LT])
        self._at_most = _Stretch(by_match[Match.MATH_LE])
        self._equal: dict[Number, list[int]] = {}
        for value, key in by_match[Match.MATH_EQ]:
            self._equal.setdefault(value, []).append(key)

    def met(self, number: Number) -> list[Row]:
        """The rows of every condition that `number` meets, each sorted."""
        rows: list[Row] = []
        if self._more.values:
            rows += self._more.up_to(bisect_left(self._more.values, number))
        if self._at_least.values:
            rows += self._at_least.up_to(bisect_right(self._at_least.values, number))
        if self._less.values:
            rows += self._less.since(bisect_right(self._less.values, number))
        if self._at_most.values:
            rows += self._at_most.since(bisect_left(self._at_most.values, number))
        if number in self._equal:
            rows.append(self._equal[number])
        return rows


class _Stretch:
    """Keys in the order of their thresholds, in blocks each sorted by itself."""

    __slots__ = ("_blocks", "_keys", "values")

    def __init__(self, pairs: list[tuple[Number, int]]) -> None:
        pairs.sort(key=itemgetter(0))
        self.values = [value for value, _ in pairs]
        self._keys = [key for _, key in pairs]
        self._blocks = [tuple(sorted(self._keys[at : at + _BLOCK])) for at in range(0, len(pairs), _BLOCK)]

    def up_to(self, end: int) -> list[Row]:
        whole = end // _BLOCK
        rest = sorted(self._keys[whole * _BLOCK : end])
        return [*self._blocks[:whole], rest] if rest else list(self._blocks[:whole])

    def since(self, start: int) -> list[Row]:
        whole = -(-start // _BLOCK)
        rest = sorted(self._keys[start : whole * _BLOCK])
        return [rest, *self._blocks[whole:]] if rest else list(self._blocks[whole:])
