"""Contents that a rule is likely to hit: its keywords, its numbers. Whether it does, the engine says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Any, Final

from livecue.engine.conditions import threshold
from livecue.engine.matcher.pattern import pattern_of
from livecue.engine.patterns import PatternError, search_for
from livecue.engine.rules import Match, Operation, Relation, Rule, Tag
from livecue.packs.keywords import keywords

MOST: Final = 24
MOST_TIMES: Final = 1000
_VIEWER: Final = {"userId": "livecue", "name": "livecue"}


def contents(rule: Rule) -> Iterator[dict[str, Any]]:
    """At most `MOST` contents of events that may hit the rule."""
    condition = rule.hit_condition
    if condition.relation is Relation.RESERVED:
        yield {"user": dict(_VIEWER), "content": "livecue"}
        return
    ways = [[tag] for tag in condition.tags] if condition.relation is Relation.OR else [condition.tags]
    found = (_content(way, texts) for way in ways for texts in product(*map(_texts, way)))
    yield from islice(found, MOST)


def times(rule: Rule) -> int:
    """How many events it takes until a COUNT of the rule is reached."""
    counts = [threshold(tag.value) for tag in rule.hit_condition.tags if tag.operation is Operation.COUNT]
    return min(MOST_TIMES, max((int(count) + 1 for count in counts if count is not None), default=1))


def _content(tags: Any, texts: tuple[str, ...]) -> dict[str, Any]:
    content: dict[str, Any] = {"user": dict(_VIEWER)}
    for tag, text in zip(tags, texts, strict=True):
        *parents, leaf = tag.tag.split(".")
        table = content
        for part in parents:
            inner = table.setdefault(part, {})
            table = inner if isinstance(inner, dict) else {}
        both = tag.match is Match.REGEX and isinstance(table.get(leaf), str)
        table[leaf] = table[leaf] + text if both else text
    return content


def _texts(tag: Tag) -> list[str]:
    if tag.operation is Operation.COUNT:
        return ["livecue"]
    if tag.match is Match.REGEX:
        return _found(tag.value)
    number = threshold(tag.value)
    if number is None or tag.match is Match.EQUAL:
        return [tag.value]
    step = {Match.MATH_GT: 1, Match.MATH_LT: -1}.get(tag.match, 0)
    return [str(number + step)]


def _found(pattern: str) -> list[str]:
    """Texts in which the pattern is found."""
    try:
        search = search_for(pattern)
        words = [*keywords(pattern)[0], *pattern_of(pattern).required.texts, pattern.strip("^$"), "livecue"]
        return [word for word in dict.fromkeys(words) if search(word)][:MOST]
    except (PatternError, TimeoutError):
        return []
