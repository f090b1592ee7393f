"""Rooms, rule groups, products and smart chat, on a clock that stands still."""

from __future__ import annotations

from typing import Any

import pytest

from livecue.sandbox import SandboxOptions
from sandbox.support import ROOM, Api, offline

RULE: dict[str, Any] = {
    "rule_index": "price",
    "event_type": 1,
    "hit_condition": {
        "relation": "OR",
        "priority": 10,
        "tags": [{"tag": "content", "match": "REGEX", "value": "多少钱"}],
    },
    "trigger": {
        "time_window": 30,
        "reply_mode": "SYSTEM_REPLY",
        "reply_texts": ["七十九"],
        "play_type": "PLAY_NOW",
    },
}


async def test_a_room_lives_from_creation_to_deletion(api: Api) -> None:
    body = {"room_name": "旗舰店", "interaction_rules": [RULE], "priv_data": "x", "newer_field": [1]}
    room_id = (await api.ok("POST", "/smart-live-rooms", body))["room_id"]
    path = f"/smart-live-rooms/{room_id}"
    shown = await api.ok("GET", path)
    assert {name: shown[name] for name in body} == body
    api.pass_time(60)
    updated = await api.ok("PUT", path, {"room_name": "旗舰店二"})
    assert updated["room_name"] == "旗舰店二"
    assert updated["update_time"] > updated["create_time"]
    assert await api.ok("DELETE", path) == {}
    assert await api.refusal("GET", path) == (400, "MSS.20010045")
    assert await api.refusal("DELETE", path) == (400, "MSS.20010045")


async def test_rooms_have_unique_names(api: Api) -> None:
    first = (await api.ok("POST", "/smart-live-rooms", {"room_name": "甲"}))["room_id"]
    assert await api.refusal("POST", "/smart-live-rooms", {"room_name": "甲"}) == (400, "MSS.20010031")
    assert await api.refusal("PUT", f"/smart-live-rooms/{ROOM}", {"room_name": "甲"}) == (400, "MSS.20010031")
    await api.ok("PUT", f"/smart-live-rooms/{first}", {"room_name": "甲"})


async def test_a_room_that_is_live_cannot_be_deleted(api: Api) -> None:
    job_id = await api.start()
    assert await api.refusal("DELETE", f"/smart-live-rooms/{ROOM}") == (500, "MSS.20010036")
    await api.ok("POST", api.job(job_id) + "/stop")
    await api.ok("DELETE", f"/smart-live-rooms/{ROOM}")


async def test_rooms_are_found_by_name_type_and_state_of_their_last_live(api: Api) -> None:
    await api.ok("POST", "/smart-live-rooms", {"room_name": "模板店", "room_type": "TEMPLATE"})
    job_id = await api.start()

    async def found(**query: str) -> list[str]:
        return [
            room["room_name"]
            for room in (await api.ok("GET", "/smart-live-rooms", **query))["smart_live_rooms"]
        ]

    live = f"sandbox {ROOM}"
    assert await found() == [live, "模板店"]
    assert await found(room_name="模板") == ["模板店"]
    assert await found(room_type="NORMAL") == [live]
    assert await found(live_state="PROCESSING,WAITING") == [live]
    assert await found(live_state="NULL") == ["模板店"]
    assert await found(start_time="2026-01-01T00:00:00Z", end_time="2027-01-01T00:00:00Z") == [live]
    await api.ok("POST", api.job(job_id) + "/stop")
    assert await found(live_state="SUCCESS") == [live]
    assert await found(limit="1", offset="1") == ["模板店"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"room_name": ""},
        {"room_name": "x" * 257},
        {"room_name": "x", "room_type": "PALACE"},
        {"room_name": "x", "interaction_rules": [{"trigger": {"time_window": 7201}}]},
        {"room_name": "x", "interaction_rules": [{"trigger": {"reply_texts": ["x"] * 6}}]},
        {"room_name": "x", "interaction_rules": [{"hit_condition": {"priority": 1000}}]},
        {"room_name": "x", "interaction_rules": [{"rule_index": "r" * 65}]},
        {"room_name": "x", "scene_scripts": [{"script_name": "s", "shoot_scripts": [{"sequence_no": -1}]}]},
        {
            "room_name": "x",
            "scene_scripts": [{"script_name": "s", "shoot_scripts": [{"text_config": {"text": "<speak>"}}]}],
        },
        {"room_name": "x", "scene_scripts": [{"script_name": "s", "voice_config": {"speed": 100}}]},
        {"room_name": "x", "scene_scripts": [{"script_name": "s", "layer_config": [{"layer_type": "PDF"}]}]},
        {
            "room_name": "x",
            "scene_scripts": [
                {"script_name": "s", "layer_config": [{"layer_type": "IMAGE", "position": {"dx": 1}}]}
            ],
        },
        {"room_name": "x", "scene_scripts": [{"script_name": "s", "background_config": [{}]}]},
        {"room_name": "x", "co_streamer_config": {"voice_config": {"voice_asset_id": "v", "pitch": 9}}},
    ],
)
async def test_a_room_outside_the_documented_ranges_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert await api.refusal("POST", "/smart-live-rooms", body) == (400, "MSS.00000003")


async def test_the_warnings_of_a_room_follow_its_configuration(api: Api) -> None:
    shoots = [{"text_config": {"text": "好" * 250}}] * 10
    rich = {
        "room_name": "富",
        "scene_scripts": [{"script_name": "s", "shoot_scripts": shoots}],
        "interaction_rules": [{"event_type": 1}] * 10,
        "backup_model_asset_ids": ["m"],
        "play_policy": {"random_play_mode": "NONE"},
    }
    room_id = (await api.ok("POST", "/smart-live-rooms", rich))["room_id"]
    warnings = await api.ok("GET", f"/smart-live-rooms/{room_id}/live-warning-info")
    assert warnings == {"live_warning_info": [{"warning_type": "RANDOM_PLAY_CLOSED"}], "limit_duration": 0}


