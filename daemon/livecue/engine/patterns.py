"""The one place that turns a rule's REGEX into something that searches.

MetaStudio's rules speak Java's dialect. With `re.ASCII` Python's classes and `(?i)` mean the same as
Java's defaults; the spellings below differ in form alone and are translated. What Python cannot
read is refused when the rules load. A time-limited matcher takes its place here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

Search = Callable[[str], object]
"""Truthy if the pattern is found anywhere in the text (Java's `find`)."""

_JAVA = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\x\{(?P<code>[0-9A-Fa-f]{1,6})\}|\\k<(?P<back>\w+)>|(?P<end>\\z)"
    r"|(?P<group>\(\?<(?=[A-Za-z]))|\\.",
    re.DOTALL,
)


class PatternError(ValueError):
    """This regular expression cannot be used.

    Remedy: correct it as the message says; most keyword rules need nothing but words joined by `|`.
    """


def search_for(pattern: str) -> Search:
    """The search function of `pattern`.

    Raises:
        PatternError: Python's `re` cannot read it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return re.compile(python_dialect(pattern), re.ASCII).search
    except (re.error, FutureWarning, OverflowError, RecursionError, ValueError) as error:
        raise PatternError(str(error)) from error


def python_dialect(pattern: str) -> str:
    """`pattern` with Java's named groups, quotes, code points and end of text in Python's spelling."""
    return _JAVA.sub(_translate, pattern)


def _translate(found: re.Match[str]) -> str:
    if found["quoted"] is not None:
        return re.escape(found["quoted"])
    if found["code"]:
        return re.escape(chr(int(found["code"], 16)))
    if found["back"]:
        return f"(?P={found['back']})"
    if found["end"]:
        return r"\Z"
    return "(?P<" if found["group"] else found[0]
