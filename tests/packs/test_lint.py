from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecue.engine.rules import Match, Tag
from livecue.packs.covering import implies
from livecue.packs.keywords import keywords
from livecue.packs.lint import CODES, Finding, lint
from livecue.packs.sarif import sarif
from livecue.packs.speech import spoken_s


def rule(
    name: str, *tags: dict[str, Any], priority: int = 500, relation: str = "AND", **more: Any
) -> dict[str, Any]:
    trigger = {"time_window": 20, "reply_texts": ["好"]} | more.pop("trigger", {})
    condition = {"relation": relation, "priority": priority, "tags": list(tags)}
    return {"rule_index": name, "event_type": 1, "hit_condition": condition, "trigger": trigger, **more}


def regex(value: str) -> dict[str, Any]:
    return {"tag": "content", "match": "REGEX", "value": value}


def math(match: str, value: str, tag: str = "level") -> dict[str, Any]:
    return {"tag": tag, "match": match, "value": value}


def linted(folder: Path, *rules: dict[str, Any], sensitive: tuple[str, ...] = ()) -> list[Finding]:
    text = json.dumps({"group_name": "店", "interaction_rules": list(rules)}, ensure_ascii=False, indent=1)
    folder.mkdir(exist_ok=True)
    (folder / "pack.json").write_text(text, "utf-8")
    return lint([folder], sensitive)


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.rule) for finding in findings]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (rule("a", regex("价|钱"), priority=1), rule("b", regex("价格|多少钱"))),
        (rule("a", regex("价"), priority=1), rule("b", regex("价"), math("MATH_GE", "3"))),
        (rule("a", regex("价"), regex("钱"), relation="OR", priority=1), rule("b", regex("多少钱"))),
        (rule("a", math("MATH_GE", "10"), priority=1), rule("b", math("MATH_GT", "10"))),
        (rule("a", math("MATH_LT", "10"), priority=1), rule("b", math("MATH_LE", "9"))),
        (rule("a", math("MATH_GE", "10"), priority=1), rule("b", math("MATH_EQ", "12"))),
        (
            rule("a", regex("价"), priority=1),
            rule("b", {"tag": "content", "match": "EQUAL", "value": "价格"}),
        ),
        (rule("a", relation="RESERVED"), rule("b", relation="RESERVED")),
    ],
)
def test_a_rule_behind_one_that_takes_all_its_events_is_unreachable(
    tmp_path: Path, earlier: dict[str, Any], later: dict[str, Any]
) -> None:
    (found,) = linted(tmp_path / "p", earlier, later)
    assert (found.code, found.rule) == ("unreachable", "b")
    assert found.message == f"'a' ({tmp_path}/p/pack.json:4) takes every event it could answer"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (rule("a", regex("价格"), priority=1), rule("b", regex("^价$"))),
        (rule("a", regex("价"), math("MATH_GE", "3"), priority=1), rule("b", regex("折"))),
        (rule("a", math("MATH_GE", "10"), priority=1), rule("b", math("MATH_GE", "9"))),
        (rule("a", math("MATH_GT", "10"), priority=1), rule("b", math("MATH_GE", "10"))),
        (
            rule("a", regex("价"), priority=1, enabled_scenes=["一"]),
            rule("b", regex("价"), math("MATH_GE", "1")),
        ),
        (rule("a", regex("价"), priority=1, enabled=False), rule("b", regex("价格"))),
        (rule("a", regex("价"), priority=1, event_type=2), rule("b", regex("价格"))),
        (
            rule(
                "a", regex("价"), priority=1, trigger={"reply_mode": "SHOW_LAYER", "layer_config": {"x": 1}}
            ),
            rule("b", regex("价格")),
        ),
        (
            rule("a", regex("价"), priority=1, livecue={"distinct_users": {"users": 3, "within_s": 60}}),
            rule("b", regex("价"), math("MATH_GE", "1")),
        ),
        (
            rule("a", math("MATH_GE", "1") | {"operation": "SUM"}, priority=1),
            rule("b", math("MATH_GE", "1")),
        ),
    ],
)
def test_a_rule_that_can_still_answer_something_is_reachable(
    tmp_path: Path, earlier: dict[str, Any], later: dict[str, Any]
) -> None:
    assert "unreachable" not in {code for code, _ in codes(linted(tmp_path / "p", earlier, later))}


def test_conditions_that_exclude_one_another_never_hit(tmp_path: Path) -> None:
    found = linted(
        tmp_path / "p",
        rule("range", math("MATH_GE", "10"), math("MATH_LT", "10")),
        rule("two", math("EQUAL", "1"), math("EQUAL", "2")),
        rule("equal", math("EQUAL", "价格", "content"), regex("尺码")),
        rule("fine", math("MATH_GE", "10"), math("MATH_LE", "10")),
        rule("either", math("EQUAL", "1"), math("EQUAL", "2"), relation="OR"),
    )
    assert codes(found) == [("never-hits", "range"), ("never-hits", "two"), ("never-hits", "equal")]


