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


VIDEO = ROOM["video_config"]
PLACE = {"dx": -1920, "dy": 0, "layer_index": 1}
LAYER: dict[str, Any] = {"layer_type": "IMAGE", "position": PLACE, "size": {"width": 1, "height": 7680}}
ASSET = {"asset_id": "a", "asset_type": "IMAGE", "order": 300}
OFF = {"rule_index": "a", "enabled": False}
SEGMENT = "scene_scripts.0.shoot_scripts.0"
PLACED = "scene_scripts.0.layer_config.0.position"


def scene(**more: Any) -> dict[str, Any]:
    return {"scene_scripts": [ROOM["scene_scripts"][0] | more]}


def scenes(count: int) -> dict[str, Any]:
    return {"scene_scripts": [ROOM["scene_scripts"][0] | {"script_name": str(n)} for n in range(count)]}


def layer(**more: Any) -> dict[str, Any]:
    return scene(layer_config=[LAYER | more])


def segment(**more: Any) -> dict[str, Any]:
    return scene(shoot_scripts=[{"text_config": {"text": "好"}} | more])


@pytest.mark.parametrize(
    "more",
    [
        {},
        scenes(100),
        layer(),
        scene(layer_config=[LAYER] * 100, background_config=[{"background_type": "COLOR"}], voice_config={}),
        layer(rotation={"of_a_newer": "cloud"}, asset_name=None),
        segment(text_config={"text": "<speak>" + "好" * 10_000 + '<break time="1s"/></speak>'}),
        segment(text_config=None, audio_config={"audio_url": "https://x/a.mp3"}),
    ],
)
def test_a_room_as_documented_has_no_problems(more: dict[str, Any]) -> None:
    assert problems_of(Thing.ROOM, ROOM | more) == []


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
        ({"video_config": VIDEO | {"width": 720, "height": 1280}}, "video_config", "1080x1920"),
        (
            {"video_config": {"width": 1080, "height": 1920}},
            "video_config",
            "codec, bitrate, width and height",
        ),
        ({"video_config": VIDEO | {"bitrate": 40}}, "video_config.bitrate", "1000 to 8000"),
        ({"priv_data": 17}, "priv_data", "quotation marks"),
        ({"play_policy": {"auto_play_script": "no"}}, "play_policy.auto_play_script", "true or false"),
        ({"play_policy": {"repeat_cuont": 1}}, "play_policy.repeat_cuont", "did you mean `repeat_count`?"),
        ({"backup_model_asset_ids": list("abcdef")}, "backup_model_asset_ids", "has 6, MetaStudio takes 5"),
        (
            {"co_streamer_config": {"voice_config": {"speed": 90}}},
            "co_streamer_config.voice_config",
            "asset_id",
        ),
        ({"relation_live_platform_info": {"live_id": "1"}}, "relation_live_platform_info", "platform_id and"),
        ({"scene_scripts": {}}, "scene_scripts", "list of scenes"),
        ({"scene_scripts": [{"shoot_scripts": []}]}, "scene_scripts.0", "script_name"),
        ({"scene_scripts": [{"script_name": "一"}]}, "scene_scripts.0", "shoot_scripts"),
        ({"scene_scripts": ROOM["scene_scripts"] * 2}, "scene_scripts.1", "twice"),
        ({"scene_scripts": ["一"]}, "scene_scripts", "list of scenes"),
        (scenes(101), "scene_scripts", "has 101, MetaStudio takes 100"),
        (scene(shoot_scripts={}), "scene_scripts.0.shoot_scripts", "list of segments"),
        (scene(script_description="好" * 1025), "scene_scripts.0.script_description", "0 to 1024"),
        (scene(background_config=[{}]), "scene_scripts.0.background_config.0", "background_type"),
        (scene(layer_config={}), "scene_scripts.0.layer_config", "list of layers"),
        (scene(layer_config=[LAYER] * 101), "scene_scripts.0.layer_config", "has 101, MetaStudio takes 100"),
        (layer(layer_type="IMG"), "scene_scripts.0.layer_config.0.layer_type", "HUMAN, IMAGE, VIDEO, TEXT"),
        (layer(layer_type=None), "scene_scripts.0.layer_config.0", "has a layer_type"),
        (layer(position={"dx": 0}), "scene_scripts.0.layer_config.0.position", "write all three"),
        (layer(position=PLACE | {"layer_index": 0}), f"{PLACED}.layer_index", "1 to 100"),
        (layer(size={"width": 0}), "scene_scripts.0.layer_config.0.size.width", "1 to 7680"),
        (layer(video_cofnig={}), "scene_scripts.0.layer_config.0.video_cofnig", "`video_config`"),
        (segment(title="好" * 257), f"{SEGMENT}.title", "0 to 256"),
        (segment(text_config={"words": "好"}), f"{SEGMENT}.text_config", "text_config has a text"),
        (segment(text_config={"text": ["好"]}), f"{SEGMENT}.text_config.text", "0 to 131072"),
        (
            segment(text_config={"text": "<speak>" + "好" * 10_001 + "</speak>"}),
            f"{SEGMENT}.text_config.text",
            "10001 characters besides its SSML, MetaStudio speaks 10000: make two segments",
        ),
        (segment(sequence_no="1"), f"{SEGMENT}.sequence_no", "whole number"),
        ({"interaction_rules": {}}, "interaction_rules", "list of rules"),
        ({"interaction_rules": [OFF, OFF]}, "interaction_rules.1", "the rule_index 'a' is there twice"),
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
        ({"name": 316}, "name"),
        ({"name": "杯" * 257}, "name"),
        ({"name": "杯", "state": "SOLD"}, "state"),
        ({"name": "杯", "auto_active": "yes"}, "auto_active"),
        ({"name": "杯", "cover": "a"}, "cover"),
        ({"name": "杯", "cover": {"url": "x"}}, "cover"),
        ({"name": "杯", "text_list": {"卖点": "保温"}}, "text_list"),
        ({"name": "杯", "text_list": [{"title": "卖点", "text": "x"}] * 2}, "text_list.1"),
        ({"name": "杯", "asset_list": [{"asset_type": "IMAGE"}]}, "asset_list.0"),
        ({"name": "杯", "asset_list": [ASSET | {"asset_type": "PICTURE"}]}, "asset_list.0.asset_type"),
        ({"name": "杯", "asset_list": [ASSET | {"order": 301}]}, "asset_list.0.order"),
        ({"name": "杯", "asset_list": [ASSET, ASSET]}, "asset_list.1"),
    ],
)
def test_a_product_is_checked_likewise(spec: dict[str, Any], where: str) -> None:
    assert [".".join(map(str, path)) for path, _ in product_problems(spec)] == [where]


def test_a_product_as_documented_has_no_problems() -> None:
    spec = {
        "name": "杯",
        "tags": ["户外"],
        "auto_active": True,
        "state": "ACTIVED",
        "cover": {"asset_id": "a"},
    }
    texts = [{"title": "卖点", "text": "保温"}, {"title": "价格", "text": "99"}]
    assert product_problems(spec | {"text_list": texts, "asset_list": [ASSET, {"asset_id": "b"}]}) == []
