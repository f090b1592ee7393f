"""`livecue check --online` against the sandbox: what only the cloud knows to be wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.processes import livecue, write_config
from livecue.app.daemon import now_ms
from livecue.metastudio import AkSkAuth, MetaStudio, Thing
from livecue.sandbox import Sandbox, SandboxOptions

VOICE = {"voice_config": {"voice_asset_id": "v"}}
SCENE = {"script_name": "一", "shoot_scripts": [{"text_config": {"text": "大家好"}}]}
PRICE: dict[str, Any] = {
    "rule_index": "price",
    "rule_name": "价格",
    "event_type": 1,
    "hit_condition": {
        "relation": "AND",
        "tags": [{"tag": "content", "match": "REGEX", "value": "价格|多少钱"}],
    },
    "trigger": {"time_window": 20, "reply_mode": "SYSTEM_REPLY", "reply_texts": ["看链接"]},
}


class Shop:
    def __init__(self, folder: Path, sandbox: Sandbox, client: MetaStudio) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.client = client
        self.products: list[dict[str, Any]] = []

    async def room(self, **more: Any) -> str:
        return await self.client.setups.create(Thing.ROOM, {"room_name": "shop"} | more)

    async def rule_group(self, name: str, *rules: dict[str, Any]) -> None:
        sandbox = self.sandbox
        auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, now_ms)
        url = f"{sandbox.endpoint}/v1/{sandbox.project_id}/smart-live-interaction-rule-groups"
        async with httpx.AsyncClient(auth=auth) as client:
            answer = await client.post(url, json={"group_name": name, "interaction_rules": rules})
        assert answer.status_code == 200, answer.text

    async def check(self, *rooms: dict[str, Any], **cloud: Any) -> tuple[int, list[str], str]:
        (self.folder / "pack").mkdir(exist_ok=True)
        pack = {"group_name": "店", "interaction_rules": [PRICE]}
        (self.folder / "pack/pack.yaml").write_text(yaml.safe_dump(pack, allow_unicode=True), "utf-8")
        config = write_config(
            self.folder,
            metastudio={
                "endpoint": self.sandbox.endpoint,
                "project_id": self.sandbox.project_id,
                "auth": {"ak": self.sandbox.ak, "sk": self.sandbox.sk},
            }
            | cloud,
            rooms=list(rooms),
            products=self.products,
        )
        code, out, err = await livecue("check", "--online", "-c", str(config))
        assert self.sandbox.sk not in out + err
        assert "Traceback" not in err
        return code, err.replace(str(config), "livecue.yaml").splitlines(), out


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Sandbox(SandboxOptions(limits={"*": 0})).running() as sandbox:
        auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, now_ms)
        async with MetaStudio(sandbox.endpoint, sandbox.project_id, auth) as client:
            yield Shop(tmp_path, sandbox, client)


async def test_a_room_whose_cloud_rules_answer_the_same_is_told_with_an_example(shop: Shop) -> None:
    room_id = await shop.room(
        scene_scripts=[SCENE | VOICE], interaction_rules=[PRICE | {"rule_index": "c", "rule_name": "云"}]
    )
    room = {"key": "shop", "room_id": room_id, "rules": ["pack"]}
    code, err, _ = await shop.check(room | {"report": "all"})
    assert code == 1
    (line,) = err
    assert "rooms.shop.report: the cloud's rule '云' answers '价格', and so does '价格' here: " in line
    assert "write report: unmatched" in line
    assert (await shop.check(room | {"report": "unmatched"}))[0] == 0


async def test_a_group_that_answers_is_told_where_it_is_in_the_room_and_by_its_name(shop: Shop) -> None:
    room_id = await shop.room(scene_scripts=[SCENE | VOICE])
    await shop.rule_group("问价", PRICE)
    room = {"key": "shop", "room_id": room_id, "rules": ["pack"], "report": "all"}
    assert (await shop.check(room))[0] == 0  # nobody took its rules over into the room
    rules = [PRICE | {"rule_name": "云", "group_id": "g", "group_name": "问价"}]
    body = {"room_name": "shop", "scene_scripts": [SCENE | VOICE], "interaction_rules": rules}
    await shop.client.setups.update(Thing.ROOM, room_id, body)
    code, (line,), _ = await shop.check(room)
    assert code == 1
    assert (
        "the cloud's rule '云 (from the rule group 问价)' answers '价格', and so does '价格' here: " in line
    )


async def test_a_fine_room_is_fine(shop: Shop) -> None:
    room_id = await shop.room(scene_scripts=[SCENE | VOICE])
    code, err, out = await shop.check({"key": "shop", "room_id": room_id, "rules": ["pack"]})
    assert (code, err, out.splitlines()[-1].endswith("fine")) == (0, [], True)


async def test_a_room_without_a_voice_cannot_speak_and_one_that_is_missing_is_missing(shop: Shop) -> None:
    mute = {"key": "mute", "room_id": await shop.room(scene_scripts=[SCENE]), "rules": ["pack"]}
    code, err, out = await shop.check(mute, {"key": "gone", "room_id": "nowhere"})
    assert (code, len(err), "fine" in out) == (1, 2, False)
    assert "rooms.mute.room_id: no scene of the room has a voice" in err[0]
    assert "rooms.gone.room_id: the project has no live room with this ID" in err[1]


async def test_the_standby_is_looked_at_like_the_room_itself(shop: Shop) -> None:
    fine = {"room_id": await shop.room(scene_scripts=[SCENE | VOICE]), "rules": ["pack"]}
    mute = await shop.room(scene_scripts=[SCENE], room_name="spare")
    code, err, _ = await shop.check(
        {"key": "shop", **fine, "standby": mute}, {"key": "other", **fine, "standby": "nowhere"}
    )
    assert (code, len(err)) == (1, 2)
    assert "rooms.shop.standby: no scene of the room has a voice" in err[0]
    assert "rooms.other.standby: the project has no live room with this ID" in err[1]


async def test_wrong_credentials_are_said_once(shop: Shop) -> None:
    rooms = [{"key": f"r{n}", "room_id": "r"} for n in range(3)]
    code, err, _ = await shop.check(*rooms, auth={"ak": "AK", "sk": "wrong"})
    assert (code, len(err)) == (1, 1)
    assert ": metastudio.auth: show_room failed: the credentials were not accepted" in err[0]


async def test_a_cloud_that_is_not_there_is_said_once(shop: Shop) -> None:
    rooms = [{"key": f"r{n}", "room_id": "r"} for n in range(3)]
    code, err, _ = await shop.check(*rooms, endpoint="http://127.0.0.1:9")
    assert (code, len(err)) == (1, 1)
    assert ": metastudio.endpoint: " in err[0]


async def test_a_room_of_the_file_that_is_not_there_yet_and_a_chat_room_without_robot(shop: Shop) -> None:
    chat = await shop.client.setups.create(Thing.CHAT_ROOM, {"room_name": "ask", "concurrency": 1})
    code, err, _ = await shop.check(
        {"key": "new", "room": {}}, {"key": "ask", "kind": "chat", "room_id": chat}
    )
    assert (code, len(err)) == (1, 2)
    assert "rooms.new.room: the cloud has no such room yet: livecue rooms apply new" in err[0]
    assert "rooms.ask.robot_id: neither the file nor the room names a robot" in err[1]


async def test_a_chat_room_that_takes_several_chats_is_a_warning(shop: Shop) -> None:
    ids = [
        await shop.client.setups.create(Thing.CHAT_ROOM, {"room_name": f"ask {n}", "concurrency": n})
        for n in (1, 2)
    ]
    rooms = [
        {"key": f"ask-{n}", "kind": "chat", "room_id": one, "robot_id": "r"}
        for n, one in enumerate(ids, start=1)
    ]
    code, err, _ = await shop.check(*rooms)
    assert (code, len(err)) == (0, 1)
    assert "rooms.ask-2.room_id: the room may take several chats at once" in err[0]


async def test_a_room_of_the_file_that_somebody_changed_is_a_warning(shop: Shop) -> None:
    await shop.room(room_description="by hand")
    code, err, _ = await shop.check({"key": "shop", "room": {"room_description": "as code"}})
    assert (code, len(err)) == (0, 1)
    assert "rooms.shop.room: the cloud has otherwise: room_description; livecue rooms plan shop" in err[0]


async def test_products_that_are_missing_changed_or_blocked_are_told(shop: Shop) -> None:
    mug = await shop.client.setups.create(Thing.PRODUCT, {"name": "mug", "description": "by hand"})
    shop.products = [{"name": "mug", "description": "as code"}, {"name": "lamp"}]
    room = {"key": "shop", "room_id": await shop.room()}
    code, err, _ = await shop.check(room)
    assert (code, len(err)) == (1, 2)
    assert "products.0.name: the cloud has otherwise: description; livecue rooms plan shows it" in err[0]
    assert err[1].startswith("livecue.yaml:")
    assert "products.1.name: the cloud has no such product yet: livecue rooms apply" in err[1]
    shop.products = [{"name": "mug", "description": "by hand"}]
    assert (await shop.check(room))[:2] == (0, [])
    shop.sandbox._state.products[mug].body["state"] = "BLOCK"
    code, err, _ = await shop.check(room)
    assert (code, len(err), "the product is blocked" in err[0]) == (1, 1, True)


async def test_a_rule_of_a_newer_cloud_is_a_warning(shop: Shop) -> None:
    newer = PRICE | {
        "rule_name": "新",
        "hit_condition": {"tags": [{"tag": "content", "match": "NEW", "value": ""}]},
    }
    room_id = await shop.room(scene_scripts=[SCENE | VOICE], interaction_rules=[newer])
    code, err, _ = await shop.check({"key": "shop", "room_id": room_id, "rules": ["pack"]})
    assert code == 0
    assert "warning: livecue.yaml:" in err[0]
    assert "the cloud's rule '新' cannot be read" in err[0]
