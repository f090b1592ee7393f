"""The index against trying every rule in turn, which is what it has to come to."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.making import AGES, Room, at_least, equal, event, regex, rule
from livecue.domain import LiveEvent
from livecue.engine import RoomState, Rule, compile_rules, handle
from livecue.engine.conditions import Facts
from livecue.engine.fields import number_of, reader, text_of
from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.java import translate
from livecue.engine.matcher.pattern import Pattern
from livecue.engine.rules import Match, Operation, Relation, ReplyMode, Tag

from .patterns import PATTERNS, TEXTS

VALUES: list[Any] = [
    *(0, 1, 2, 5, -3, 10**17, 10**30, 0.5, 2.5, 1e300, float("inf"), float("nan"), True, False, None),
    *("1", "10", " 5 ", "2.50", "1e1", "1e999", "NaN", "", "十", "1_0", "true", "价格", "\ud800", [], {}),
]
values = st.sampled_from(VALUES)
numbers = st.sampled_from(["0", "1", "2", "2.5", "2.50", "5", "10", "-3", "1e1", "十", "true", "1e17"])
fields = st.sampled_from(["level", "giftName"])
regexes = st.builds(Tag, st.sampled_from(["content", "giftName"]), st.just(Match.REGEX), PATTERNS)
equals = st.builds(
    Tag, fields | st.just("content"), st.just(Match.EQUAL), numbers | st.sampled_from(["价格", "", "false"])
)
maths = st.builds(
    Tag, fields, st.sampled_from([match for match in Match if match.value.startswith("MATH")]), numbers
)
odd_totals = st.builds(Tag, fields, st.sampled_from(Match), numbers, st.just(Operation.COUNT))
tags = st.one_of(regexes, regexes, equals, maths, maths, odd_totals)


def usable(tag: Tag) -> bool:
    try:
        if tag.match is Match.REGEX:
            Pattern(tag.value)
            re.compile(translate(tag.value), re.ASCII)
    except (PatternError, re.error):
        return False
    return True


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    return [
        rule(
            f"r{n}",
            *draw(st.lists(tags.filter(usable), max_size=3)),
            relation=draw(st.sampled_from([Relation.AND, Relation.OR])),
            priority=draw(st.sampled_from([1, 2, 500])),
            enabled_scenes=draw(st.sampled_from([(), (), ("A",)])),
        )
        for n in range(draw(st.integers(1, 12)))
    ]


contents = st.fixed_dictionaries(
    {}, optional={"content": TEXTS | values, "level": values, "giftName": values | TEXTS}
)


def tried_in_turn(rules: list[Rule], content: dict[str, Any]) -> list[str]:
    """Every rule that hits the very first event of a room, by the definition."""
    ordered = sorted(rules, key=lambda it: it.hit_condition.priority)
    return [it.rule_index for it in ordered if not it.enabled_scenes and hits(it, content)]


def hits(it: Rule, content: dict[str, Any]) -> bool:
    results = [tag_hits(tag, content) for tag in it.hit_condition.tags]
    return any(results) if it.hit_condition.relation is Relation.OR else bool(results) and all(results)


def tag_hits(tag: Tag, content: dict[str, Any]) -> bool:
    value = reader(tag.tag)(content)
    text, wanted = text_of(value), number_of(tag.value)
    if tag.operation is Operation.COUNT:
        return wanted is not None and tag.match is not Match.REGEX and value is not None and holds(tag, 1)
    if tag.match is Match.REGEX:
        return text is not None and re.search(translate(tag.value), text, re.ASCII) is not None
    if tag.match is Match.EQUAL:
        return text == tag.value
    number = number_of(value)
    return number is not None and wanted is not None and holds(tag, number)


def holds(tag: Tag, number: Any) -> bool:
    wanted: Any = number_of(tag.value)
    compared: dict[Match, bool] = {
        Match.MATH_GT: number > wanted,
        Match.MATH_GE: number >= wanted,
        Match.MATH_LT: number < wanted,
        Match.MATH_LE: number <= wanted,
    }
    return compared.get(tag.match, bool(number == wanted))


@settings(max_examples=250, deadline=None)
@given(rules=rule_lists(), content=contents)
def test_the_index_finds_exactly_the_rules_that_hit(rules: list[Rule], content: dict[str, Any]) -> None:
    wanted = tried_in_turn(rules, content)
    assert said_by(rules, content) == (wanted[0] if wanted else "")
    shown = [layer_only(it) for it in rules]
    assert layers_of(shown, content) == wanted


def said_by(rules: list[Rule], content: dict[str, Any]) -> str:
    happened = LiveEvent("shop", "1.0", 0, 0, 1, content, "")
    return handle(compile_rules(rules), RoomState(), happened, ages=AGES).hit_rule


def layer_only(it: Rule) -> Rule:
    condition = it.hit_condition
    return rule(
        it.rule_index,
        *condition.tags,
        relation=condition.relation,
        priority=condition.priority,
        enabled_scenes=it.enabled_scenes,
        reply_mode=ReplyMode.SHOW_LAYER,
        layer_config={"layer_type": "IMAGE"},
    )


def layers_of(rules: list[Rule], content: dict[str, Any]) -> list[str]:
    happened = LiveEvent("shop", "1.0", 0, 0, 1, content, "")
    decision = handle(compile_rules(rules), RoomState(), happened, ages=AGES)
    return [cue.rule_index for cue in decision.cues]


def keys(rules: list[Rule], **content: Any) -> list[int]:
    program = compile_rules(rules).by_type[1]
    values = [read(content) for read in program.fields]
    facts = Facts([text_of(value) for value in values], [number_of(value) for value in values], [])
    return list(program.index.keys(facts))


def test_a_rule_is_looked_at_only_where_it_may_hit() -> None:
    rules = [
        rule("keyword", regex("价格|多少钱"), priority=1),
        rule("verified", regex("多少.{0,3}个"), priority=2),
        rule("equal", equal("giftName", "火箭"), at_least("level", "1"), priority=3),
        rule("math", at_least("level", "50"), priority=4),
        rule("either", regex("包邮"), equal("giftName", "飞机"), relation=Relation.OR, priority=5),
        rule("never", Tag("level", Match.MATH_GE, "多"), priority=6),
    ]
    assert keys(rules, content="主播好看", giftName="花", level=3) == []
    assert keys(rules, content="这个价格", level="1") == [0]
    assert keys(rules, content="多少") == [3]
    assert keys(rules, content="x", giftName="火箭", level=50) == [5, 6]
    assert keys(rules, content="包邮", giftName="飞机") == [8, 8]


def test_a_pattern_without_any_text_it_needs_is_always_tried() -> None:
    assert keys([rule("any", regex(r"\w{6,}")), rule("none", regex("价"))], content="x") == [1]


def test_of_two_equals_the_rarer_value_finds_the_rule() -> None:
    rules = [rule(f"r{n}", equal("kind", "gift"), equal("giftName", f"礼物{n}")) for n in range(50)]
    assert keys(rules, kind="gift", giftName="礼物7") == [15]
    assert keys(rules, kind="gift", giftName="别的") == []


@pytest.mark.parametrize("count", [3, 40, 2000])
def test_many_candidates_come_in_the_order_of_evaluation(count: int) -> None:
    rules = [rule(f"r{n}", at_least("level", str(n % 97)), priority=n * 7 % 500) for n in range(count)]
    found = keys(rules, level=60)
    assert found == sorted(found)
    assert len(found) == sum(n % 97 <= 60 for n in range(count))


def test_halves_of_a_character_are_searched_for_like_everything_else() -> None:
    room = Room(rule("half", regex("\ud83d"), priority=1), rule("word", regex("价格")))
    assert room.said("a\ud83d") == ["half!"]
    assert room.said("\udc00价格") == ["word!"]
    assert room.said("价\ud800格") == []


def test_a_compiled_program_does_not_depend_on_what_it_was_asked_before() -> None:
    program = compile_rules([rule("a", regex("价.")), rule("b", regex("格"))])
    wanted = ["a", "b", "", "a"]
    for _ in range(2):
        said = [handle(program, RoomState(), event(text)).hit_rule for text in ("价格", "格", "价", "价钱")]
        assert said == wanted
