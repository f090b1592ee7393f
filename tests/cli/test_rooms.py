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
