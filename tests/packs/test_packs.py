from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecue.engine import compile_rules
from livecue.engine.rules import Match, Operation, ReplyMode
from livecue.packs import LoadedRules, load_pack, load_packs
from livecue.packs.hazard import hazardous


def written(folder: Path, text: str, name: str = "pack.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder


def rules(folder: Path, *entries: str) -> LoadedRules:
    body = "".join(f"  - {entry}\n" for entry in entries)
    return load_packs([written(folder, f"group_name: 测试\ninteraction_rules:\n{body}")])


def fallback(more: str = "", trigger: str = "reply_texts: [好]") -> str:
    return f"{{event_type: 1, hit_condition: {{relation: RESERVED}}, trigger: {{{trigger}}}{more}}}"


EXPORTED: dict[str, Any] = {
    "group_id": "26f06524-4f75-4b3a-a853-b649a21aaf66",
    "group_name": "欢迎用户进入",
    "create_time": "2022-11-30T06:59:55Z",
    "update_time": "2022-12-05T12:30:37Z",
    "interaction_rules": [
        {
            "rule_index": "1",
            "rule_id": "abc",
            "rule_name": "价格\t\U0001f600",
            "enabled": True,
            "event_type": 1,
            "hit_condition": {
                "relation": "OR",
                "priority": 7,
                "tags": [{"tag": "content", "operation": "NONE", "match": "REGEX", "value": "多少钱|价格"}],
            },
            "trigger": {
                "time_window": -1,
                "reply_mode": "SYSTEM_REPLY",
                "reply_texts": ["看链接", "十块"],
                "reply_audios": None,
                "reply_order": "ORDER",
                "reply_role": "CO_STREAMER",
                "play_type": "APPEND",
                "layer_config": {
                    "layer_type": "IMAGE",
                    "position": {"dx": 1, "dy": -2, "layer_index": 3},
                },
            },
            "review_config": {"no_need_review": True},
            "create_time": "2022-11-30T06:59:55Z",
            "update_time": "2022-11-30T06:59:55Z",
            "of_tomorrow": {"a": [1, 2.5, None]},
        },
        {
            "rule_name": "大模型",
            "event_type": 1,
            "hit_condition": {"relation": "RESERVED"},
            "trigger": {"reply_mode": "INTELLIGENT_REPLY", "robot_id": "r-1", "time_window": 0},
        },
    ],
}
"""One element of interaction_rule_groups, S4 6.1.7, with all its fields and one of tomorrow's."""


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, "\t"])
def test_a_group_exported_from_the_cloud_loads_unchanged(
    tmp_path: Path, indent: str | None, *, ascii_only: bool
) -> None:
    text = json.dumps(EXPORTED, indent=indent, ensure_ascii=ascii_only)
    loaded = load_packs([written(tmp_path / "cloud", text, "pack.json")])
    price, robot = loaded.rules
    assert (price.rule_index, price.rule_name, price.hit_condition.priority) == ("1", "价格\t\U0001f600", 7)
    assert (price.trigger.time_window, price.trigger.reply_texts) == (-1, ("看链接", "十块"))
    assert price.trigger.layer_config == EXPORTED["interaction_rules"][0]["trigger"]["layer_config"]
    assert price.review_config == {"no_need_review": True}
    assert (robot.rule_index, robot.evaluated_here) == ("cloud/大模型", False)
    assert (loaded.packs[0].group_name, loaded.packs[0].group_id[:4]) == ("欢迎用户进入", "26f0")
    unknown, left = loaded.warnings
    assert "unknown key 'of_tomorrow'" in str(unknown)
    assert "rule '大模型': INTELLIGENT_REPLY is left to the cloud" in str(left)


def test_a_rule_that_is_not_evaluated_here_may_be_incomplete(tmp_path: Path) -> None:
    broken = "event_type: 1, hit_condition: {tags: [{tag: content, match: REGEX, value: '('}]}"
    loaded = rules(
        tmp_path / "p",
        f"{{rule_name: 停用, enabled: false, {broken}}}",
        f"{{rule_name: 回调, {broken}, trigger: {{reply_mode: CALLBACK}}}}",
    )
    assert all(problem.warning for problem in loaded.warnings)
    assert [problem.line for problem in loaded.warnings] == [3, 3, 4, 4]
    assert compile_rules(loaded.rules).by_type == {}


