from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecue.engine import compile_rules
from livecue.engine.rules import (
    Additions,
    Aggregate,
    Combo,
    DistinctUsers,
    Match,
    Mode,
    Operation,
    ReplyMode,
    Reset,
    Scope,
)
from livecue.packs import LoadedRules, load_pack, load_packs
from livecue.packs.hazard import hazardous


def written(folder: Path, text: str, name: str = "pack.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder


def rules(folder: Path, *entries: str, can_call: bool = True, can_chat: bool = True) -> LoadedRules:
    body = "".join(f"  - {entry}\n" for entry in entries)
    folder = written(folder, f"group_name: 测试\ninteraction_rules:\n{body}")
    return load_packs([folder], can_call=can_call, can_chat=can_chat)


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
    loaded = load_packs([written(tmp_path / "cloud", text, "pack.json")], can_chat=False)
    price, robot = loaded.rules
    assert (price.rule_index, price.rule_name, price.hit_condition.priority) == ("1", "价格\t\U0001f600", 7)
    assert (price.trigger.time_window, price.trigger.reply_texts) == (-1, ("看链接", "十块"))
    assert price.trigger.layer_config == EXPORTED["interaction_rules"][0]["trigger"]["layer_config"]
    assert price.review_config == {"no_need_review": True}
    assert (robot.rule_index, robot.evaluated(can_call=True, can_chat=False)) == ("cloud/大模型", False)
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
        can_call=False,
    )
    assert all(problem.warning for problem in loaded.warnings)
    assert [problem.line for problem in loaded.warnings] == [3, 3, 4, 4]
    assert compile_rules(loaded.rules, can_call=False).by_type == {}


def test_warnings_say_what_stays_with_the_cloud(tmp_path: Path) -> None:
    loaded = rules(
        tmp_path / "p",
        fallback(", rule_name: 甲", "reply_mode: SYSTEM_REPLY_AND_CALLBACK, reply_texts: [好]"),
        fallback(", rule_name: 乙", "reply_mode: SYSTEM_REPLY_AND_CALLBACK"),
        "{rule_name: 丙, event_type: 10, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [好]}}",
        "{rule_name: 丁, event_type: 42, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [好]}}",
        fallback(", rule_name: 戊", "reply_mode: INTELLIGENT_REPLY"),
        can_call=False,
        can_chat=False,
    )
    assert [(problem.rule, problem.message.split(":")[0]) for problem in loaded.warnings] == [
        ("甲", "livecue speaks the reply but makes no callback"),
        ("乙", "SYSTEM_REPLY_AND_CALLBACK is left to the cloud"),
        ("丙", "the cloud sees preset scripts (event_type 10) itself, so it answers beside livecue"),
        ("丁", "no event has the type 42"),
        ("戊", "INTELLIGENT_REPLY is left to the cloud"),
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


def test_rules_that_ask_are_nothing_to_warn_of_where_the_room_can_ask(tmp_path: Path) -> None:
    loaded = rules(
        tmp_path / "p",
        *(fallback("", f"reply_mode: {mode}") for mode in ("CALLBACK", "INTELLIGENT_REPLY")),
        fallback("", "reply_mode: SYSTEM_REPLY_AND_CALLBACK"),
        fallback(", livecue: {callback_url: 'https://x/y'}", "reply_mode: CALLBACK"),
    )
    assert loaded.warnings == ()


OWN = """
    livecue:
      max_age_s: 2.5
      per_user_cooldown_s: 60
      group: thanks
      group_cooldown_s: 10
      wait_messages: 5
      distinct_users: {users: 3, within_s: 30}
      aggregate: {window_s: 60, reset: on_fire, scope: user, mode: level}
      combo: {by: [user, giftName, groupId], timeout_s: 2.5}
      dedup_s: 30
      callback_url: https://shop.example.com/hook
      mask: [user.name]
      speak_answer: false
"""


def test_livecues_own_keys_are_read(tmp_path: Path) -> None:
    tag = "{tag: totalValue, operation: SUM, match: MATH_GE, value: 100}"
    texts = "reply_texts: ['{user.name} {total} {combo.count} {combo.value}']"
    rule = (
        f"event_type: 4\n    hit_condition: {{tags: [{tag}]}}\n"
        f"    trigger: {{reply_mode: SYSTEM_REPLY_AND_CALLBACK, {texts}}}{OWN}"
    )
    loaded = rules(tmp_path / "p", rule)
    assert loaded.warnings == ()
    assert loaded.rules[0].livecue == Additions(
        max_age_s=2.5,
        per_user_cooldown_s=60,
        group="thanks",
        group_cooldown_s=10,
        wait_messages=5,
        distinct_users=DistinctUsers(3, 30),
        aggregate=Aggregate(60, Reset.ON_FIRE, Scope.USER, Mode.LEVEL),
        combo=Combo(("user", "giftName", "groupId"), 2.5),
        dedup_s=30,
        callback_url="https://shop.example.com/hook",
        mask=("user.name",),
        speak_answer=False,
    )


def test_what_is_not_said_is_at_its_default(tmp_path: Path) -> None:
    gift = "{event_type: 4, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [好]}, livecue: {combo: {}}}"
    first, second = rules(tmp_path / "p", fallback(", livecue: {}"), gift).rules
    assert first.livecue == Additions()
    assert second.livecue == Additions(combo=Combo(("user", "giftName"), 3))


def test_a_regex_that_can_take_long_is_a_warning(tmp_path: Path) -> None:
    condition = "hit_condition: {tags: [{tag: content, match: REGEX, value: (价|价)*$}]}"
    slow = f"{{event_type: 1, {condition}, trigger: {{reply_texts: [好]}}}}"
    (warning,) = rules(tmp_path / "p", slow).warnings
    assert "the REGEX can take long on one message" in str(warning)
    assert "it is given up after 10 ms" in str(warning)


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
