from __future__ import annotations

from typing import Any

import pytest

from livecue.metastudio import Thing
from livecue.setups import problems_of, product_problems

VOICE = {"voice_asset_id": "v", "speed": 100}
ROOM: dict[str, Any] = {
    "room_name": "店",
    "play_policy": {"repeat_count": -1, "play_mode": "TEXT"},
    "video_config": {"codec": "H264", "bitrate": 4000, "width": 1080, "height": 1920},
    "scene_scripts": [
        {"script_name": "一", "voice_config": VOICE, "shoot_scripts": [{"text_config": {"text": "好"}}]}
    ],
    "interaction_rules": [{"trigger": {"reply_mode": "CALLBACK"}}, {"enabled": False}],
    "of_a_newer_cloud": 1,
}


def test_a_room_as_documented_has_no_problems() -> None:
    assert problems_of(Thing.ROOM, ROOM) == []


@pytest.mark.parametrize(
    ("more", "where", "said"),
    [
        ({"room_name": ""}, "room_name", "1 to 256"),
        ({"room_type": "TEMP"}, "room_type", "gone after its live"),
        ({"scene_script": []}, "scene_script", "did you mean `scene_scripts`?"),
        ({"stream_keys": ["SECRET"]}, "stream_keys", "the room's `start`"),
        ({"live_event_callback_config": {}}, "live_event_callback_config", "the room's `callback`"),
        ({"room_id": "r"}, "room_id", "the cloud's own"),
        ({"play_policy": []}, "play_policy", "mapping"),
        ({"play_policy": {"repeat_count": -2}}, "play_policy.repeat_count", "-1 to 100"),
        ({"play_policy": {"play_mode": "SONG"}}, "play_policy.play_mode", "TEXT, AUDIO"),
        ({"video_config": {"width": 720, "height": 1280}}, "video_config", "1080x1920"),
        ({"scene_scripts": {}}, "scene_scripts", "list of scenes"),
        ({"scene_scripts": [{"shoot_scripts": []}]}, "scene_scripts.0", "script_name"),
        ({"scene_scripts": [{"script_name": "一"}]}, "scene_scripts.0", "shoot_scripts"),
        ({"scene_scripts": ROOM["scene_scripts"] * 2}, "scene_scripts.1", "twice"),
        ({"interaction_rules": [{"rule_name": "x"}]}, "interaction_rules.0", "a pack under `rules`"),
        ({"interaction_config": {"play_type": "LATER"}}, "interaction_config.play_type", "APPEND"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(more: dict[str, Any], where: str, said: str) -> None:
    ((path, text),) = problems_of(Thing.ROOM, ROOM | more)
    assert (".".join(map(str, path)), said in text) == (where, True), text
    assert "SECRET" not in text


def test_a_voice_is_checked_wherever_it_stands() -> None:
    scene = ROOM["scene_scripts"][0] | {"voice_config": {"speed": 300}}
    found = [path[-1] for path, _ in problems_of(Thing.ROOM, ROOM | {"scene_scripts": [scene]})]
    assert found == ["voice_config", "speed"]
    chat = {"room_name": "x", "voice_config": VOICE | {"volume": 1}, "concurrency": 2000}
    assert [path[-1] for path, _ in problems_of(Thing.CHAT_ROOM, chat)] == ["concurrency", "volume"]


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({}, "name"),
        ({"name": "杯", "tags": "户外"}, "tags"),
        ({"name": "杯", "tags": ["户外用品大全"]}, "tags.0"),
        ({"name": "杯", "product_id": "x"}, "product_id"),
        ({"name": "杯", "desciption": "x"}, "desciption"),
    ],
)
def test_a_product_is_checked_likewise(spec: dict[str, Any], where: str) -> None:
    assert [".".join(map(str, path)) for path, _ in product_problems(spec)] == [where]


def test_a_product_as_documented_has_no_problems() -> None:
    assert product_problems({"name": "杯", "tags": ["户外"], "auto_active": True}) == []
