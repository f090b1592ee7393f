"""Sets of characters as sorted, disjoint ranges of code points: what a Java character class comes to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import regex

from livecue.engine.matcher.errors import PatternError

Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
TERMINATORS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x85, 0x85), (0x2028, 0x2029))
"""What Java takes for the end of a line."""

DIGIT: Ranges = ((0x30, 0x39),)
WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
HORIZONTAL: Ranges = (
    *((0x09, 0x09), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x180E, 0x180E)),
    *((0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
VERTICAL: Ranges = ((0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029))

_POSIX: dict[str, Ranges] = {
    "Lower": ((0x61, 0x7A),),
    "Upper": ((0x41, 0x5A),),
    "ASCII": ((0, 0x7F),),
    "Alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "Digit": DIGIT,
    "Alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "Punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "Graph": ((0x21, 0x7E),),
    "Print": ((0x20, 0x7E),),
    "Blank": ((0x09, 0x09), (0x20, 0x20)),
    "Cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "XDigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
    "Space": SPACE,
    "L1": ((0, 0xFF),),
    "all": ((0, LAST),),
}
_CATEGORIES = frozenset(
    f"{major}{minor}"
    for major, minors in {
        "L": "ultmo",
        "M": "nec",
        "N": "dlo",
        "Z": "slp",
        "P": "cdseifo",
        "S": "mcko",
        "C": "cfosn",
    }.items()
    for minor in ("", *minors)
)
_BINARY = {
    **{name: name for name in ("alphabetic", "ideographic", "lowercase", "uppercase", "white_space")},
    "letter": "L",
    "titlecase": "Lt",
    "punctuation": "P",
    "control": "Cc",
    "digit": "Nd",
}
_CASED = frozenset({"lower", "upper", "lu", "ll", "lt", "lowercase", "uppercase", "titlecase"})
_SCRIPT_KEYS = {"script": "Script", "sc": "Script", "block": "Block", "blk": "Block"}


def union(*parts: Ranges) -> Ranges:
    """Everything that is in one of `parts`."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for part in parts for pair in part):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Every character that is not in `ranges`, which are sorted and disjoint."""
    out, at = [], 0
    for low, high in ranges:
        if at < low:
            out.append((at, low - 1))
        at = high + 1
    if at <= LAST:
        out.append((at, LAST))
    return tuple(out)


def intersection(one: Ranges, other: Ranges) -> Ranges:
    return complement(union(complement(one), complement(other)))


def either_case(ranges: Ranges) -> Ranges:
    """`ranges` and the other case of their ASCII letters: all that Java's `(?i)` adds."""
    swapped = [
        (low ^ 0x20, high ^ 0x20)
        for letters in (_POSIX["Upper"], _POSIX["Lower"])
        for low, high in intersection(union(ranges), letters)
    ]
    return union(ranges, tuple(swapped))


def spelled(ranges: Ranges) -> str:
    """A class of Python's `re` that matches one character of `ranges`."""
    ranges = union(ranges)
    if not ranges:
        return "(?!)"
    if ranges == ((0, LAST),):
        return "(?s:.)"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return re.escape(chr(ranges[0][0]))
    outside = complement(ranges)
    return f"[^{_body(outside)}]" if len(outside) < len(ranges) else f"[{_body(ranges)}]"


def _body(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(
        re.escape(chr(low)) + (f"-{re.escape(chr(high))}" if low < high else "") for low, high in ranges
    )


def property_ranges(name: str, *, caseless: bool) -> Ranges:
    r"""The characters of Java's `\p{name}`.

    Raises:
        PatternError: it is none that livecue knows, or one whose meaning `(?i)` changes.
    """
    bare = name.removeprefix("Is")
    if caseless and bare.rpartition("=")[2].lower() in _CASED:
        raise PatternError(rf"\p{{{name}}} under (?i) is not supported; write \p{{Alpha}} or \p{{L}}")
    if name in _POSIX:
        return _POSIX[name]
    key, is_pair, value = name.partition("=")
    if is_pair:
        wanted = _SCRIPT_KEYS.get(key.lower())
        if wanted:
            return _unicode(name, f"{wanted}={value}")
        if key.lower() in {"general_category", "gc"} and value in _CATEGORIES:
            return _unicode(name, value)
    elif bare in _CATEGORIES:
        return _unicode(name, bare)
    elif name in {"LC", "IsLC"}:
        return union(*(_unicode(name, part) for part in ("Lu", "Ll", "Lt")))
    elif name in {"LD", "IsLD"}:
        return union(_unicode(name, "L"), _unicode(name, "Nd"))
    elif name.startswith("In"):
        return _unicode(name, f"Block={name[2:]}")
    elif name.startswith("Is"):
        known = _BINARY.get(bare.lower())
        return _unicode(name, known or f"Script={bare}")
    raise PatternError(rf"\p{{{name}}} is not supported; write \p{{L}}, \p{{N}}, \p{{P}} or \p{{IsHan}}")


@lru_cache(maxsize=64)
def _unicode(name: str, spelling: str) -> Ranges:
    try:
        found: Any = regex.compile(rf"\p{{{spelling}}}+")
    except regex.error as error:
        raise PatternError(rf"\p{{{name}}} is not a known property; write \p{{IsHan}} or \p{{L}}") from error
    return tuple((match.start(), match.end() - 1) for match in found.finditer(_every_character()))


@lru_cache(maxsize=1)
def _every_character() -> str:
    return "".join(map(chr, range(LAST + 1)))
