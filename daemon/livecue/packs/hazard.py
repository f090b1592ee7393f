"""Which regular expressions can take exponential time: a quick guard at load.

It flags a loop whose body can match the same text in more than one way: an inner choice of length
whose characters may also come next, or alternatives that overlap. When it is unsure it lets the
pattern pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import Any

from livecue.engine.patterns import python_dialect

LOOP = 10
"""From so many rounds on a repeat counts as a loop."""

_SAMPLES = frozenset(map(ord, "aZ0_ 价!\u00e9-"))
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})
_CHARACTERS = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN"})

Item = tuple[Any, Any]


def hazardous(pattern: str) -> bool:
    """Whether a search for `pattern` can take exponential time."""
    parser: Any = getattr(re, "_parser", None)
    if parser is None:
        return False
    try:
        return _loops(list(parser.parse(python_dialect(pattern), re.ASCII)))
    except (re.error, RecursionError, ValueError, TypeError, LookupError):
        return False


def _loops(items: Iterable[Item]) -> bool:
    """Whether some loop in `items`, at any depth, is ambiguous."""
    for op, av in items:
        name = str(op)
        if name in _REPEATS:
            body = list(av[2])
            if int(av[1]) >= LOOP and _ambiguous(body, _first(body)[0]):
                return True
        if any(_loops(part) for part in _parts(name, av)):
            return True
    return False


def _parts(name: str, av: Any) -> list[list[Item]]:
    if name == "BRANCH":
        return [list(part) for part in av[1]]
    if name in _REPEATS or name == "POSSESSIVE_REPEAT":
        return [list(av[2])]
    if name == "SUBPATTERN":
        return [list(av[3])]
    if name in {"ASSERT", "ASSERT_NOT"}:
        return [list(av[1])]
    return [list(av)] if name == "ATOMIC_GROUP" else []


def _ambiguous(body: list[Item], follow: list[Item]) -> bool:
    """Whether `body`, with `follow` as what may come after it, can match one text in two ways."""
    for at, (op, av) in enumerate(body):
        rest, nullable = _first(body[at + 1 :])
        after = rest + follow if nullable else rest
        name = str(op)
        if name in _REPEATS:
            inner = list(av[2])
            first = _first(inner)[0]
            if av[0] != av[1] and _overlap(first, after):
                return True
            if _ambiguous(inner, after + first if int(av[1]) > 1 else after):
                return True
        elif (name == "SUBPATTERN" and _ambiguous(list(av[3]), after)) or (
            name == "BRANCH" and _branches([list(part) for part in av[1]], after)
        ):
            return True
    return False


def _branches(parts: list[list[Item]], after: list[Item]) -> bool:
    firsts = [_first(part) for part in parts]
    empty = sum(nullable for _, nullable in firsts)
    if empty > 1 or (empty and any(_overlap(first, after) for first, _ in firsts)):
        return True
    if any(_same_text(one, other) for one, other in combinations(parts, 2)):
        return True
    return any(_ambiguous(part, after) for part in parts)


def _same_text(one: list[Item], other: list[Item]) -> bool:
    """Whether two alternatives of single characters can match the very same text."""
    if len(one) != len(other) or not all(str(op) in _CHARACTERS for op, _ in one + other):
        return False
    return all(_overlap([a], [b]) for a, b in zip(one, other, strict=True))


def _first(items: list[Item]) -> tuple[list[Item], bool]:
    """The characters that `items` can begin with, and whether they can match nothing."""
    found: list[Item] = []
    for op, av in items:
        name = str(op)
        if name in _CHARACTERS:
            return [*found, (op, av)], False
        if name in {"ASSERT", "ASSERT_NOT", "AT"}:
            continue
        parts = [_first(part) for part in _parts(name, av)]
        for first, _ in parts:
            found += first
        optional = name in _REPEATS | {"POSSESSIVE_REPEAT"} and av[0] == 0
        if parts and not optional and not any(nullable for _, nullable in parts):
            return found, False
    return found, True


def _overlap(one: list[Item], other: list[Item]) -> bool:
    points = _SAMPLES | {point for item in one + other for point in _points(item)}
    return any(
        any(_matches(item, point) for item in one) and any(_matches(item, point) for item in other)
        for point in points
    )


def _points(item: Item) -> list[int]:
    name, av = str(item[0]), item[1]
    if name in {"LITERAL", "NOT_LITERAL"}:
        return [av]
    if name == "RANGE":
        return list(av)
    return [point for part in av for point in _points(part)] if name == "IN" else []


def _matches(item: Item, point: int) -> bool:
    name, av = str(item[0]), item[1]
    if name == "IN":
        negated = str(av[0][0]) == "NEGATE"
        return any(_matches(part, point) for part in av if str(part[0]) != "NEGATE") != negated
    if name == "LITERAL":
        return bool(point == av)
    if name == "NOT_LITERAL":
        return bool(point != av)
    if name == "RANGE":
        return bool(av[0] <= point <= av[1])
    return name == "ANY" or (name == "CATEGORY" and _in_category(str(av), chr(point)))


def _in_category(category: str, character: str) -> bool:
    kind = category.removeprefix("CATEGORY_")
    spelling = {"DIGIT": r"\d", "WORD": r"\w", "SPACE": r"\s"}.get(kind.removeprefix("NOT_"))
    if spelling is None:
        return False
    return (re.match(spelling, character, re.ASCII) is not None) != kind.startswith("NOT_")
