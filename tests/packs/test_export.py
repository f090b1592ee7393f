from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from huaweicloudsdkmetastudio.v1 import (
    HitCondition,
    HitConditionTag,
    LiveRoomInteractionRuleInfo,
    ReplyAudioInfo,
    TriggerProcess,
)

from livecue.engine.rules import Additions
from livecue.packs import load_pack
from livecue.packs.export import exported, left_out

SHIPPED = sorted(file.parent for file in (Path(__file__).parents[2] / "rules").glob("*/pack.yaml"))

FULL = """group_name: 店
interaction_rules:
  - rule_index: one
    rule_name: 问
    event_type: 1
    enabled_scenes: [商品1]
    hit_condition: {relation: OR, priority: 7, tags: [{tag: content, match: REGEX, value: 价}]}
    trigger:
      time_window: -1
      reply_texts: ['{user.name}，看链接']
      reply_audios: [{audio_url: 'https://x/1.mp3', audio_name: 一}]
      reply_order: ORDER
      reply_role: CO_STREAMER
      play_type: APPEND
      robot_id: r-1
      layer_config: {layer_type: IMAGE, position: {dx: 1}}
      extra_layer_config: {layer_type: TEXT}
    review_config: {no_need_review: true}
    livecue: {per_user_cooldown_s: 60, max_age_s: 3}
"""


def full(folder: Path) -> Path:
    (folder / "pack.yaml").write_text(FULL, "utf-8")
    return folder


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_shipped_pack_loads_back_equal_but_for_livecues_own_keys(folder: Path, tmp_path: Path) -> None:
    _loads_back(folder, tmp_path)


def test_every_field_of_metastudio_loads_back(tmp_path: Path) -> None:
    _loads_back(full(tmp_path), tmp_path / "back")


def test_a_word_of_a_newer_cloud_goes_back_to_it(tmp_path: Path) -> None:
    tags = [{"tag": "content", "match": "REGEX", "value": "价"}, {"tag": "x", "match": "NEAR", "value": "y"}]
    rule = {
        "rule_index": "1",
        "event_type": 1,
        "hit_condition": {"relation": "AND", "tags": tags},
        "trigger": {"reply_mode": "HOLOGRAM", "reply_texts": ["好"]},
    }
    (tmp_path / "pack.json").write_text(json.dumps({"group_name": "店", "interaction_rules": [rule]}))
    (back,) = exported(load_pack(tmp_path))["interaction_rules"]
    assert back["trigger"]["reply_mode"] == "HOLOGRAM"
    assert [tag["match"] for tag in back["hit_condition"]["tags"]] == ["REGEX", "NEAR"]
    _loads_back(tmp_path, tmp_path / "back")


def _loads_back(folder: Path, into: Path) -> None:
    pack = load_pack(folder)
    into.mkdir(exist_ok=True)
    (into / "pack.json").write_text(json.dumps(exported(pack)), "utf-8")
    back = load_pack(into)
    assert back.group_name == pack.group_name
    assert back.rules == tuple(msgspec.structs.replace(rule, livecue=Additions()) for rule in pack.rules)


def _known(table: dict[str, Any], *models: Any) -> None:
    known = set().union(*(model.attribute_map for model in models))
    assert set(table) <= known, set(table) - known


@pytest.mark.parametrize("name", ["full", *(folder.name for folder in SHIPPED)])
def test_an_export_has_the_fields_of_the_vendors_own_model_and_no_others(name: str, tmp_path: Path) -> None:
    folder = full(tmp_path) if name == "full" else next(each for each in SHIPPED if each.name == name)
    group = exported(load_pack(folder))
    assert set(group) == {"group_name", "interaction_rules"}
    for rule in group["interaction_rules"]:
        _known(rule, LiveRoomInteractionRuleInfo)
        _known(rule["hit_condition"], HitCondition)
        for tag in rule["hit_condition"]["tags"]:
            _known(tag, HitConditionTag)
        _known(rule["trigger"], TriggerProcess)
        for audio in rule["trigger"].get("reply_audios", []):
            _known(audio, ReplyAudioInfo)


def test_what_the_cloud_will_not_know_of_is_said(tmp_path: Path) -> None:
    folder = full(tmp_path)
    assert list(left_out(load_pack(folder))) == [
        f"{folder}/pack.yaml:3: rule '问': without livecue's max_age_s, per_user_cooldown_s",
        f"{folder}/pack.yaml:3: rule '问': the cloud speaks {{user.name}} as it stands",
    ]
