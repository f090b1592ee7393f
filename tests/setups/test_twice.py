from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import ReportMode
from livecue.engine import compile_rules
from livecue.setups import Twice, answered_twice, cloud_rules


def rule(index: str, *tags: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    rows = [{"tag": tag, "match": match, "value": value} for tag, match, value in tags]
    condition = {"relation": more.pop("relation", "AND"), "priority": 500, "tags": rows}
    if "operation" in more:
        rows[0]["operation"] = more.pop("operation")
    trigger = {"time_window": 20, "reply_mode": more.pop("mode", "SYSTEM_REPLY"), "reply_texts": ["好"]}
    trigger |= more.pop("trigger", {})
    return {"rule_index": index, "rule_name": index, "event_type": 1, "hit_condition": condition,
            "trigger": trigger} | more  # fmt: skip


def clashes(local: list[dict[str, Any]], cloud: list[dict[str, Any]], report: str = "all") -> list[Twice]:
    ours, bad = cloud_rules({"interaction_rules": local})
    assert not bad
    named = compile_rules([msgspec.structs.replace(each, rule_index=each.rule_name) for each in ours])
    theirs, unread = cloud_rules({"interaction_rules": cloud})
    assert not unread
    return list(answered_twice(named, theirs, ReportMode(report)))


PRICE = rule("price", ("content", "REGEX", "价格|多少钱"))


@pytest.mark.parametrize(
    ("local", "cloud", "said"),
    [
        (PRICE, rule("their", ("content", "REGEX", "多少钱|几块")), "多少钱"),
        (PRICE, rule("their", ("content", "EQUAL", "价格")), "价格"),
        (PRICE, rule("their", relation="RESERVED"), "价格"),
        (rule("all", relation="RESERVED"), PRICE, "价格"),
        (PRICE, PRICE | {"rule_index": None, "enabled": None}, "价格"),
        (PRICE, rule("their", ("content", "REGEX", "^多少钱.?$"), mode="INTELLIGENT_REPLY"), "多少钱"),
        (
            rule("rich", ("totalValue", "MATH_GE", "100"), operation="SUM", event_type=4),
            rule("their", ("totalValue", "MATH_GT", "50"), event_type=4),
            '{"totalValue": "51"}',
        ),
        (
            rule("tenth", ("content", "MATH_GE", "10"), operation="COUNT"),
            rule("their", relation="RESERVED"),
            "livecue",
        ),
    ],
)
def test_a_rule_of_the_cloud_that_answers_the_same_is_found_with_an_example(
    local: dict[str, Any], cloud: dict[str, Any], said: str
) -> None:
    (found,) = clashes([local], [cloud])
    assert (found.local, found.cloud) == (local["rule_name"], cloud["rule_name"])
    if "SUM" not in str(local):
        assert found.said == said


@pytest.mark.parametrize(
    ("local", "cloud"),
    [
        (PRICE, rule("their", ("content", "REGEX", "尺码"))),
        (PRICE, rule("their", ("content", "REGEX", "价格"), enabled=False)),
        (PRICE, rule("their", ("content", "REGEX", "价格"), mode="CALLBACK")),
        (PRICE, rule("their", ("content", "REGEX", "价格"), event_type=4)),
        (PRICE | {"enabled_scenes": ["一"]}, PRICE | {"enabled_scenes": ["二"]}),
        (
            PRICE,
            rule(
                "their", ("content", "REGEX", "价格"), mode="SHOW_LAYER", trigger={"layer_config": {"x": 1}}
            ),
        ),
    ],
)
def test_rules_that_never_meet_are_left_alone(local: dict[str, Any], cloud: dict[str, Any]) -> None:
    assert clashes([local], [cloud]) == []


def test_the_cloud_answers_only_what_is_reported_to_it() -> None:
    assert clashes([PRICE], [PRICE], "unmatched") == []
    assert clashes([PRICE], [PRICE], "none") == []


def test_a_layer_is_shown_twice_also_where_only_unmatched_events_are_reported() -> None:
    layer = rule("layer", ("content", "REGEX", "价格"), mode="SHOW_LAYER", trigger={"layer_config": {"x": 1}})
    assert len(clashes([layer], [layer], "unmatched")) == 1
    assert clashes([layer], [layer], "none") == []


@pytest.mark.parametrize("report", ReportMode)
def test_the_cloud_sees_its_own_script_whatever_is_reported(report: ReportMode) -> None:
    script = PRICE | {"event_type": 10}
    assert len(clashes([script], [script], report)) == 1


def test_a_scene_is_tried_where_one_of_the_two_names_it() -> None:
    assert len(clashes([PRICE | {"enabled_scenes": ["一"]}], [PRICE])) == 1
    assert len(clashes([PRICE], [PRICE | {"enabled_scenes": ["一"]}])) == 1


def test_rules_of_a_newer_cloud_are_told_and_not_judged() -> None:
    newer = rule("new", ("content", "SOUNDS_LIKE", "价格"))
    broken = rule("broken", ("content", "REGEX", "(("))
    rules, unread = cloud_rules(
        {"interaction_rules": [newer, PRICE, broken, "no rule", newer | {"enabled": False}]}
    )
    assert ([each.rule_name for each in rules], unread) == (["price"], ["new", "broken"])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"group_id": "26f0", "group_name": "欢迎词"}, "price (from the rule group 欢迎词)"),
        ({"group_id": "26f0", "group_name": None}, "price (from the rule group 26f0)"),
        ({"group_id": "", "group_name": ""}, "price"),
    ],
)
def test_a_rule_that_came_from_a_group_is_told_with_the_group(source: dict[str, Any], said: str) -> None:
    (found,) = clashes([PRICE], [PRICE | source])
    assert (found.local, found.cloud) == ("price", said)
    newer = rule("price", ("content", "SOUNDS_LIKE", "价格"))
    _, unread = cloud_rules({"interaction_rules": [newer | source]})
    assert unread == [said]


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_whatever_the_cloud_shows_is_read_without_a_fault(shown: Any) -> None:
    cloud_rules({"interaction_rules": shown})
