"""Reading one field of an event's decoded content, and what its text and its number are.

A tag without a dot is a leaf name: the first scalar under that key, searched breadth-first in
document order through objects and lists. A tag with a dot is a path of keys from the root, and if
that path leads nowhere, a leaf name that happens to contain a dot. `null` and containers are no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Scalar = str | int | float | bool
Number = int | Decimal

MAX_MAGNITUDE = 10**18
"""Numbers from here on are no numbers: no platform sends them, and totals stay exact below it."""

_SCALARS = (str, int, float)
_NESTED = (dict, list)
_MAX_NUMBER_TEXT = 64
_NUMBER = re.compile(r"[+-]?(\d+)(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)


def reader(tag: str) -> Callable[[Mapping[str, Any]], Scalar | None]:
    """The function that reads `tag` from a decoded content."""

    def leaf(content: Mapping[str, Any]) -> Scalar | None:
        value = content.get(tag)
        return value if isinstance(value, _SCALARS) else _search(content, tag)

    if "." not in tag:
        return leaf
    keys = tag.split(".")

    def path(content: Mapping[str, Any]) -> Scalar | None:
        value: Any = content
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, _SCALARS) else leaf(content)

    return path


def _search(content: Mapping[str, Any], name: str) -> Scalar | None:
    level: list[Any] = [content]
    while level:
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                value = node.get(name)
                if isinstance(value, _SCALARS):
                    return value
                below += [child for child in node.values() if isinstance(child, _NESTED)]
            else:
                children = node.values() if isinstance(node, Mapping) else node
                below += [child for child in children if isinstance(child, _NESTED)]
        level = below
    return None


def text_of(value: Scalar | None) -> str | None:
    """The text that EQUAL and REGEX see: strings as they are, numbers and booleans as in JSON."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return str(value)
    except ValueError:  # an integer longer than Python is willing to print
        return None


def number_of(value: Scalar | None) -> Number | None:
    """The number that MATH, SUM and AVG see, exact; None if it is none (also NaN, infinity, 1e999)."""
    if type(value) is int:
        return value if -MAX_MAGNITUDE < value < MAX_MAGNITUDE else None
    if value is None or isinstance(value, bool):
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    found = _NUMBER.fullmatch(text) if len(text) <= _MAX_NUMBER_TEXT else None
    if found is None:
        return None
    if found[2] is None and found[3] is None:
        whole = int(text)
        return whole if -MAX_MAGNITUDE < whole < MAX_MAGNITUDE else None
    number = Decimal(text)
    if abs(number) >= MAX_MAGNITUDE:
        return None
    return int(number) if number == number.to_integral_value() else number
