"""Whether one condition holds whenever another does: what makes a later rule unreachable. Pure.

Only what is certain counts: when in doubt, nothing covers anything.
"""

from __future__ import annotations

from livecue.engine.conditions import COMPARE, threshold
from livecue.engine.fields import Number
from livecue.engine.patterns import PatternError, search_for
from livecue.engine.rules import Additions, Match, Operation, Relation, ReplyMode, Rule, Tag
from livecue.packs.keywords import keywords

_ABOVE = frozenset({Match.MATH_GT, Match.MATH_GE})
_BELOW = frozenset({Match.MATH_LT, Match.MATH_LE})


def answers(rule: Rule) -> bool:
    """Whether the rule uses events up: it is on, livecue evaluates it, and it is not a layer alone."""
    return rule.enabled and rule.evaluated_here and rule.trigger.reply_mode is not ReplyMode.SHOW_LAYER


def covers(earlier: Rule, later: Rule) -> bool:
    """Whether `earlier` takes every event that `later` could hit; both are rules that answer."""
    if earlier.event_type != later.event_type or _conditional(earlier):
        return False
    if earlier.enabled_scenes and not (
        later.enabled_scenes and set(later.enabled_scenes) <= set(earlier.enabled_scenes)
    ):
        return False
    fallback = Relation.RESERVED
    if fallback in {earlier.hit_condition.relation, later.hit_condition.relation}:
        return earlier.hit_condition.relation == later.hit_condition.relation
    return bool(_ways(later)) and all(
        any(all(any(implies(have, want) for have in way) for want in taken) for taken in _ways(earlier))
        for way in _ways(later)
    )


def never(rule: Rule) -> str:
    """Why no event can meet the rule's conditions; empty if one could."""
    condition = rule.hit_condition
    if condition.relation is not Relation.AND:
        return ""
    for at, one in enumerate(condition.tags):
        for other in condition.tags[at + 1 :]:
            if one.tag == other.tag and _excludes(one, other):
                return f"{_told(one)} and {_told(other)} never hold together"
    return ""


def _told(tag: Tag) -> str:
    return f"{tag.tag} {tag.match.value} {tag.value}"


def _ways(rule: Rule) -> list[list[Tag]]:
    tags = list(rule.hit_condition.tags)
    return [[tag] for tag in tags] if rule.hit_condition.relation is Relation.OR else [tags]


def _conditional(rule: Rule) -> bool:
    """Whether livecue's own keys let it pass events that meet its tags."""
    own, plain = rule.livecue, Additions()
    names = ("distinct_users", "combo")
    return any(getattr(own, name, None) != getattr(plain, name, None) for name in names)


def implies(have: Tag, want: Tag) -> bool:
    """Whether `want` holds for every event for which `have` does."""
    if have.tag != want.tag or have.operation != Operation.NONE or want.operation != Operation.NONE:
        return False
    if (have.match, have.value) == (want.match, want.value):
        return True
    if have.match is Match.EQUAL:
        return _holds(want, have.value)
    if have.match is Match.REGEX:
        words, whole = keywords(have.value)
        wanted, _ = keywords(want.value)
        return (
            want.match is Match.REGEX
            and whole
            and bool(words)
            and all(any(part in word for part in wanted) for word in words)
        )
    return _wider(have, want)


def _holds(tag: Tag, text: str) -> bool:
    if tag.match is Match.EQUAL:
        return text == tag.value
    if tag.match is Match.REGEX:
        try:
            return bool(search_for(tag.value)(text))
        except (PatternError, TimeoutError):
            return False
    number, bound = threshold(text), threshold(tag.value)
    return number is not None and bound is not None and COMPARE[tag.match](number, bound)


def _wider(have: Tag, want: Tag) -> bool:
    """Both compare numbers: whether everything on `have`'s side is on `want`'s."""
    bound, wanted = threshold(have.value), threshold(want.value)
    if bound is None or wanted is None or want.match in {Match.REGEX, Match.EQUAL}:
        return False
    if have.match is Match.MATH_EQ:
        return COMPARE[want.match](bound, wanted)
    return _same_side(have.match, want.match) and _inside(have.match, bound, want.match, wanted)


def _same_side(one: Match, other: Match) -> bool:
    return {one, other} <= _ABOVE or {one, other} <= _BELOW


def _inside(have: Match, bound: Number, want: Match, wanted: Number) -> bool:
    if bound == wanted:
        return have in {Match.MATH_GT, Match.MATH_LT} or want in {Match.MATH_GE, Match.MATH_LE}
    return (bound > wanted) == (have in _ABOVE)


def _excludes(one: Tag, other: Tag) -> bool:
    if one.operation != Operation.NONE or other.operation != Operation.NONE:
        return False
    for have, want in ((one, other), (other, one)):
        if have.match is Match.EQUAL:
            return not _holds(want, have.value)
        if have.match is Match.MATH_EQ and want.match not in {Match.REGEX, Match.EQUAL}:
            return not _holds(want, have.value)
    if one.match in _BELOW and other.match in _ABOVE:
        one, other = other, one
    low, high = threshold(one.value), threshold(other.value)
    if one.match not in _ABOVE or other.match not in _BELOW or low is None or high is None:
        return False
    touching = one.match is Match.MATH_GE and other.match is Match.MATH_LE
    return low > high or (low == high and not touching)
