"""Time scripts: what they mean, how a failure reads, and what is said about one that cannot be read."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from livecue.packs import PackError
from livecue.packs.finding import pack_folders, script_files
from livecue.packs.junit import junit
from livecue.packs.running import Outcome, run_file

PACK = """group_name: 店
interaction_rules:
  - rule_index: price
    rule_name: 价格
    event_type: 1
    hit_condition: {priority: 10, tags: [{tag: content, match: REGEX, value: 多少钱|价格}]}
    trigger: {time_window: 20, reply_texts: [看链接]}
  - rule_index: vip
    event_type: 2
    hit_condition: {tags: [{tag: level, match: MATH_GE, value: 30}]}
    trigger: {reply_texts: [欢迎]}
  - rule_index: show
    event_type: 1
    enabled_scenes: [商品1]
    hit_condition: {tags: [{tag: content, match: REGEX, value: 看看}]}
    trigger: {reply_mode: SHOW_LAYER, layer_config: {layer_type: IMAGE}}
  - rule_index: gifts
    event_type: 4
    hit_condition: {tags: [{tag: totalValue, operation: SUM, match: MATH_GE, value: 100}]}
    trigger: {reply_texts: [破百]}
  - rule_index: combo
    event_type: 4
    hit_condition: {priority: 1, tags: [{tag: giftName, match: EQUAL, value: 气球}]}
    trigger: {reply_texts: ['{combo.count}个气球']}
    livecue: {combo: {timeout_s: 3}}
  - rule_index: asks
    event_type: 1
    hit_condition: {tags: [{tag: content, match: REGEX, value: 为什么}]}
    trigger: {reply_mode: INTELLIGENT_REPLY}
"""


def ran(folder: Path, script: str) -> list[Outcome]:
    (folder / "pack.yaml").write_text(PACK, "utf-8")
    file = folder / "pack.test.yaml"
    file.write_text(script, "utf-8")
    return run_file(file)


def steps(folder: Path, *lines: str, more: str = "") -> list[str]:
    """Each failure of one scenario as `<line> got <what>`."""
    script = f"- name: 一\n{more}  steps:\n" + "".join(f"    - {line}\n" for line in lines)
    (outcome,) = ran(folder, script)
    first = script.split("steps:")[0].count("\n")
    return [f"{failure.line - first - 1}: {failure.got}" for failure in outcome.failures]


def test_time_is_virtual_and_runs_from_the_start_of_the_live(tmp_path: Path) -> None:
    assert not steps(
        tmp_path,
        "{at: 0s, danmaku: 多少钱, expect: {rule: price}}",
        "{at: 19s, danmaku: 多少钱, expect: suppressed}",
        "{at: 19999ms, danmaku: 多少钱, expect: {suppressed: 价格}}",
        "{at: 20, danmaku: 多少钱, expect: {reply: 看链接, reported: false}}",
        "{at: 1h, danmaku: 哈哈, expect: nothing}",
        "{danmaku: 哈哈, expect: {reported: true}}",
    )


def test_every_kind_of_step_has_its_event(tmp_path: Path) -> None:
    assert steps(
        tmp_path,
        "{enter: {userId: '1', level: '31'}, expect: {rule: vip}}",
        "{enter: true, user: {level: 3}, expect: nothing}",
        "{like: true, expect: nothing}",
        "{follow: 小李, expect: nothing}",
        "{viewers: 5, expect: nothing}",
        "{gift: {giftName: 火箭, totalValue: 60}, expect: nothing}",
        "{gift: {totalValue: 60}, expect: {rule: gifts}}",
        "{event: {type: 1, content: {content: 价格}}, expect: {rule: price}}",
        "{danmaku: 看看, expect: {rule: show}}",
    ) == ["9: nothing (reported)"]


def test_a_scene_and_a_new_live_are_steps_of_their_own(tmp_path: Path) -> None:
    assert not steps(
        tmp_path,
        "{scene: 商品1}",
        "{danmaku: 看看价格, expect: {layer: true, rule: price}}",
        "{scene: 商品2}",
        "{danmaku: 看看, expect: {layer: false}}",
        "{at: 5s, job: live-2}",
        "{at: 5s, danmaku: 价格, expect: {rule: price}}",
    )
    assert not steps(
        tmp_path, "{danmaku: 看看, expect: {layer: true, reported: true}}", more="  scene: 商品1\n"
    )


def test_a_question_put_outside_is_answered_by_a_step(tmp_path: Path) -> None:
    assert not steps(
        tmp_path,
        "{danmaku: 为什么, expect: {asks: true, rule: asks}}",
        "{at: 2s, answer: {text: 因为好}, expect: {reply: 因为好, rule: asks}}",
    )


def test_a_combo_is_answered_when_time_passes(tmp_path: Path) -> None:
    assert not steps(
        tmp_path,
        "{at: 0s, gift: 气球, user: 小李, times: 3, every: 1s, expect: {reported: false}}",
        "{at: 4s, expect: nothing}",
        "{at: 5s, expect: {reply: 3个气球, rule: combo}}",
    )


def test_an_event_repeated_is_told_by_its_turn(tmp_path: Path) -> None:
    script = """- name: 一
  steps:
    - {at: 0s, danmaku: 价格, times: 3, every: 10s, expect: {rule: price}}
