"""What rooms say of themselves, and how often it is said that they do not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from livecue.app.cloud import CloudRoom
from livecue.app.limits import Limits
from livecue.app.reload import Rulebook
from livecue.app.setups import SetupKeeper
from livecue.domain import CloudError, Job, JobState, Meaning
from livecue.engine import Script
from livecue.runtime.memory import MemoryJobs
from livecue.runtime.ports import BusError
from runtime.making import desk_rules, rule


class Cloud:
    """Answers `show_room` with `answer`."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def show_room(self, room_id: str) -> Any:
        self.asked.append(room_id)
        if isinstance(self.answer, CloudError):
            raise self.answer
        return self.answer


def keeper(
    cloud: Cloud,
    speeds: dict[str, int],
    told: list[tuple[str, Script]] | None = None,
    event_type: int = 1,
    board: MemoryJobs | None = None,
) -> SetupKeeper:
    rooms = {key: CloudRoom(f"id-{key}") for key in "abc"}
    book = Rulebook({key: desk_rules(rule("r", "好", event_type=event_type)) for key in rooms})
    limits = Limits("cn-north-4", {})
    client: Any = cloud

    async def tell(room: str, script: Script) -> None:
        if told is None:
            raise BusError("the bus is away")
        told.append((room, script))

    return SetupKeeper(client, rooms, limits, book, speeds.__setitem__, board or MemoryJobs(), tell)


async def test_the_voices_speed_is_learnt_and_a_room_that_does_not_say_changes_nothing() -> None:
    speeds: dict[str, int] = {}
    told = {"scene_scripts": [{"voice_config": {"speed": 120}}]}
    one = keeper(Cloud(told), speeds)
    await one._fetch("a")
    assert speeds == {"a": 120}
    other = keeper(Cloud({}), speeds)
    await other._fetch("b")
    assert speeds == {"a": 120}


@pytest.mark.parametrize(
    ("meaning", "said", "wanted"),
    [
        (Meaning.UNAVAILABLE, ["setup-not-fetched"], {"a", "b", "c"}),
        (Meaning.UNAUTHENTICATED, [], {"a", "b", "c"}),
        (Meaning.NOT_FOUND, ["setup-not-fetched"], {"c"}),
    ],
)
async def test_a_cloud_that_does_not_say_is_complained_of_once_for_all_rooms(
    meaning: Meaning, said: list[str], wanted: set[str]
) -> None:
    cloud = Cloud(CloudError("no", meaning=meaning))
    one = keeper(cloud, {})
    with capture_logs() as lines:
        for room in ("a", "b", "a"):
            await one._fetch(room)
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == said
    assert one._wanted == wanted


async def test_wrong_credentials_are_tried_with_one_room_at_a_time() -> None:
    cloud = Cloud(CloudError("no", meaning=Meaning.UNAUTHENTICATED))
    stop = asyncio.Event()
    running = asyncio.create_task(keeper(cloud, {}).run(stop))
    async with asyncio.timeout(5):
        while not cloud.asked:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        stop.set()
        await running
    assert len(cloud.asked) == 1


async def test_a_live_in_the_standby_speaks_with_the_standbys_voice() -> None:
    cloud = Cloud({})
    job = Job("j", JobState.PROCESSING, place="id-standby")
    await keeper(cloud, {}, board=MemoryJobs(a=job))._fetch("a")
    assert cloud.asked == ["id-standby"]


async def test_what_a_rooms_script_says_is_told_to_all_replicas_and_asked_again_until_it_was() -> None:
    segment = {"title": "开场", "sequence_no": 1, "text_config": {"text": "欢迎"}}
    shown = {"scene_scripts": [{"script_name": "甲", "shoot_scripts": [segment]}]}
    lonely = keeper(Cloud(shown), {}, None, event_type=10)
    assert not await lonely._fetch("a")
    assert "a" in lonely._wanted
    told: list[tuple[str, Script]] = []
    one = keeper(Cloud(shown), {}, told, event_type=10)
    assert await one._fetch("a")
    assert "a" not in one._wanted
    assert told == [("a", {("甲", "开场"): "欢迎", ("甲", "1"): "欢迎"})]
