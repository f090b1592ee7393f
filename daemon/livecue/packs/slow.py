"""Which patterns cost more than a look-up of their keywords."""

from __future__ import annotations

from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.pattern import pattern_of


def slow(pattern: str) -> str:
    """Why `pattern` is on the slow path; empty if it is not."""
    try:
        read = pattern_of(pattern)
    except PatternError:
        return ""
    if not read.required.texts:
        return "holds no text that every hit must contain, so it is tried on every event"
    if not read.simple:
        return "cannot be shown to be quick, so it runs with a time limit"
    return ""
