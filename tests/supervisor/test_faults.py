"""Whatever fails and whenever the daemon dies: once it is over, no job of ours is left running."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from livecue.domain import JobState, Meaning, Unplanned

from .fakes import T0, World, on_air, refusal, room

FAULTS = (
    Meaning.UNAVAILABLE,
    Meaning.OUTCOME_UNKNOWN,
    Meaning.SLOW_DOWN,
    Meaning.NO_RESOURCE,
    Meaning.UNAUTHENTICATED,
    Meaning.NOT_RUNNING,
)


class Killed(BaseException):
    """The daemon dies here."""


def storm(world: World, chance: Random, share: float) -> None:
    """Calls fail, answers get lost, notes and signals are refused, jobs die, the daemon is killed."""
    cloud = world.cloud

    def fault(operation: str, key: str) -> None:
        if chance.random() < share / 4:
            raise Killed
        if chance.random() < share:
            raise refusal(chance.choice(FAULTS))
        if operation == "stop" and chance.random() < share:
            cloud.stops_needed = chance.randint(1, 4)
        for job_id in cloud.on_air(key):
            if chance.random() < share / 20:
                cloud.become(job_id, chance.choice([JobState.FAILED, JobState.SUCCEED, JobState.BLOCKED]))

    cloud.fault = fault
    cloud.lose_answer = lambda: chance.random() < share


async def weather(world: World, chance: Random, share: float) -> None:
    storm(world, chance, share)
    end_ms = world.clock() + 3 * 3600 * 1000
    while world.clock() < end_ms:
        world.notes.down = chance.random() < share / 2
        world.bus.down = chance.random() < share / 2
        try:
            await world.supervisor.reconcile_once()
        except* Killed:
            world.boot()
        world.clock.forward(chance.choice([2, 2, 2, 10, 60, 400]))
    world.cloud.fault = lambda _operation, _room: None
    world.cloud.lose_answer = lambda: False
    world.notes.down = world.bus.down = False


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 0.6), st.sampled_from([Unplanned.ATTACH, Unplanned.IGNORE]))
def test_after_faults_and_sessions_are_over_no_job_of_ours_runs(
    seed: int, share: float, unplanned: Unplanned
) -> None:
    sessions = [on_air(hours=1), on_air(hours=1, start=T0 + timedelta(hours=1.5), name="late")]
    world = World(*(room(*sessions, key=key, unplanned=unplanned) for key in ("one", "two", "three")))

    async def live() -> None:
        await weather(world, Random(seed), share)
        await world.run(400)

    asyncio.run(live())
    assert [job_id for key in ("one", "two", "three") for job_id in world.cloud.on_air(key)] == []
    assert world.notes.stored == {}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 0.5))
def test_after_faults_the_room_is_live_again_unless_it_was_blocked(seed: int, share: float) -> None:
    world = World(room(on_air(hours=100)))

    async def live() -> None:
        await weather(world, Random(seed), share)
        await world.run(400)

    asyncio.run(live())
    blocked = any(job.state == JobState.BLOCKED for job in world.cloud.jobs.values())
    assert len(world.cloud.on_air("flagship")) == 1 or blocked
    assert len(world.cloud.on_air("flagship")) <= 1
