"""How many steps `re` may take for a pattern: an upper bound read off its parsed tree.

`re` cannot be interrupted, so it gets only what is proven to be over soon. The bound counts the
ways in which the pattern can be tried at one place of the text, as a product, and takes every one
of them to fail at its very end. What is not understood counts as endless.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, isinf
from typing import Any

from livecue.engine.matcher.literals import Item

LONGEST = 200
"""Characters for which the bound holds; a longer text is always searched under the time limit."""

_STEPS = 1_000_000  # about 10 ms
_ONE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"})
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


def simple(tree: Any) -> bool:
    """Whether a search in `LONGEST` characters is proven to end within the time limit."""
    items = list(tree)
    while items and _ends_at_once(items[-1]):
        items.pop()
    least, _ = tree.getwidth()
    return _ways(items) * LONGEST * min(max(least, 1), LONGEST) <= _STEPS and _fixed_behind(list(tree))


def _ends_at_once(item: Item) -> bool:
    """A repeat of one character with nothing behind it: the first way succeeds."""
    name, av = str(item[0]), item[1]
    return name in _REPEATS and av[0] == 0 and all(str(op) in _ONE for op, _ in av[2])


def _ways(items: Iterable[Item]) -> float:
    total: float = 1
    for op, av in items:
        total *= _ways_of(str(op), av)
        if total > _STEPS:
            return inf
    return total


def _ways_of(name: str, av: Any) -> float:
    if name in _ONE:
        return 1
    if name == "BRANCH":
        return sum(_ways(branch) for branch in list(av[1]))
    if name == "SUBPATTERN":
        return _ways(av[3])
    if name == "ATOMIC_GROUP":
        return _ways(av)
    if name in {"ASSERT", "ASSERT_NOT"}:
        return 1 + _ways(av[1])
    return _rounds(int(av[0]), int(av[1]), av[2]) if name in _REPEATS else inf


def _rounds(low: int, high: int, body: Any) -> float:
    """Without choice in the body only the number of rounds is open; else all choices multiply."""
    ways = _ways(body)
    least, most = (int(width) for width in body.getwidth())
    if isinf(ways) or most == 0:
        return inf
    rounds = min(high, LONGEST // max(least, 1))
    if ways == 1 and least == most:
        return max(rounds - low, 0) + 1
    return ways**high * (high - low + 1) if high <= 8 else inf


def _fixed_behind(items: Iterable[Item]) -> bool:
    """Whether every look-behind has one width, which `re` insists on."""
    for op, av in items:
        name = str(op)
        if name in {"ASSERT", "ASSERT_NOT"} and av[0] < 0 and len(set(av[1].getwidth())) > 1:
            return False
        if not all(_fixed_behind(list(part)) for part in parts_of(name, av)):
            return False
    return True


def parts_of(name: str, av: Any) -> list[Any]:
    """The pieces of pattern within one item."""
    if name == "BRANCH":
        return list(av[1])
    if name in _REPEATS:
        return [av[2]]
    if name == "SUBPATTERN":
        return [av[3]]
    if name in {"ASSERT", "ASSERT_NOT"}:
        return [av[1]]
    return [av] if name == "ATOMIC_GROUP" else []
