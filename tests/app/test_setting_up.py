"""Set-ups under faults: an answer that never came, a cloud that keeps what it likes, two of one name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from livecue.app.limits import Limits
from livecue.app.setting_up import SettingUp, Wanted
from livecue.domain import CloudError, Meaning
from livecue.metastudio import FORMS, Thing
from livecue.setups import Action, SetupError

ONE = Wanted(Thing.ROOM, "shop", "店", {"room_name": "店", "room_description": "as code"})


class Cloud:
    """Stands in for the client's `setups`: rooms by id; `lost` says how the next answers are lost."""

    def __init__(self, *lost: str) -> None:
        self.rooms: dict[str, dict[str, Any]] = {}
        self.lost = list(lost)
        self.forgets: tuple[str, ...] = ()
        self.calls: list[str] = []

    async def create(self, thing: Thing, body: dict[str, Any]) -> str:
        self.calls.append(f"create {thing}")
        how = self.lost.pop(0) if self.lost else ""
        if how != "before":
            self.rooms[f"r{len(self.rooms)}"] = self._kept(body)
        if how:
            raise CloudError("no answer", meaning=Meaning.OUTCOME_UNKNOWN)
        return list(self.rooms)[-1]

    async def find(self, thing: Thing, name: str) -> list[str]:
        key = FORMS[thing].name
        return [room_id for room_id, body in self.rooms.items() if body.get(key) == name]

    async def show(self, _thing: Thing, thing_id: str) -> dict[str, Any]:
        return self.rooms[thing_id] | {"room_id": thing_id}

    async def update(self, thing: Thing, thing_id: str, body: dict[str, Any]) -> None:
        self.calls.append(f"update {thing}")
        self.rooms[thing_id] = self._kept(body)

    def _kept(self, body: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in body.items() if name not in self.forgets}


def setting_up(cloud: Cloud) -> SettingUp:
    client: Any = SimpleNamespace(setups=cloud)
    return SettingUp(client, Limits("cn-north-4", {}))


async def test_a_room_whose_creation_was_not_answered_is_found_and_not_made_again() -> None:
    cloud = Cloud("after")
    step = await setting_up(cloud).apply(ONE)
    assert (step.action, step.id, cloud.calls) == (Action.CREATE, "r0", ["create room"])


async def test_one_that_was_not_made_is_an_error_and_made_by_the_next_try() -> None:
    cloud = Cloud("before")
    with pytest.raises(CloudError):
        await setting_up(cloud).apply(ONE)
    assert (await setting_up(cloud).apply(ONE)).id == "r0"
    assert (await setting_up(cloud).apply(ONE)).action is Action.KEEP
    assert cloud.calls == ["create room"] * 2


async def test_a_cloud_that_does_not_keep_a_field_is_told_of_by_the_field() -> None:
    cloud = Cloud()
    cloud.forgets = ("room_description",)
    with pytest.raises(SetupError, match=r"shows otherwise: room_description\."):
        await setting_up(cloud).apply(ONE)


async def test_of_two_with_the_name_none_is_touched() -> None:
    cloud = Cloud()
    cloud.rooms = {"a": {"room_name": "店"}, "b": {"room_name": "店"}}
    with pytest.raises(SetupError, match="2 rooms named '店'"):
        await setting_up(cloud).apply(ONE)
    assert cloud.calls == []


CUP = Wanted(Thing.PRODUCT, "杯", "杯", {"name": "杯"})


def selling(**product: str) -> dict[str, Any]:
    segment = {"title": "卖点", "relation_product": {"product_title": "杯"} | product}
    return {"room_name": "店", "scene_scripts": [{"script_name": "一", "shoot_scripts": [segment]}]}


SELLING = Wanted(Thing.ROOM, "shop", "店", selling())


async def test_a_plan_shows_that_a_room_will_speak_of_a_product_that_is_not_there_yet() -> None:
    cloud = Cloud()
    cloud.rooms = {"r": selling()}
    planned = setting_up(cloud)
    assert (await planned.plan(CUP)).action is Action.CREATE
    (change,) = (await planned.plan(SELLING)).changes
    assert change.path == "scene_scripts[一].shoot_scripts[卖点].relation_product.product_id"
    assert change.new == "(that of the product to be created)"
    applied = setting_up(cloud)
    await applied.apply(CUP)
    assert (await applied.apply(SELLING)).action is Action.UPDATE
    assert cloud.rooms["r"]["scene_scripts"] == selling(product_id="r1")["scene_scripts"]
    again = setting_up(cloud)
    assert [(await again.plan(one)).action for one in (CUP, SELLING)] == [Action.KEEP] * 2


async def test_no_room_is_told_of_a_product_that_could_not_be_made() -> None:
    cloud = Cloud("before")
    cloud.rooms = {"r": selling()}
    one = setting_up(cloud)
    with pytest.raises(CloudError):
        await one.apply(CUP)
    assert (await one.apply(SELLING)).action is Action.KEEP
    assert cloud.rooms == {"r": selling()}
