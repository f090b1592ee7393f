"""Words that livecue does not know: the cloud's of tomorrow, or slips of the pen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livecue.engine import compile_rules
from livecue.packs import PackError, load_packs
from packs.test_packs import fallback, rules, written

TOMORROW = {
    "rule_name": "明天",
    "event_type": 1,
    "hit_condition": {
        "relation": "XOR",
        "tags": [
            {"tag": "content", "match": "REGEX", "value": "价"},
            {"tag": "content", "match": "FUZZY", "operation": "MEDIAN", "value": "价"},
        ],
    },
    "trigger": {"reply_mode": "HOLOGRAM", "play_type": "WHISPER", "reply_texts": ["好"]},
}


def test_words_of_a_newer_cloud_are_kept_and_the_rule_is_left_to_it(tmp_path: Path) -> None:
    text = json.dumps({"interaction_rules": [TOMORROW]})
    loaded = load_packs([written(tmp_path / "cloud", text, "pack.json")])
    (rule,) = loaded.rules
    assert rule.unknown == (
        ("trigger.reply_mode", "HOLOGRAM"),
        ("trigger.play_type", "WHISPER"),
        ("hit_condition.tags.1.operation", "MEDIAN"),
        ("hit_condition.tags.1.match", "FUZZY"),
        ("hit_condition.relation", "XOR"),
    )
    assert (rule.evaluated_here, compile_rules(loaded.rules).plans) == (False, {})
    assert str(loaded.warnings[0]).endswith(
        "reply_mode is 'HOLOGRAM', which livecue does not know; the rule is left to the cloud; known are "
        "SYSTEM_REPLY, CALLBACK, SYSTEM_REPLY_AND_CALLBACK, SHOW_LAYER, INTELLIGENT_REPLY"
    )


def test_a_rule_with_the_clouds_marks_came_from_it_also_in_yaml(tmp_path: Path) -> None:
    (rule,) = rules(tmp_path / "p", fallback(", rule_id: r-1", "reply_mode: HOLOGRAM")).rules
    assert rule.unknown == (("trigger.reply_mode", "HOLOGRAM"),)


@pytest.mark.parametrize("word", ["system_reply", "SYSTEM_REPLYY"])
def test_a_slip_of_the_pen_is_an_error_also_in_an_export(tmp_path: Path, word: str) -> None:
    with pytest.raises(PackError, match="did you mean SYSTEM_REPLY"):
        rules(tmp_path / "p", fallback(", rule_id: r-1", f"reply_mode: {word}"))