def test_a_keyword_of_an_earlier_rule_is_shared_or_shadowed(tmp_path: Path) -> None:
    found = linted(
        tmp_path / "p",
        rule("price", regex("价格|优惠"), priority=1),
        rule("coupon", regex("优惠券|领券|价格"), priority=2),
        rule("other scene", regex("价格|x"), priority=3, enabled_scenes=["一"]),
        rule("last", regex("价格|y"), priority=4, enabled_scenes=["二"]),
    )
    said = [(one.code, one.rule, one.message.partition(" (")[0]) for one in found]
    assert ("keyword-shared", "coupon", "the keyword '价格' is also in 'price'") in said
    assert ("keyword-shadowed", "coupon", "'优惠券' holds '优惠', to which 'price'") in said
    assert not [one for one in said if one[1] == "last" and "other scene" in one[2]]


def test_a_reply_has_to_be_spoken_within_its_window(tmp_path: Path) -> None:
    def saying(name: str, chars: int, window: int) -> dict[str, Any]:
        return rule(name, regex(name), trigger={"time_window": window, "reply_texts": ["好" * chars]})

    found = linted(
        tmp_path / "p",
        saying("five fits", 20, 5),
        saying("five bursts", 21, 5),
        saying("always fits", 33, 0),
        saying("always bursts", 34, 0),
        saying("once", 500, -1),
    )
    assert codes(found) == [("reply-too-long", "five bursts"), ("reply-too-long", "always bursts")]
    assert found[0].message == "reply 1 takes 5.0 s to speak, time_window is 5"
    assert found[0].remedy == "at most 20 characters, or a longer time_window"


def test_markup_is_not_spoken_and_breaks_are_waited_for() -> None:
    assert spoken_s("好" * 250) == 60
    assert spoken_s('<speak>好好<break time="2s"/>好好好<break time="500ms"/></speak>') == pytest.approx(
        5 * 0.24 + 2.5
    )
    assert spoken_s("{user.name}你好") == pytest.approx(8 * 0.24)


def test_patterns_without_a_keyword_are_on_the_slow_path(tmp_path: Path) -> None:
    found = linted(tmp_path / "p", rule("any", regex("^.{3,5}$")), rule("words", regex("价格|多少.{0,6}钱")))
    assert codes(found) == [("slow-pattern", "any")]


def test_sensitive_words_are_found_in_replies(tmp_path: Path) -> None:
    best = rule("best", regex("价"), trigger={"reply_texts": ["好", "全网最低"]})
    (found,) = linted(tmp_path / "p", best, sensitive=("全网最低", "第一"))
    assert (found.code, found.message) == ("sensitive-word", "reply 2 holds the sensitive word '全网最低'")


def test_what_does_not_load_is_a_finding_like_the_others(tmp_path: Path) -> None:
    six = rule("six", regex("价"), trigger={"reply_texts": list("一二三四五六")}, rule_nam="x")
    found = linted(tmp_path / "p", six)
    assert codes(found) == [("loads-with-warning", "six"), ("does-not-load", "six")] or codes(found) == [
        ("does-not-load", "six"),
        ("loads-with-warning", "six"),
    ]
    assert "at most 5 are allowed" in " ".join(map(str, found))


def test_findings_become_sarif(tmp_path: Path) -> None:
    found = linted(
        tmp_path / "p",
        rule("any", regex("^.{3,5}$")),
        rule("best", regex("最"), priority=1, trigger={"reply_texts": ["好" * 99]}),
    )
    report = sarif(found, "1.2.3", tmp_path)
    (run,) = report["runs"]
    assert report["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(CODES)
    first = run["results"][0]
    place = first["locations"][0]["physicalLocation"]
    assert (first["ruleId"], first["level"]) == ("slow-pattern", "warning")
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("p/pack.json", 4)
    assert run["results"][1]["level"] == "error"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("价格|多少钱", (("价格", "多少钱"), True)),
        ("价格|[一二]号", (("价格", "一号", "二号"), True)),
        ("多少(钱|米)", (("多少钱", "多少米"), True)),
        (r"价格|\d号", (("价格",), False)),
        ("^价格", ((), False)),
        ("(?i)价格", (("价格",), True)),
        ("", ((), False)),
        ("价|", (("价",), False)),
    ],
)
def test_keywords_are_read_from_a_pattern(pattern: str, found: tuple[tuple[str, ...], bool]) -> None:
    assert keywords(pattern) == found


def test_implication_is_certain_or_not_at_all() -> None:
    def tag(match: Match, value: str) -> Tag:
        return Tag("x", match, value)

    assert implies(tag(Match.EQUAL, "12"), tag(Match.MATH_GE, "10"))
    assert not implies(tag(Match.EQUAL, "ten"), tag(Match.MATH_GE, "10"))
    assert not implies(tag(Match.MATH_EQ, "10"), tag(Match.EQUAL, "10"))
    assert not implies(tag(Match.MATH_GE, "10"), Tag("y", Match.MATH_GE, "1"))