async def test_a_rule_group_lives_from_creation_to_deletion(api: Api) -> None:
    path = "/smart-live-interaction-rule-groups"
    body = {"group_name": "电商", "interaction_rules": [RULE]}
    group_id = (await api.ok("POST", path, body))["group_id"]
    assert await api.refusal("POST", path, body) == (400, "MSS.20010084")
    listed = await api.ok("GET", path, group_name="电")
    assert listed["count"] == 1
    rule = listed["interaction_rule_groups"][0]["interaction_rules"][0]
    assert rule == {**RULE, "enabled": True, "rule_id": rule["rule_id"]}
    updated = await api.ok("PUT", f"{path}/{group_id}", {"group_name": "电商二", "interaction_rules": []})
    assert (updated["group_name"], updated["interaction_rules"]) == ("电商二", [])
    await api.ok("DELETE", f"{path}/{group_id}")
    for method in ("PUT", "DELETE"):
        assert await api.refusal(method, f"{path}/{group_id}", body) == (400, "MSS.20010083")


async def test_a_rule_index_is_unique_in_its_group(api: Api) -> None:
    body = {"group_name": "双", "interaction_rules": [RULE, RULE]}
    assert await api.refusal("POST", "/smart-live-interaction-rule-groups", body) == (400, "MSS.00000003")


async def test_a_product_lives_from_creation_to_deletion(api: Api) -> None:
    body = {
        "name": "保温杯",
        "tags": ["杯子"],
        "asset_list": [{"asset_id": "a", "asset_type": "IMAGE", "order": 1}],
    }
    product_id = (await api.ok("POST", "/products", body))["product_id"]
    path = f"/products/{product_id}"
    assert (await api.ok("GET", path))["state"] == "ACTIVED"
    await api.ok("PUT", path, {"description": "316", "state": "UNACTIVED"})
    shown = await api.ok("GET", path)
    assert (shown["name"], shown["description"], shown["state"]) == ("保温杯", "316", "UNACTIVED")
    for query, count in (
        ({"name": "保温"}, 1),
        ({"tag": "杯子"}, 1),
        ({"tag": "碗"}, 0),
        ({"state": "ACTIVED"}, 0),
    ):
        assert (await api.ok("GET", "/products", **query))["count"] == count
    await api.ok("DELETE", path)
    for method, suffix in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/assets")):
        assert await api.refusal(method, path + suffix, {}) == (400, "MSS.10001041")


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x", "tags": ["长标签长标签"]}, {"name": "x", "asset_list": [{"asset_type": "PDF"}]}],
)
async def test_a_product_outside_the_documented_ranges_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert await api.refusal("POST", "/products", body) == (400, "MSS.00000003")


async def test_a_chat_runs_until_it_is_stopped(api: Api) -> None:
    body = {"room_name": "大自然的传说", "room_description": "课件", "concurrency": 1}
    room_id = (await api.ok("POST", "/smart-chat-rooms", body))["room_id"]
    jobs = f"/digital-human-chat/smart-chat-rooms/{room_id}/smart-chat-jobs"
    started = await api.ok("POST", jobs, {}, robot_id="robot")
    assert started["rtc_room_info"]["users"][0]["user_type"] == "PLAYER"
    assert (started["chat_access_address"], started["chat_access_rest_address"], started["language"]) == (
        *("127.0.0.1:443", "127.0.0.1:8443", "CN"),
    )
    assert await api.refusal("POST", jobs, {}) == (403, "MSS.20010135")
    path = f"{jobs}/{started['job_id']}"
    assert (await api.ok("GET", path + "/state"))["state"] == "WAITING"
    api.pass_time(61)
    shown = await api.ok("GET", path + "/state")
    assert (shown["state"], shown["duration"], shown["chat_state"]) == ("PROCESSING", 60, 0)
    assert (await api.ok("GET", jobs, state="PROCESSING"))["count"] == 1
    await api.ok("POST", path + "/stop")
    assert (await api.ok("GET", path + "/state"))["state"] == "SUCCEED"
    assert await api.refusal("POST", path + "/stop") == (400, "MSS.47010123")
    assert await api.refusal("GET", jobs + "/none/state") == (400, "MSS.47010065")


async def test_a_chat_room_lives_from_creation_to_deletion(api: Api) -> None:
    room_id = (await api.ok("POST", "/smart-chat-rooms", {"room_name": "甲"}))["room_id"]
    path = f"/smart-chat-rooms/{room_id}"
    assert await api.refusal("POST", "/smart-chat-rooms", {"room_name": "甲"}) == (400, "MSS.20010148")
    assert (await api.ok("PUT", path, {"room_name": "乙"}))["room_name"] == "乙"
    assert (await api.ok("GET", "/smart-chat-rooms", room_name="乙"))["count"] == 1
    assert (await api.ok("GET", path))["room_id"] == room_id
    await api.ok("DELETE", path)
    assert await api.refusal("GET", path) == (400, "MSS.47010001")


async def test_a_region_without_smart_chat_knows_no_such_api() -> None:
    async with offline(SandboxOptions(region="ap-southeast-3")) as api:
        assert await api.refusal("POST", "/smart-chat-rooms", {"room_name": "x"}) == (404, "APIGW.0101")
