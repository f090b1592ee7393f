"""`livecue rooms plan | apply | export`, and a room that `livecue run` makes, against the sandbox."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.processes import clean_environment, livecue, running, write_config
from bus.serving import until
from livecue.app.daemon import now_ms
from livecue.metastudio import AkSkAuth, MetaStudio, Thing
from livecue.packs import load_pack
from livecue.sandbox import Sandbox, SandboxOptions

SCENE: dict[str, Any] = {
    "script_name": "保温杯",
    "model_asset_id": "m",
    "voice_config": {"voice_asset_id": "v", "speed": 110},
    "shoot_scripts": [
        {"title": "开场", "text_config": {"text": "大家好"}, "relation_product": {"product_title": "杯"}}
    ],
}
ROOM = {"room_description": "as code", "play_policy": {"repeat_count": -1}, "scene_scripts": [SCENE]}
ANSWERS = {
    "rule_index": "c",
    "event_type": 1,
    "hit_condition": {"relation": "RESERVED"},
    "trigger": {"reply_mode": "SYSTEM_REPLY", "reply_texts": ["好"]},
}


WHOLE: dict[str, Any] = {
    "room_description": "everything that a room can be",
    "play_policy": {
        "repeat_count": -1,
        "random_play_mode": "SCENE",
        "live_exit_config": {"max_live_duration": 8, "auto_stop_mode": "SCRIPT_END"},
    },
    "video_config": {"codec": "H264", "bitrate": 4000, "width": 1080, "height": 1920},
    "co_streamer_config": {"voice_config": {"voice_asset_id": "w"}, "streamer_action": "VOLUME_DOWN"},
    "interaction_config": {"play_type": "APPEND"},
    "priv_data": "{}",
    "scene_scripts": [
        SCENE
        | {
            "background_config": [{"background_type": "COLOR", "background_color_config": "#000000"}],
            "layer_config": [
                {"layer_type": "HUMAN", "position": {"dx": 0, "dy": 10, "layer_index": 2}},
                {
                    "layer_type": "IMAGE",
                    "asset_id": "poster",
                    "position": {"dx": -20, "dy": 0, "layer_index": 1},
                    "size": {"width": 1080, "height": 1920},
                },
            ],
        },
        {
            "script_name": "帐篷",
            "voice_config": {"voice_asset_id": "v", "pitch": 90},
            "shoot_scripts": [
                {"sequence_no": 1, "title": "一", "text_config": {"text": "<speak>帐篷</speak>"}},
                {"sequence_no": 2, "title": "二", "audio_config": {"audio_url": "https://x.example/a.mp3"}},
            ],
        },
    ],
    "interaction_rules": [
        {
            "rule_index": "c",
            "rule_name": "问价",
            "event_type": 1,
            "group_id": "26f0",
            "group_name": "欢迎词",
            "enabled_scenes": ["帐篷"],
            "hit_condition": {
                "relation": "AND",
                "tags": [{"tag": "content", "match": "REGEX", "value": "价格"}],
            },
            "trigger": {"time_window": 20, "reply_mode": "CALLBACK", "reply_texts": ["看链接"]},
        }
    ],
}


class Cloud:
    def __init__(self, folder: Path, sandbox: Sandbox, client: MetaStudio) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.setups = client.setups

    def config(self, *rooms: dict[str, Any], **more: Any) -> Path:
        auth = {"ak": self.sandbox.ak, "sk": self.sandbox.sk}
        cloud = {"endpoint": self.sandbox.endpoint, "project_id": self.sandbox.project_id, "auth": auth}
        return write_config(self.folder, **({"metastudio": cloud, "rooms": list(rooms)} | more))

    async def rooms(self, verb: str, config: Path, *more: str) -> tuple[int, str, str]:
        code, out, err = await livecue("rooms", verb, "-c", str(config), *more)
        assert "Traceback" not in err, err
        return code, out, err

    async def shown(self, name: str, thing: Thing = Thing.ROOM) -> dict[str, Any]:
        (thing_id,) = await self.setups.find(thing, name)
        return await self.setups.show(thing, thing_id)

    async def rule_group(self, name: str, *rules: dict[str, Any]) -> str:
        auth = AkSkAuth(self.sandbox.ak, self.sandbox.sk, self.sandbox.project_id, now_ms)
        url = f"{self.sandbox.endpoint}/v1/{self.sandbox.project_id}/smart-live-interaction-rule-groups"
        async with httpx.AsyncClient(auth=auth) as client:
            answer = await client.post(url, json={"group_name": name, "interaction_rules": rules})
        return str(answer.raise_for_status().json()["group_id"])

    @property
    def writes(self) -> int:
        return sum(
            count for name, count in self.sandbox.calls.items() if name.startswith(("create_", "update_"))
        )


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with Sandbox(SandboxOptions(limits={"*": 0}, start_delay_s=0.1)).running() as sandbox:
        auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, now_ms)
        async with MetaStudio(sandbox.endpoint, sandbox.project_id, auth) as client:
            yield Cloud(tmp_path, sandbox, client)


async def test_a_plan_is_shown_done_and_then_there_is_nothing_left_to_do(cloud: Cloud) -> None:
    config = cloud.config(
        {"key": "shop", "room": ROOM},
        {"key": "ask", "kind": "chat", "room": {"robot_id": "r", "concurrency": 1}},
        {"key": "old", "room_id": "by-hand"},
        products=[{"name": "杯", "tags": ["户外"]}],
    )
    code, out, _ = await cloud.rooms("plan", config)
    assert code == 1
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "+ product 杯: to be created",
        "+ room shop: to be created",
        "+ chat room ask: to be created",
    ]
    assert '    room_description: nothing -> "as code"' in out
    assert cloud.writes == 0

    code, out, err = await cloud.rooms("apply", config, "--json")
    assert (code, err) == (0, "")
    assert [step["action"] for step in json.loads(out)] == ["create"] * 3
    shop = await cloud.shown("shop")
    assert shop["play_policy"] == {"repeat_count": -1}
    segment = shop["scene_scripts"][0]["shoot_scripts"][0]
    product = (await cloud.shown("杯", Thing.PRODUCT))["product_id"]
    assert segment["relation_product"] == {"product_title": "杯", "product_id": product}

    writes = cloud.writes
    assert (await cloud.rooms("plan", config))[0] == 0
    assert (await cloud.rooms("apply", config))[0] == 0
    assert cloud.writes == writes


async def test_a_change_by_hand_is_shown_and_undone_and_the_rest_is_left_alone(cloud: Cloud) -> None:
    rules = [ANSWERS, ANSWERS | {"rule_index": "d", "trigger": {"reply_mode": "CALLBACK"}}]
    by_hand = {
        "room_name": "shop",
        "room_description": "by hand",
        "priv_data": "of somebody else",
        "output_urls": ["rtmp://push.example.com/live"],
        "stream_keys": ["KEY-GEHEIM"],
        "interaction_rules": rules,
    }
    room_id = await cloud.setups.create(Thing.ROOM, by_hand)
    config = cloud.config({"key": "shop", "room": ROOM})
    code, out, err = await cloud.rooms("plan", config)
    assert code == 1
    assert f"~ room shop ({room_id}): to be updated" in out
    assert '    room_description: "by hand" -> "as code"' in out
    assert "    interaction_rules[c].enabled: true -> false" in out
    assert "GEHEIM" not in out + err

    assert (await cloud.rooms("apply", config, "shop"))[0] == 0
    shown = await cloud.setups.show(Thing.ROOM, room_id)
    assert shown["room_description"] == "as code"
    assert (shown["priv_data"], shown["stream_keys"]) == ("of somebody else", ["KEY-GEHEIM"])
    assert [rule.get("enabled") for rule in shown["interaction_rules"]] == [False, None]


async def test_an_export_can_be_applied_elsewhere_and_holds_no_secret(cloud: Cloud, tmp_path: Path) -> None:
    secret = {"output_urls": ["rtmp://push.example.com/GEHEIM"], "stream_keys": ["GEHEIM"]}
    body = {"room_name": "live 1", **ROOM, **secret, "interaction_rules": [ANSWERS]}
    room_id = await cloud.setups.create(Thing.ROOM, body)
    config = cloud.config({"key": "shop", "room_id": room_id})
    code, out, err = await cloud.rooms("export", config)
    assert (code, err) == (0, "")
    assert "GEHEIM" not in out
    (row,) = yaml.safe_load(out)["rooms"]
    assert (row["key"], row["room"]["room_name"], row["room"]["scene_scripts"]) == ("shop", "live 1", [SCENE])
    assert row["room"]["interaction_rules"] == [ANSWERS | {"enabled": False}]
    code, _, err = await cloud.rooms("export", config, "--pack", str(tmp_path / "pack"))
    assert (code, "pack: 1 rules" in err) == (0, True)
    assert [rule.rule_index for rule in load_pack(tmp_path / "pack").rules] == ["c"]
    assert (await cloud.rooms("export", config, "--pack", str(tmp_path / "pack")))[0] == 1
    again = cloud.config(row | {"room": row["room"] | {"room_name": "live 2"}})
    assert (await cloud.rooms("apply", again))[0] == 0
    assert (await cloud.rooms("plan", again))[0] == 0

    code, out, err = await cloud.rooms("export", config, room_id.upper(), "nowhere", "--json")
    assert (code, out) == (1, "")
    assert err.count("it does not exist") == 2


async def test_a_whole_room_goes_out_unchanged_and_can_be_made_again(cloud: Cloud) -> None:
    body = {"room_name": "foreign", "view_mode": "VERTICAL"} | WHOLE
    room_id = await cloud.setups.create(Thing.ROOM, body)
    code, out, err = await cloud.rooms("export", cloud.config({"key": "x", "room_id": room_id}))
    assert (code, err) == (0, "")
    (row,) = yaml.safe_load(out)["rooms"]
    assert row["room"] == body | {"room_type": "NORMAL"}
    code, out, err = await cloud.rooms("plan", cloud.config(row))
    assert (code, out, err) == (0, f"= room x ({room_id}): as described\n", "")

    copy = cloud.config(row | {"room": row["room"] | {"room_name": "copy"}})
    code, out, _ = await cloud.rooms("plan", copy)
    assert (code, out.splitlines()[0]) == (1, "+ room x: to be created")
    assert (await cloud.rooms("apply", copy))[0] == 0
    assert (await cloud.rooms("plan", copy))[0] == 0
    shown = await cloud.shown("copy")
    assert {name: shown[name] for name in WHOLE} == WHOLE


async def test_whatever_was_changed_by_hand_is_told_by_its_path_and_put_right(cloud: Cloud) -> None:
    body = json.loads(json.dumps({"room_name": "shop"} | WHOLE))
    one, two = body["scene_scripts"]
    one["layer_config"][1]["position"]["dx"] = 7
    two["voice_config"]["pitch"] = 95
    two["shoot_scripts"][0]["text_config"]["text"] = "换了"
    body["play_policy"]["live_exit_config"]["max_live_duration"] = 9
    body["interaction_rules"][0]["trigger"]["reply_mode"] = "SYSTEM_REPLY"
    room_id = await cloud.setups.create(Thing.ROOM, body)
    config = cloud.config({"key": "shop", "room": WHOLE})
    code, out, _ = await cloud.rooms("plan", config, "--json")
    (step,) = json.loads(out)
    assert (code, step["action"], step["id"]) == (1, "update", room_id)
    assert {change["path"]: (change["old"], change["new"]) for change in step["changes"]} == {
        "scene_scripts[保温杯].layer_config[1].position.dx": (7, -20),
        "scene_scripts[帐篷].voice_config.pitch": (95, 90),
        "scene_scripts[帐篷].shoot_scripts[1].text_config.text": ("换了", "<speak>帐篷</speak>"),
        "play_policy.live_exit_config.max_live_duration": (9, 8),
        "interaction_rules[c].trigger.reply_mode": ("SYSTEM_REPLY", "CALLBACK"),
    }
    assert (await cloud.rooms("apply", config))[0] == 0
    shown = await cloud.setups.show(Thing.ROOM, room_id)
    assert {name: shown[name] for name in WHOLE} == WHOLE


async def test_a_room_that_would_answer_beside_livecue_is_refused_before_anything_is_sent(
    cloud: Cloud,
) -> None:
    config = cloud.config({"key": "shop", "room": {"interaction_rules": [ANSWERS]}})
    for verb in ("plan", "apply"):
        code, out, err = await cloud.rooms(verb, config)
        assert (code, out) == (1, "")
        assert err.startswith(f"{config}:")
        assert "rooms.shop.room.interaction_rules.0: the cloud would answer by this rule" in err
    assert cloud.sandbox.calls == {}


PRODUCTS: list[dict[str, Any]] = [
    {
        "name": "杯",
        "description": "316 不锈钢",
        "tags": ["户外"],
        "cover": {"asset_id": "small"},
        "text_list": [{"title": "卖点", "text": "保温"}, {"title": "价格", "text": "99 元"}],
        "asset_list": [
            {"asset_id": "big", "asset_type": "VIDEO", "order": 2},
            {"asset_id": "small", "asset_type": "IMAGE", "order": 1},
        ],
    },
    {"name": "灯", "state": "UNACTIVED", "asset_list": [{"asset_id": "x"}, {"asset_id": "y"}]},
]


async def test_products_are_made_whole_told_of_where_they_differ_and_exported(cloud: Cloud) -> None:
    room = {"key": "shop", "room": ROOM}
    config = cloud.config(room, products=PRODUCTS)
    assert (await cloud.rooms("apply", config))[0] == 0
    cup = await cloud.shown("杯", Thing.PRODUCT)
    assert [asset["asset_id"] for asset in cup["asset_list"]] == ["small", "big"]
    assert (await cloud.shown("灯", Thing.PRODUCT))["state"] == "UNACTIVED"
    assert (await cloud.rooms("plan", config))[0] == 0

    code, out, err = await cloud.rooms("export", config, "--products")
    assert (code, err) == (0, "")
    exported = yaml.safe_load(out)
    assert [row["name"] for row in exported["products"]] == ["杯", "灯"]
    assert "example.com" not in out
    assert exported["rooms"][0]["room"]["scene_scripts"] == [SCENE]  # its product by the title alone
    writes = cloud.writes
    again = cloud.config(*exported["rooms"], products=exported["products"])
    assert (await cloud.rooms("plan", again))[0] == 0
    elsewhere = [row | {"name": f"{row['name']} 2"} for row in exported["products"]]
    assert (await cloud.rooms("apply", cloud.config(room, products=elsewhere)))[0] == 0
    assert cloud.writes == writes + 2
    assert (await cloud.shown("灯 2", Thing.PRODUCT))["state"] == "UNACTIVED"

    by_hand = [{"asset_id": "small", "asset_type": "IMAGE", "order": 3}, PRODUCTS[0]["asset_list"][0]]
    await cloud.setups.update(
        Thing.PRODUCT,
        cup["product_id"],
        PRODUCTS[0] | {"asset_list": by_hand, "text_list": PRODUCTS[0]["text_list"][:1]},
    )
    code, out, _ = await cloud.rooms("plan", cloud.config(room, products=PRODUCTS))
    assert code == 1
    assert {line for line in out.splitlines() if line.startswith("    ")} == {
        '    text_list[价格]: nothing -> {"text": "99 元", "title": "价格"}',
        "    asset_list[small].order: 3 -> 1",
    }


async def test_products_that_bear_one_name_are_left_out_of_an_export_and_told(cloud: Cloud) -> None:
    for name in ("杯", "杯", "灯"):
        await cloud.setups.create(Thing.PRODUCT, {"name": name})
    config = cloud.config(
        {"key": "shop", "room_id": await cloud.setups.create(Thing.ROOM, {"room_name": "r"})}
    )
    code, out, err = await cloud.rooms("export", config, "--products")
    assert (code, yaml.safe_load(out)["products"]) == (1, [{"name": "灯"}])
    assert err == "the cloud has several products named '杯': rename all but one\n"
    assert "products" not in (await cloud.rooms("export", config))[1]


async def test_a_rule_group_of_the_cloud_becomes_a_pack(cloud: Cloud, tmp_path: Path) -> None:
    config, folder = cloud.config({"key": "shop", "room_id": "r"}), tmp_path / "packs" / "welcome"
    ids = [await cloud.rule_group(f"组 {number}", ANSWERS) for number in range(101)]
    first = await cloud.rule_group("欢迎词", WHOLE["interaction_rules"][0], ANSWERS | {"rule_index": "d"})

    code, out, err = await livecue("rules", "import", "欢迎词", str(folder), "-c", str(config))
    assert (code, out, err) == (0, "", f"{folder}: 2 rules\n")
    pack = load_pack(folder)
    assert (pack.group_name, pack.group_id) == ("欢迎词", first)
    assert [rule.rule_index for rule in pack.rules] == ["c", "d"]
    assert (await livecue("rules", "import", ids[100], str(tmp_path / "x"), "-c", str(config)))[0] == 0
    assert load_pack(tmp_path / "x").group_name == "组 100"

    code, _, err = await livecue("rules", "import", "欢迎词", str(folder), "-c", str(config))
    assert (code, "name a folder that is not there" in err) == (1, True)
    code, _, err = await livecue("rules", "import", "再见", str(tmp_path / "y"), "-c", str(config))
    assert (code, (tmp_path / "y").exists()) == (1, False)
    assert err.startswith("the cloud has no rule group '再见'; those are: 欢迎词, 组 0, 组 1, ")


async def test_names_that_are_not_described_are_a_mistake_in_use(cloud: Cloud) -> None:
    config = cloud.config({"key": "old", "room_id": "by-hand"})
    code, _, err = await cloud.rooms("plan", config, "old")
    assert (code, err) == (2, "old is no room with `room:` in the file; those are: none\n")
    code, _, err = await cloud.rooms("plan", config)
    assert (code, "nothing to set up" in err) == (0, True)


async def test_one_that_fails_does_not_keep_the_others(cloud: Cloud) -> None:
    rooms = [{"key": "bad", "room": {"view_mode": "ROUND"}}, {"key": "good", "room": {}}]
    code, out, err = await cloud.rooms("apply", cloud.config(*rooms))
    assert code == 1
    assert "+ room good (" in out
    assert err.startswith("bad: create_room failed: ")


async def test_run_makes_the_room_and_goes_live_in_it_also_when_the_cloud_refuses_a_change(
    cloud: Cloud,
) -> None:
    now = datetime.now(UTC)
    room = {
        "key": "shop",
        "room": ROOM,
        "start": {"output_urls": ["rtmp://push.example.com/live"], "stream_keys": ["k"]},
        "sessions": [{"name": "now", "start": now, "end": now + timedelta(hours=1)}],
    }
    never = {"key": "never", "room": {"view_mode": "ROUND"}}
    async with running(cloud.config(never, room)) as daemon:
        await until(lambda: bool(cloud.sandbox.jobs), within_s=30)
        assert await daemon.end() == 0
    assert any("room-left-out" in line for line in daemon.lines)
    room_id = (await cloud.shown("shop"))["room_id"]
    assert [job.room_id for job in cloud.sandbox.jobs.values()] == [room_id]
    refused = room | {"room": ROOM | {"view_mode": "ROUND"}}
    async with running(cloud.config(refused)) as daemon:
        await daemon.until_answer("/readyz", "200")
        assert await daemon.end() == 0
    assert any("room-not-set-up" in line for line in daemon.lines)


async def test_run_makes_a_chat_room_and_starts_it_with_its_robot(cloud: Cloud) -> None:
    now = datetime.now(UTC)
    room = {
        "key": "ask",
        "kind": "chat",
        "room": {"robot_id": "robot-7", "concurrency": 1},
        "sessions": [{"name": "now", "start": now, "end": now + timedelta(hours=1)}],
    }
    async with running(cloud.config(room)) as daemon:
        await until(lambda: bool(cloud.sandbox._state.chat_jobs), within_s=30)
        assert await daemon.end() == 0
    (job,) = cloud.sandbox._state.chat_jobs.values()
    shown = await cloud.shown("ask", Thing.CHAT_ROOM)
    assert (job.room_id, job.robot_id, shown["concurrency"]) == (shown["room_id"], "robot-7", 1)


async def test_run_without_a_cloud_waits_for_a_room_it_never_saw_and_can_be_stopped(tmp_path: Path) -> None:
    config = write_config(tmp_path, rooms=[{"key": "shop", "room": {}}])
    command = (sys.executable, "-m", "livecue", "run", "-c", str(config))
    child = await asyncio.create_subprocess_exec(*command, stderr=PIPE, env=clean_environment())
    assert child.stderr is not None
    line = (await asyncio.wait_for(child.stderr.readline(), 30)).decode()
    assert '"event":"room-not-set-up"' in line.replace(": ", ":")
    child.send_signal(signal.SIGTERM)
    _, rest = await asyncio.wait_for(child.communicate(), 20)
    assert (child.returncode, b"Traceback" in rest) == (0, False)
