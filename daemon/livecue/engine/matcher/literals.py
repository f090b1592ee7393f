"""The texts of which one must stand in a message for a pattern to be found in it.

Read from the tree of `re`'s own parser, a private module: what is not understood there gives no
literals, so that the pattern is tried on every message, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

Item = tuple[Any, Any]

MOST = 64
"""Texts that classes and sequences may multiply to; alternatives as written may be more."""

_MOST_WRITTEN = 4096
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})
_ZERO_WIDTH = frozenset({"AT", "ASSERT", "ASSERT_NOT"})
_DIGITS = frozenset("0123456789")

Texts = frozenset[str]
EMPTY: Texts = frozenset({""})


class Required(NamedTuple):
    """`texts`: a message without any of them cannot match; empty if there are none to name.
    `exact`: a message with any of them does match.
    """

    texts: tuple[str, ...]
    exact: bool


class _Part(NamedTuple):
    """What is known of a piece of a pattern. `whole`: every text it can match is one of these.
    `pure`: and it matches each of them wherever it stands. `need`: one of these stands in every
    text it matches.
    """

    whole: Texts | None
    pure: bool
    need: Texts | None


_UNKNOWN = _Part(None, False, None)


def required(tree: Iterable[Item]) -> Required:
    """What a search for the parsed pattern `tree` needs."""
    items = _trimmed(list(tree))
    part = _sequence(items)
    if part.whole is not None and part.pure and "" not in part.whole:
        return Required(shortest(part.whole), exact=True)
    best = _better(part.need, part.whole)
    return Required(shortest(best) if best else (), exact=False)


def _trimmed(items: list[Item]) -> list[Item]:
    """Repeats at either end may be as short as can be: a search finds the rest all the same."""
    while items and _shrunk(items[0]) is None:
        items = items[1:]
    while items and _shrunk(items[-1]) is None:
        items = items[:-1]
    if len(items) == 1 or not items:
        return [_shrunk(item) or item for item in items]
    return [_shrunk(items[0]) or items[0], *items[1:-1], _shrunk(items[-1]) or items[-1]]


def _shrunk(item: Item) -> Item | None:
    """`item` repeated as seldom as it may be; None if that is not at all."""
    op, av = item
    if str(op) not in _REPEATS:
        return item
    low, _, body = av
    return None if low == 0 else (op, (low, low, body))


def _sequence(items: Sequence[Item]) -> _Part:
    whole: Texts | None = EMPTY
    run, need, pure = EMPTY, None, True
    for item in items:
        part = _part(item)
        pure = pure and part.pure
        joined = None if part.whole is None else _joined(run, part.whole)
        if joined is not None:
            run, whole = joined, None if whole is None else joined
            continue
        need = _better(need, run)
        need = _better(need, part.need)
        run, whole = _after(part), None
    return _Part(whole, pure and whole is not None, _better(need, run))


def _after(part: _Part) -> Texts:
    """What a run goes on from behind a part that could not be joined to it."""
    return part.whole if part.whole is not None and len(part.whole) <= MOST else EMPTY


def _joined(left: Texts, right: Texts) -> Texts | None:
    if left == EMPTY:
        return right
    if len(left) * len(right) > max(MOST, len(left), len(right)):
        return None
    return frozenset(a + b for a, b in product(left, right))


def _part(item: Item) -> _Part:
    name, av = str(item[0]), item[1]
    if name == "LITERAL":
        return _exactly(frozenset({chr(av)}))
    if name == "IN":
        members = _members(av)
        return _UNKNOWN if members is None else _exactly(members)
    if name == "BRANCH":
        return _branch([_sequence(list(branch)) for branch in av[1]])
    if name == "SUBPATTERN":
        return _UNKNOWN if av[1] or av[2] else _sequence(list(av[3]))
    if name == "ATOMIC_GROUP":
        return _sequence(list(av))._replace(pure=False)
    if name in _ZERO_WIDTH:
        return _Part(EMPTY, False, None)
    if name in _REPEATS:
        return _repeat(*av)
    if name == "POSSESSIVE_REPEAT":
        return _repeat(*av)._replace(pure=False)
    return _UNKNOWN


def _exactly(texts: Texts) -> _Part:
    return _Part(texts, True, None)


def _members(av: list[Item]) -> Texts | None:
    """The characters of a small class."""
    found: set[str] = set()
    for op, value in av:
        name = str(op)
        if name == "LITERAL":
            found.add(chr(value))
        elif name == "RANGE" and value[1] - value[0] < MOST:
            found.update(map(chr, range(value[0], value[1] + 1)))
        elif name == "CATEGORY" and str(value) == "CATEGORY_DIGIT":
            found |= _DIGITS
        else:
            return None
    return frozenset(found) if len(found) <= MOST else None


def _branch(parts: list[_Part]) -> _Part:
    wholes = [part.whole for part in parts if part.whole is not None]
    needs = [part.need if part.whole is None else _better(part.need, part.whole) for part in parts]
    named = [need for need in needs if need is not None]
    need = frozenset[str]().union(*named) if len(named) == len(parts) else None
    whole = frozenset[str]().union(*wholes) if len(wholes) == len(parts) else None
    if whole is not None and len(whole) > _MOST_WRITTEN:
        whole = None
    if need is not None and len(need) > _MOST_WRITTEN:
        need = None
    return _Part(whole, whole is not None and all(part.pure for part in parts), need)


def _repeat(low: int, high: int, body: Iterable[Item]) -> _Part:
    part = _sequence(list(body))
    if part.whole is not None and (grown := _powers(part.whole, int(low), int(high))) is not None:
        return _Part(grown, part.pure, None)
    return _Part(None, False, _better(part.need, part.whole)) if low else _UNKNOWN


def _powers(texts: Texts, low: int, high: int) -> Texts | None:
    if high > MOST:
        return None
    found: set[str] = set()
    power: Texts | None = EMPTY
    for times in range(high + 1):
        if power is None or len(found) > MOST:
            return None
        if times >= low:
            found |= power
        power = _joined(power, texts)
    return frozenset(found) if len(found) <= max(MOST, len(texts) + 1) else None


def _better(one: Texts | None, other: Texts | None) -> Texts | None:
    """The rarer of two sets; one with an empty text in it says nothing."""
    usable = [texts for texts in (one, other) if texts and "" not in texts]
    return max(usable, key=_rarity) if usable else None


def _rarity(texts: Texts) -> float:
    return min(4, *map(len, texts)) - len(texts) / 16


def shortest(texts: Texts) -> tuple[str, ...]:
    """`texts` without those that hold another of them."""
    if len(texts) > MOST:
        return tuple(sorted(texts))
    return tuple(sorted(text for text in texts if not any(other in text for other in texts if other != text)))
