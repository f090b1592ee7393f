"""What a REGEX of keywords looks for: its alternatives, where each is nothing but text. Pure."""

from __future__ import annotations

import re
from typing import Any

from livecue.engine.patterns import python_dialect

_MOST = 500


def keywords(pattern: str) -> tuple[tuple[str, ...], bool]:
    """The alternatives that are plain text, and whether those are all there is.

    `价格|多少钱` has two and nothing else, `价格|[一二]号` has one and something else.
    """
    parser: Any = getattr(re, "_parser", None)
    if parser is None:
        return (), False
    try:
        tree = parser.parse(python_dialect(pattern), re.ASCII)
    except (re.error, RecursionError, OverflowError, ValueError):
        return (), False
    if tree.state.flags & re.IGNORECASE:
        return (), False
    found, whole = _texts(list(tree))
    return tuple(dict.fromkeys(text for text in found if text)), whole and "" not in found


def _texts(items: list[tuple[Any, Any]]) -> tuple[list[str], bool]:
    """Every text that `items` match, as far as they are few; and whether those are all."""
    texts, whole = [""], True
    for op, av in items:
        options, all_of_them = _options(str(op), av)
        if not options or len(texts) * len(options) > _MOST:
            return [], False
        whole = whole and all_of_them
        if not all_of_them and len(items) > 1:
            return [], False
        texts = [text + option for text in texts for option in options]
    return texts, whole


def _options(name: str, av: Any) -> tuple[list[str], bool]:
    if name == "LITERAL":
        return [chr(av)], True
    if name == "SUBPATTERN":
        return _texts(list(av[3])) if not av[1] and not av[2] else ([], False)
    if name == "IN":
        if all(str(part[0]) == "LITERAL" for part in av):
            return [chr(part[1]) for part in av], True
        return [], False
    if name == "BRANCH":
        parts = [_texts(list(part)) for part in av[1]]
        return [text for found, _ in parts for text in found], all(whole for _, whole in parts)
    return [], False
