"""Rooms of the file get their ids at the start: from the cloud, or as they were last known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.processes import write_config
from livecue.app.room_ids import FILE, RoomIds
from livecue.app.setting_up import Wanted
from livecue.domain import CloudError, Meaning
from livecue.metastudio import Thing
from livecue.settings import load
from livecue.setups import Action, SetupError, Step


class Stand:
    """Stands in for `SettingUp`: fails as told, then succeeds."""

    def __init__(self, *failures: Exception, finds: str | None = None) -> None:
        self.failures = list(failures)
        self.finds = finds

    async def apply(self, one: Wanted) -> Step:
        if self.failures:
            raise self.failures.pop(0)
        return Step(one.thing, one.label, one.name, f"id of {one.name}", Action.CREATE)

    async def find(self, _thing: Thing, _name: str) -> str:
        if self.finds is None:
            raise failure(Meaning.UNAVAILABLE)
        return self.finds


def failure(meaning: Meaning) -> CloudError:
    return CloudError("no", meaning=meaning)


async def ids(folder: Path, stand: Stand, slept: list[float] | None = None, **room: Any) -> dict[str, str]:
    rooms = [{"key": "shop", "room": room}, {"key": "old", "room_id": "r"}]
    loaded = load(write_config(folder, rooms=rooms, products=[]))

    async def sleep(seconds: float) -> None:
        assert slept is not None
        slept.append(seconds)

    ready = await RoomIds(loaded, stand, sleep).resolved()  # type: ignore[arg-type]
    return {each.key: each.room_id for each in ready.settings.rooms}


async def test_every_room_has_its_id(tmp_path: Path) -> None:
    assert await ids(tmp_path, Stand(), room_name="店") == {"shop": "id of 店", "old": "r"}


async def test_a_room_that_leaves_its_name_to_livecue_has_that_of_its_key(tmp_path: Path) -> None:
    assert (await ids(tmp_path, Stand(), room_name=None))["shop"] == "id of shop"


async def test_a_cloud_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    slept: list[float] = []
    stand = Stand(failure(Meaning.UNAVAILABLE), failure(Meaning.SLOW_DOWN))
    assert (await ids(tmp_path, stand, slept))["shop"] == "id of shop"
    assert slept == [5.0, 5.0]


async def test_a_room_known_from_before_does_not_wait_for_the_cloud(tmp_path: Path) -> None:
    await ids(tmp_path, Stand())
    assert (await ids(tmp_path, Stand(failure(Meaning.UNAVAILABLE))))["shop"] == "id of shop"
    assert (await ids(tmp_path, Stand(failure(Meaning.INVALID))))["shop"] == "id of shop"


async def test_under_another_name_it_is_another_room_and_the_others_go_on_without_it(tmp_path: Path) -> None:
    await ids(tmp_path, Stand())
    assert await ids(tmp_path, Stand(failure(Meaning.INVALID)), room_name="other") == {"old": "r"}


async def test_a_cloud_that_answers_but_never_makes_the_room_is_not_waited_for_for_ever(
    tmp_path: Path,
) -> None:
    slept: list[float] = []
    stand = Stand(*[failure(Meaning.UNAVAILABLE)] * 20, finds="")
    assert await ids(tmp_path, stand, slept) == {"old": "r"}
    assert len(slept) == 11
    slept.clear()
    away = Stand(*[failure(Meaning.UNAVAILABLE)] * 20)
    assert (await ids(tmp_path, away, slept))["shop"] == "id of shop"
    assert len(slept) == 20


async def test_without_any_room_there_is_nothing_to_run(tmp_path: Path) -> None:
    loaded = load(write_config(tmp_path, rooms=[{"key": "shop", "room": {}}]))
    stand: Any = Stand(failure(Meaning.INVALID), finds="")
    with pytest.raises(CloudError):
        await RoomIds(loaded, stand).resolved()


async def test_a_change_that_is_refused_does_not_keep_a_room_that_is_there_from_its_live(
    tmp_path: Path,
) -> None:
    assert (await ids(tmp_path, Stand(SetupError("no"), finds="there")))["shop"] == "there"


@pytest.mark.parametrize("kept", ["", "[]", '{"shop": 1}', '{"shop": {"id": ["x"]}}'])
async def test_what_was_kept_and_cannot_be_read_was_not_kept(tmp_path: Path, kept: str) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / FILE).write_text(kept)
    assert await ids(tmp_path, Stand(failure(Meaning.QUOTA))) == {"old": "r"}
    assert (await ids(tmp_path, Stand()))["shop"] == "id of shop"


async def test_a_room_that_is_the_standby_of_another_is_left_out(tmp_path: Path) -> None:
    rooms = [{"key": "shop", "room": {}}, {"key": "old", "room_id": "r", "standby": "id of shop"}]
    loaded = load(write_config(tmp_path, rooms=rooms, products=[]))
    ready = await RoomIds(loaded, Stand()).resolved()  # type: ignore[arg-type]
    assert [room.key for room in ready.settings.rooms] == ["old"]
