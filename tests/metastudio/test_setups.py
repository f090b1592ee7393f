"""Set-up calls against the sandbox, which reads the API on its own, and by what goes over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from livecue.app.daemon import now_ms
from livecue.domain import Meaning
from livecue.metastudio import AkSkAuth, MetaStudio, Thing, documented
from livecue.sandbox import Sandbox, SandboxOptions
from metastudio.serving import Answer, Cloud, failure, verified

BODIES: dict[Thing, dict[str, Any]] = {
    Thing.ROOM: {"room_name": "店 1", "scene_scripts": [{"script_name": "一", "shoot_scripts": []}]},
    Thing.CHAT_ROOM: {"room_name": "店 1", "robot_id": "robot", "concurrency": 1},
    Thing.PRODUCT: {"name": "店 1", "tags": ["户外"]},
}
NAMES = {Thing.ROOM: "room_name", Thing.CHAT_ROOM: "room_name", Thing.PRODUCT: "name"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(limits={"*": 0})).running() as running:
        yield running


@pytest.fixture
async def real(sandbox: Sandbox) -> AsyncIterator[MetaStudio]:
    auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, now_ms)
    async with MetaStudio(sandbox.endpoint, sandbox.project_id, auth, timeout_s=30) as client:
        yield client


@pytest.mark.parametrize("thing", Thing)
async def test_what_is_created_is_found_by_its_whole_name_shown_and_changed(
    real: MetaStudio, thing: Thing
) -> None:
    name, body = NAMES[thing], BODIES[thing]
    made = await real.setups.create(thing, body)
    await real.setups.create(thing, body | {name: "店 12"})
    assert await real.setups.find(thing, "店 1") == [made]
    assert await real.setups.find(thing, "店") == []
    assert body.items() <= (await real.setups.show(thing, made)).items()
    await real.setups.update(thing, made, body | {name: "新店"})
    assert (await real.setups.show(thing, made))[name] == "新店"


@pytest.mark.parametrize("thing", Thing)
async def test_one_that_is_not_there_is_not_found(real: MetaStudio, thing: Thing) -> None:
    assert (await failure(real.setups.show(thing, "nowhere"))).meaning is Meaning.NOT_FOUND


async def test_every_page_is_read_and_bodies_are_json_whatever_the_method(
    studio: MetaStudio, cloud: Cloud, slept: list[float]
) -> None:
    page = [{"room_id": f"r{n}", "room_name": "店"} for n in range(100)]
    cloud.will(
        Answer(body={"count": 101, "smart_live_rooms": page}),
        Answer(body={"count": 101, "smart_live_rooms": [{"room_id": "last", "room_name": "店"}]}),
        Answer(body={}),
    )
    assert len(await studio.setups.find(Thing.ROOM, "店")) == 101
    assert [asked.query.split("&")[1] for asked in cloud.asked] == ["offset=0", "offset=100"]
    assert slept == [1.0]
    await studio.setups.update(Thing.ROOM, "a/b", {"room_name": "店"})
    put = cloud.asked[2]
    assert (put.method, put.path[-5:], put.headers["content-type"]) == ("PUT", "a%2Fb", "application/json")
    assert verified(put)


async def test_a_creation_without_an_id_may_have_happened(studio: MetaStudio) -> None:
    refused = await failure(studio.setups.create(Thing.ROOM, {"room_name": "店"}))
    assert refused.meaning is Meaning.OUTCOME_UNKNOWN


def test_every_set_up_call_has_its_documented_limit() -> None:
    names = [
        f"{verb}_{thing}{s}"
        for thing in Thing
        for verb, s in (("create", ""), ("list", "s"), ("show", ""), ("update", ""))
    ]
    assert [documented("cn-north-4")[name] for name in names] == [5, 20, 20, 5] * 2 + [4, 20, 20, 4]
    assert "create_chat_room" not in documented("ap-southeast-3")
