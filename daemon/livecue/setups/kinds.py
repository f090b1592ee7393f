"""Kinds of values in a set-up, and what is wrong with one. Pure; says no value, for some are secrets.

Fields that nobody knows pass, for the API grows, unless they look like a slip of the pen.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str | int, ...]
Problem = tuple[Place, str]
"""Where in the set-up, and what is wrong with its remedy."""


@dataclass(frozen=True)
class Text:
    """A text of `least` to `most` characters; `most` is 0 where the documentation names no end."""

    least: int
    most: int


@dataclass(frozen=True)
class Number:
    """A whole number from `least` to `most`."""

    least: int
    most: int


@dataclass(frozen=True)
class Flag:
    """true or false."""


@dataclass(frozen=True)
class Word:
    """One of those known."""

    known: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """A list; `said` is of what, and an example. `most` is 0 where the documentation names no end."""

    of: Kind
    said: str
    most: int = 0


@dataclass(frozen=True)
class Table:
    """A mapping. `needs` says of each field that has to be there what is wrong if it is not."""

    fields: Mapping[str, Kind]
    needs: Mapping[str, str] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    """Fields that are known and of which nothing more is checked."""


Kind = Text | Number | Flag | Word | Rows | Table


def faults(at: Place, kind: Kind, value: Any) -> Iterator[Problem]:
    """What is wrong with a value that is given; null leaves a field to the cloud."""
    if value is None:
        return
    if isinstance(kind, Table):
        yield from _table(at, kind, value)
    elif isinstance(kind, Rows):
        yield from _rows(at, kind, value)
    elif text := _scalar(kind, value):
        yield at, text


def _table(at: Place, kind: Table, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield at, "must be a mapping: write `name: value` pairs below it"
        return
    known = frozenset(kind.fields) | kind.others
    for name in value:
        near = [] if name in known else difflib.get_close_matches(str(name), known, n=1, cutoff=0.85)
        if near:
            yield (*at, str(name)), f"unknown key; did you mean `{near[0]}`?"
    missing = {name: text for name, text in kind.needs.items() if value.get(name) in (None, "")}
    yield from ((at, text) for text in dict.fromkeys(missing.values()))
    for name, inner in kind.fields.items():
        # an empty mapping is no value, as for the comparison with the cloud
        nothing = isinstance(inner, Table) and value.get(name) == {}
        if name not in missing and not nothing:
            yield from faults((*at, name), inner, value.get(name))


def _rows(at: Place, kind: Rows, value: Any) -> Iterator[Problem]:
    tables = isinstance(kind.of, Table)
    if not isinstance(value, list) or (tables and not all(isinstance(row, Mapping) for row in value)):
        yield at, f"must be a list of {kind.said}"
        return
    if kind.most and len(value) > kind.most:
        yield at, f"has {len(value)}, MetaStudio takes {kind.most}: take some out"
    for number, row in enumerate(value):
        yield from faults((*at, number), kind.of, row)


def _scalar(kind: Text | Number | Flag | Word, value: Any) -> str:
    if isinstance(kind, Text):
        if isinstance(value, str) and kind.least <= len(value) <= (kind.most or len(value)):
            return ""
        size = f" of {kind.least} to {kind.most} characters" if kind.most else ""
        return (
            f"must be a text{size}{': put it in quotation marks' if isinstance(value, int | float) else ''}"
        )
    if isinstance(kind, Number):
        whole = isinstance(value, int) and not isinstance(value, bool)
        good = whole and kind.least <= value <= kind.most
        return "" if good else f"must be a whole number from {kind.least} to {kind.most}"
    if isinstance(kind, Flag):
        return "" if isinstance(value, bool) else "must be true or false, without quotes"
    return "" if value in kind.known else f"use one of {', '.join(kind.known)}"
