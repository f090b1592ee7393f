"""The tenant's list of jobs finds what no room was looking at."""

from __future__ import annotations

import asyncio

import pytest

from livecue.domain import Meaning, Unplanned
from livecue.runtime.ports import Count
from livecue.supervisor import Sweeper

from .fakes import World, on_air, refusal, room


async def swept(world: World) -> bool:
    done = await Sweeper(world.cloud, world.supervisor, world.tally).sweep_once()
    await world.supervisor.reconcile_once()
    return done


async def test_a_job_in_an_idle_room_is_stopped_without_waiting_for_its_next_look() -> None:
    world = World(room(unplanned=Unplanned.STOP))
    await world.run(4)
    world.cloud.put("flagship", "orphan")
    await world.supervisor.reconcile_once()
    assert world.cloud.on_air("flagship") == ["orphan"]
    await swept(world)
    assert world.cloud.on_air("flagship") == []


async def test_a_second_job_beside_the_rooms_own_is_stopped_where_only_livecue_may_start() -> None:
    world = World(room(on_air(), unplanned=Unplanned.STOP))
    await world.run(4)
    world.cloud.put("flagship", "second")
    await world.run(30)
    assert world.cloud.on_air("flagship") == ["job-1", "second"]
    await swept(world)
    assert world.cloud.on_air("flagship") == ["job-1"]


async def test_a_second_job_is_left_on_where_others_may_start() -> None:
    world = World(room(on_air()))
    await world.run(4)
    world.cloud.put("flagship", "second")
    await swept(world)
    assert world.cloud.on_air("flagship") == ["job-1", "second"]


async def test_a_room_that_looks_away_is_not_looked_at() -> None:
    world = World(room(unplanned=Unplanned.IGNORE))
    await world.run(4)
    world.cloud.put("flagship", "theirs")
    await swept(world)
    world.cloud.calls.clear()
    await world.run(4)
    assert world.cloud.calls == []


async def test_a_job_in_an_unknown_room_is_told_of_once_and_never_touched() -> None:
    world = World(room(unplanned=Unplanned.STOP))
    world.cloud.put("stranger", "theirs")
    sweeper = Sweeper(world.cloud, world.supervisor, world.tally)
    await sweeper.sweep_once()
    await sweeper.sweep_once()
    await world.run(60)
    assert world.tally.total(Count.JOBS_UNKNOWN) == 1
    assert world.cloud.on_air("stranger") == ["theirs"]
    assert world.cloud.count("stop") == 0


async def test_a_sweep_that_fails_is_no_end_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room())
    monkeypatch.setattr("livecue.supervisor.sweep.AGAIN_S", 0.001)

    def fault(operation: str, _room: str) -> None:
        if operation == "everywhere" and world.cloud.count("everywhere") < 3:
            raise refusal(Meaning.UNAVAILABLE)

    world.cloud.fault = fault
    stop = asyncio.Event()
    task = asyncio.create_task(Sweeper(world.cloud, world.supervisor, world.tally).run(stop))
    async with asyncio.timeout(5):
        while world.cloud.count("everywhere") < 3:  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.001)
    stop.set()
    await task