"""
    ((failure,),) = [outcome.failures for outcome in ran(tmp_path, script)]
    assert failure.step == "一: at 0 s, danmaku 价格 (time 2 of 3)"


def test_a_failure_says_what_was_expected_what_came_and_why(tmp_path: Path) -> None:
    script = """- name: 一
  steps:
    - at: 3s
      danmaku: 多少钱
      expect: {reply: 十块}
"""
    ((failure,),) = [outcome.failures for outcome in ran(tmp_path, script)]
    assert str(failure).replace(f"{tmp_path}/", "").splitlines() == [
        "pack.test.yaml:5: 一: at 3 s, danmaku 多少钱",
        '    expected  reply "十块"',
        '    got       reply "看链接", by price (价格), not reported',
        "    - 十块",
        "    + 看链接",
        "    why",
        '      price (价格): answered: content "多少钱" has /多少钱|价格/',
        "      and 2 more rules that took no part",
    ]


def test_everything_wrong_with_a_script_is_told_at_once_with_lines(tmp_path: Path) -> None:
    script = """- nam: 一
  steps:
    - {at: 5s, danmak: 价格, expect: nothin}
    - {at: 1s, danmaku: 价格, like: true}
    - {at: soon, gift: {gifName: 火箭}, expect: {rul: price}}
    - {viewers: 3, user: 小李, times: 0}
- just text
"""
    with pytest.raises(PackError) as caught:
        ran(tmp_path, script)
    said = [f"{problem.line}: {problem.message}; {problem.remedy}" for problem in caught.value.problems]
    assert said == [
        "1: unknown key 'nam'; did you mean 'name'?",
        "1: a scenario has no name; write `name:` and what it shows",
        "3: unknown key 'step.danmak'; did you mean 'danmaku'?",
        "3: expect is 'nothin'; did you mean nothing? write nothing, suppressed, or a mapping such as {rule: …} or {reply: …}",
        "4: this step is earlier than the one before; put the steps in the order of their time",
        "4: a step does both danmaku and like; make two steps of it, the second with the same `at`",
        "5: at is no time; write 0s, 90s, 1m30s, 2h or 250ms",
        "5: unknown key 'step.gift.gifName'; did you mean 'giftName'?",
        "5: unknown key 'step.expect.rul'; did you mean 'rule'?",
        "6: viewers has no user; remove `user`",
        "6: step.times is 0; write a whole number from 1 to 100000",
        "7: a scenario is not a mapping; write `key: value` lines: name, packs, scene, report, steps",
    ]


def test_an_expected_rule_that_is_not_there_is_named_with_a_guess(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="3: rule '一': the packs have no rule '价'; did you mean '价格'"):
        steps(tmp_path, "{danmaku: 价格, expect: {rule: 价}}")


def test_other_packs_may_join(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pack.yaml").write_text(
        PACK.replace("priority: 10", "priority: 5").replace("rule_index: ", "rule_index: o-")
    )
    script = "- {name: 一, packs: [., other], steps: [{danmaku: 价格, expect: {rule: o-price}}]}\n"
    assert all(outcome.passed for outcome in ran(tmp_path, script))


def test_junit_has_a_case_per_scenario_and_an_error_per_unreadable_file(tmp_path: Path) -> None:
    outcomes = ran(
        tmp_path,
        "- {name: 好, steps: [{danmaku: 价格, expect: {rule: price}}]}\n"
        '- {name: 坏, steps: [{danmaku: "价格\\x07", expect: nothing}]}\n',
    )
    root = ET.fromstring(junit({Path("a"): outcomes}, {Path("b"): "b:1: broken"}))
    assert [suite.get("tests") for suite in root] == ["2", "1"]
    assert [case.get("name") for case in root.iter("testcase")] == ["好", "坏", "loads"]
    assert "pack.test.yaml:2: 坏" in (root.findtext(".//failure") or "")
    assert root.findtext(".//error") == "b:1: broken"


def test_packs_and_scripts_are_found_below_folders(tmp_path: Path) -> None:
    for name in ("b", "a/deep"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "pack.yaml").touch()
        (tmp_path / name / "pack.test.yaml").touch()
    found = [tmp_path / "a" / "deep", tmp_path / "b"]
    assert pack_folders([tmp_path]) == found
    assert pack_folders([tmp_path / "b" / "pack.yaml", tmp_path / "b"]) == [tmp_path / "b"]
    assert pack_folders([tmp_path / "nowhere"]) == [tmp_path / "nowhere"]
    assert script_files([tmp_path]) == [folder / "pack.test.yaml" for folder in found]