def test_warnings_say_what_stays_with_the_cloud(tmp_path: Path) -> None:
    loaded = rules(
        tmp_path / "p",
        fallback(", rule_name: 甲", "reply_mode: SYSTEM_REPLY_AND_CALLBACK, reply_texts: [好]"),
        fallback(", rule_name: 乙", "reply_mode: SYSTEM_REPLY_AND_CALLBACK"),
        "{rule_name: 丙, event_type: 10, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [好]}}",
        "{rule_name: 丁, event_type: 42, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [好]}}",
    )
    assert [(problem.rule, problem.message.split(":")[0]) for problem in loaded.warnings] == [
        ("甲", "livecue speaks the reply but makes no callback"),
        ("乙", "SYSTEM_REPLY_AND_CALLBACK is left to the cloud"),
        ("丙", "preset scripts (event_type 10) are seen by the cloud alone"),
        ("丁", "no event has the type 42"),
    ]


def test_a_missing_index_comes_from_the_name_and_does_not_move_with_the_place(tmp_path: Path) -> None:
    long = "很长的名字" * 20
    entries = [fallback(f", rule_name: {name}") for name in ("甲", "乙", "甲", long)]
    first = [rule.rule_index for rule in rules(tmp_path / "shop", *entries).rules]
    assert first[:3] == ["shop/甲", "shop/乙", "shop/甲~2"]
    assert len(first[3]) <= 64
    moved = [rule.rule_index for rule in rules(tmp_path / "shop", fallback(), *reversed(entries)).rules]
    assert moved == ["shop/#1", first[3], "shop/甲", "shop/乙", "shop/甲~2"]


def test_packs_follow_one_another_in_the_order_of_the_folders(tmp_path: Path) -> None:
    one = written(tmp_path / "one", f"interaction_rules:\n  - {fallback()}\n")
    two = written(tmp_path / "two", f"interaction_rules:\n  - {fallback()}\n")
    assert [rule.rule_index for rule in load_packs([two, one]).rules] == ["two/#1", "one/#1"]
    assert load_pack(one).group_name == "one"


def test_values_of_tags_are_texts_however_they_are_written(tmp_path: Path) -> None:
    tags = "tags: [{tag: level, match: MATH_GE, value: 10}, {tag: x, match: EQUAL, value: yes}]"
    (rule,) = rules(
        tmp_path / "p", f"{{event_type: 2, hit_condition: {{{tags}}}, trigger: {{reply_texts: [99]}}}}"
    ).rules
    assert [(tag.match, tag.value, tag.operation) for tag in rule.hit_condition.tags] == [
        (Match.MATH_GE, "10", Operation.NONE),
        (Match.EQUAL, "yes", Operation.NONE),
    ]
    assert (rule.trigger.reply_texts, rule.trigger.reply_mode) == (("99",), ReplyMode.SYSTEM_REPLY)


def test_livecues_own_keys_are_read(tmp_path: Path) -> None:
    more = ", livecue: {max_age_s: 2.5, per_user_cooldown_s: 60, aggregate: {level: true}}"
    (rule,) = rules(tmp_path / "p", fallback(more)).rules
    assert (rule.livecue.max_age_s, rule.livecue.per_user_cooldown_s) == (2.5, 60)
    assert rule.livecue.aggregate.level


def test_a_misspelt_key_of_metastudio_is_a_warning(tmp_path: Path) -> None:
    (warning,) = rules(tmp_path / "p", fallback(", rule_nam: 甲")).warnings
    assert str(warning).endswith(":3: warning: rule '#1': unknown key 'rule_nam'; did you mean 'rule_name'?")


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a+)+", "(价|价)*$", "(价+)+格", "(a|a)*b", r"(\w+\s?)*价$", r"(\s*\w+\s*)*", "(.|a)*", "(a|aa)*"),
        *("(.*价)*", r"(\d+\.?)+", "(a{2,3})+", "(?:(?:a|b)*c*)*", "x(?=(a+)+$)", r"(\Qa\E+)+"),
    ],
)
def test_a_loop_that_can_split_one_text_in_many_ways_is_hazardous(pattern: str) -> None:
    assert hazardous(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "价格|多少钱",
            "(哈哈)+",
            r"(\d+,)*\d",
            "(价格?)*",
            "(我|要|买)*",
            "多少.{0,6}钱",
            "(a?b)*",
            "(?:价|价格)+",
        ),
        *(r"\d+(\.\d+)?(斤|kg)", ".*价.*", r"([a-z]+\d)*", r"(?<!\d)1[3-9]\d{9}", "(?>a+)+", "(", r"(a)\1*"),
    ],
)
def test_ordinary_patterns_pass(pattern: str) -> None:
    assert not hazardous(pattern)
