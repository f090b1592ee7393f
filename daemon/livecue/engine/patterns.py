"""What a rule's REGEX means, for everybody who only wants to search with it."""

from __future__ import annotations

from collections.abc import Callable

from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.java import translate
from livecue.engine.matcher.pattern import pattern_of

Search = Callable[[str], object]
"""Truthy if the pattern is found anywhere in the text (Java's `find`)."""


def search_for(pattern: str) -> Search:
    """The search function of `pattern`. It raises TimeoutError where the engine would give up.

    Raises:
        PatternError: the pattern cannot be used.
    """
    return pattern_of(pattern).found


def python_dialect(pattern: str) -> str:
    """`pattern` in the spelling of Python's `re`, to be compiled with `re.ASCII`.

    Raises:
        PatternError: it cannot be said in Python.
    """
    return translate(pattern)


__all__ = ["PatternError", "Search", "python_dialect", "search_for"]
