"""What is wrong with a pattern."""

from __future__ import annotations


class PatternError(ValueError):
    """This regular expression cannot be used.

    Remedy: correct it as the message says; most keyword rules need nothing but words joined by `|`.
    """
