"""A start that comes too late is not made up for, and nothing else is forgotten for it."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from livecue.domain import JobState, Meaning, Session

from .fakes import T0, World, on_air, refusal, room

MINUTE = 60.0
DAY = 24 * 60 * MINUTE


def worth(session: Session, catchup_min: float = 15, least_min: float = 5) -> Session:
    return replace(
        session,
        catchup=timedelta(minutes=catchup_min),
        least_remainder=timedelta(minutes=least_min),
    )


async def test_a_daemon_that_comes_back_in_time_makes_up_for_the_start() -> None:
    world = World(room(worth(on_air())))
    world.clock.forward(14 * MINUTE)
    await world.run(10)
    assert world.cloud.count("start") == 1


async def test_a_daemon_that_comes_back_too_late_starts_nothing_before_the_next_session() -> None:
    evening = Session("evening", cron=f"{T0:%M %H} * * *", duration=timedelta(hours=4))
    world = World(room(worth(evening)))
    world.clock.forward(16 * MINUTE)
    await world.run(10)
    assert world.cloud.count("start") == 0
    world.clock.forward(DAY - 16 * MINUTE)
    await world.run(10)
    assert world.cloud.count("start") == 1


async def test_a_cloud_that_has_no_room_for_the_whole_catch_up_window_is_asked_no_more() -> None:
    world = World(room(worth(on_air())))
    world.cloud.fault = refuse_starts
    await world.run(16 * MINUTE)
    asked = world.cloud.count("start")
    world.cloud.fault = lambda _operation, _room: None
    await world.run(5 * MINUTE)
    assert asked > 5
    assert world.cloud.count("start") == asked


async def test_a_running_live_is_taken_over_however_late_and_stopped() -> None:
    world = World(room(worth(on_air(hours=1))))
    await world.run(10)
    world.clock.forward(30 * MINUTE)
    world.boot()
    await world.run(10)
    job = world.supervisor.job("flagship")
    assert job is not None
    assert world.cloud.count("start") == 1
    world.clock.forward(DAY)
    world.boot()
    await world.run(10)
    assert world.cloud.on_air("flagship") == []


async def test_a_live_that_was_lost_is_started_again_beyond_the_catch_up_window() -> None:
    world = World(room(worth(on_air(hours=1))))
    await world.run(30 * MINUTE)
    world.cloud.become("job-1", JobState.FAILED)
    await world.run(MINUTE)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_live_that_was_lost_while_nobody_looked_is_started_again() -> None:
    world = World(room(worth(on_air(hours=1))))
    await world.run(10)
    world.clock.forward(30 * MINUTE)
    world.cloud.become("job-1", JobState.FAILED)
    world.boot()
    await world.run(MINUTE)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_live_that_was_lost_shortly_before_its_end_is_left_at_that() -> None:
    world = World(room(worth(on_air(hours=1))))
    await world.run(56 * MINUTE, every_s=20)
    world.cloud.become("job-1", JobState.FAILED)
    await world.run(MINUTE)
    assert world.cloud.on_air("flagship") == []
    assert world.cloud.count("start") == 1


def refuse_starts(operation: str, _room: str) -> None:
    if operation == "start":
        raise refusal(Meaning.NO_RESOURCE)
