r"""Java's character classes and escapes: `[a-z&&[^aeiou]]`, `\p{IsHan}`, `\h`, `\x{4ef7}`."""

from __future__ import annotations

import re
import unicodedata

from livecue.engine.matcher.charset import (
    DIGIT,
    HORIZONTAL,
    LAST,
    SPACE,
    VERTICAL,
    WORD,
    Ranges,
    complement,
    either_case,
    intersection,
    property_ranges,
    union,
)
from livecue.engine.matcher.scanning import Source

_SHORT: dict[str, Ranges] = {"d": DIGIT, "w": WORD, "s": SPACE, "h": HORIZONTAL, "v": VERTICAL}
_CONTROL = {"t": 9, "n": 10, "r": 13, "f": 12, "a": 7, "e": 27}
_PROPERTY = re.compile(r"\{([A-Za-z_][\w =-]*)\}|([A-Za-z])", re.ASCII)
_HEX = re.compile(r"\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2})")
_UNIT = re.compile(r"([0-9A-Fa-f]{4})")
_LOW_HALF = re.compile(r"\\u([dD][c-fC-F][0-9A-Fa-f]{2})")
_OCTAL = re.compile(r"[0-3]?[0-7]{1,2}")
_NAME = re.compile(r"\{([^}]+)\}")


def read_class(source: Source, *, caseless: bool) -> Ranges:
    """The class whose `[` has just been read.

    Raises:
        PatternError: Java would refuse it.
    """
    negated = source.take("^")
    whole: Ranges | None = None
    while True:
        part, closed = _operand(source, caseless=caseless, may_close=whole is not None)
        if part is None:
            raise source.error("a character class with nothing in it", r"write the characters, \] for ]")
        whole = part if whole is None else intersection(whole, part)
        if closed:
            return complement(whole) if negated else whole


def _operand(source: Source, *, caseless: bool, may_close: bool) -> tuple[Ranges | None, bool]:
    """What stands up to `&&` or `]`, None if nothing does, and whether the class ends there."""
    parts: list[Ranges] = []
    while True:
        if source.take("&&"):
            return (union(*parts) if parts else None), False
        character = source.next()
        if character == "]" and (parts or may_close):
            return (union(*parts) if parts else None), True
        if character == "[":
            parts.append(read_class(source, caseless=caseless))
        elif character == "\\" and source.take("Q"):
            parts += [_single(ord(quoted), caseless=caseless) for quoted in source.until(r"\E")]
        else:
            parts.append(_item(character, source, caseless=caseless))


def _item(character: str, source: Source, *, caseless: bool) -> Ranges:
    low = _point(character, source, caseless=caseless)
    if not isinstance(low, int):
        return low
    if source.peek() != "-" or source.peek(1) in {"]", "[", ""}:
        return _single(low, caseless=caseless)
    source.next()
    high = _point(source.next(), source, caseless=caseless)
    if not isinstance(high, int) or high < low:
        raise source.error("a range that ends before it begins", r"write \- for the hyphen")
    return either_case(((low, high),)) if caseless else ((low, high),)


def _point(character: str, source: Source, *, caseless: bool) -> int | Ranges:
    if character != "\\":
        return ord(character)
    escaped = source.next()
    ranges = named_class(escaped, source, caseless=caseless)
    return code_point(escaped, source) if ranges is None else ranges


def _single(point: int, *, caseless: bool) -> Ranges:
    return either_case(((point, point),)) if caseless else ((point, point),)


def named_class(escaped: str, source: Source, *, caseless: bool) -> Ranges | None:
    r"""The class of `\d`, `\H`, `\p{…}` whose letter is `escaped`; None if it is one character."""
    if escaped in {"p", "P"}:
        found = source.match(_PROPERTY)
        if found is None:
            raise source.error(rf"\{escaped} without a property", r"write \p{L} or \p{IsHan}")
        ranges = property_ranges(found[1] or found[2], caseless=caseless)
        return complement(ranges) if escaped == "P" else ranges
    ranges = _SHORT.get(escaped.lower(), ())
    if not ranges:
        return None
    return ranges if escaped.islower() else complement(ranges)


def code_point(escaped: str, source: Source) -> int:
    """The one character that a backslash and `escaped` stand for.

    Raises:
        PatternError: Java knows no such escape, or Python cannot say it.
    """
    if escaped in _CONTROL:
        return _CONTROL[escaped]
    if escaped == "c":
        return ord(source.next()) ^ 64
    if escaped == "u":
        return _unit(source)
    if escaped == "x":
        found = source.match(_HEX)
        point = int(found[1] or found[2], 16) if found else LAST + 1
        if point <= LAST:
            return point
        raise source.error(r"\x is no code point", r"write \x41 or \x{4ef7}")
    if escaped == "0":
        found = source.match(_OCTAL)
        if found is not None:
            return int(found[0], 8)
    if escaped == "N":
        return _named(source)
    if escaped.isascii() and escaped.isalnum():
        raise source.error(f"the escape \\{escaped} is not supported", "write the character itself")
    return ord(escaped)


def _unit(source: Source) -> int:
    r"""`\uD83D\uDE00` is one character in Java."""
    found = source.match(_UNIT)
    if found is None:
        raise source.error(r"\u wants four hexadecimal digits", r"write \u4ef7")
    point = int(found[1], 16)
    low = source.match(_LOW_HALF) if 0xD800 <= point < 0xDC00 else None
    return point if low is None else 0x10000 + ((point - 0xD800) << 10) + int(low[1], 16) - 0xDC00


def _named(source: Source) -> int:
    found = source.match(_NAME)
    try:
        return ord(unicodedata.lookup(found[1] if found else ""))
    except (KeyError, TypeError) as error:
        raise source.error(r"\N names no character", r"write \N{WHITE SMILING FACE}") from error
