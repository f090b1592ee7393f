"""A REGEX ready to be searched for: what it requires, and the engine that may run it.

Proven simple patterns run in `re` on short texts. Everything else runs in `regex`, which can be
interrupted, and may take `LIMIT_S`.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import regex

from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.java import PLAIN, translate
from livecue.engine.matcher.literals import Required, required, shortest
from livecue.engine.matcher.risk import LONGEST, parts_of, simple

LIMIT_S = 0.01
"""What one search may take; it is then given up as no hit."""

_DEEPEST = 40
_UNREAD = Required((), exact=False)


class _Reading(NamedTuple):
    python: str
    required: Required
    simple: bool


class Pattern:
    """One REGEX. What searches is compiled at the first search."""

    __slots__ = ("_limited", "_python", "_search", "required", "simple", "source")

    def __init__(self, source: str) -> None:
        """Read `source`.

        Raises:
            PatternError: it cannot be used.
        """
        reading = _read(source)
        self.source = source
        self.required = reading.required
        self.simple = reading.simple
        self._python = reading.python
        self._search: Any = None
        self._limited: Any = None

    def quick(self, text: str) -> bool:
        """Whether a search in `text` needs no time limit."""
        return self.simple and len(text) <= LONGEST

    def found(self, text: str) -> bool:
        """Whether the pattern is found anywhere in `text` (Java's `find`).

        Raises:
            TimeoutError: it took longer than `LIMIT_S`.
        """
        if self.quick(text):
            search = self._search
            if search is None:
                search = self._search = re.compile(self._python, re.ASCII).search
            return search(text) is not None
        limited = self._limited
        if limited is None:
            limited = self._limited = self._compile_limited()
        return limited(text, timeout=LIMIT_S) is not None

    def _compile_limited(self) -> Any:
        try:
            return regex.compile(self._python, regex.ASCII | regex.VERSION0).search
        except (regex.error, RecursionError, MemoryError) as error:
            raise TimeoutError from error


@lru_cache(maxsize=32_768)
def pattern_of(source: str) -> Pattern:
    """The pattern written as `source`, the same object for the same text.

    Raises:
        PatternError: it cannot be used.
    """
    return Pattern(source)


def _read(source: str) -> _Reading:
    if PLAIN.fullmatch(source):
        words = frozenset(source.split("|"))
        return _Reading(
            source, _UNREAD if "" in words else Required(shortest(words), exact=True), simple=True
        )
    python = translate(source)
    parser: Any = getattr(re, "_parser", None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if parser is None:
                re.compile(python, re.ASCII)
                return _Reading(python, _UNREAD, simple=False)
            tree = parser.parse(python, re.ASCII)
            _check(tree)
            return _Reading(python, required(tree), simple(tree))
    except (re.error, Warning, OverflowError, RecursionError, ValueError) as error:
        raise PatternError(str(error)) from error


def _check(tree: Any, depth: int = 0) -> None:
    """Whatever walks the tree later goes as deep as the groups do."""
    if depth > _DEEPEST:
        raise PatternError(f"more than {_DEEPEST} groups within each other; write it flatter")
    for op, av in tree:
        for part in parts_of(str(op), av):
            _check(part, depth + 1)
