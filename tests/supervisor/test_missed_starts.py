"""A start that comes too late is not made up for, and nothing else is forgotten for it."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from livecue.domain import JobState, Meaning, Session

from .fakes import T0, World, on_air, refusal, room

MINUTE = 60.0
DAY = 24 * 60 * MINUTE
HOUR = timedelta(hours=1)


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


async def lost_late(world: World, minutes: float = 30) -> None:
    """Its live is lost beyond the catch-up window, and the daemon dies in the pause before the next start."""
    await world.run(minutes * MINUTE)
    world.cloud.become("job-1", JobState.FAILED)
    await world.run(5)
    assert world.supervisor.job("flagship") is None
    assert world.cloud.count("start") == 1
    world.boot()


async def test_a_daemon_that_dies_in_the_pause_before_a_restart_does_not_count_it_as_missed() -> None:
    world = World(room(worth(on_air(hours=1))))
    await lost_late(world)
    await world.run(MINUTE)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_restart_that_was_refused_is_tried_again_by_the_next_daemon() -> None:
    world = World(room(worth(on_air(hours=1))))
    world.clock.forward(MINUTE)
    await lost_late(world)
    world.cloud.fault = refuse_starts
    await world.run(MINUTE)
    world.cloud.fault = lambda _operation, _room: None
    world.boot()
    await world.run(MINUTE)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_restart_whose_answer_was_lost_with_the_daemon_is_tried_again() -> None:
    world = World(room(worth(on_air(hours=1))))
    await lost_late(world, minutes=10)  # so early that the start's own time says nothing
    world.cloud.fault = refuse_starts_unsurely
    await world.run(20)
    world.clock.forward(10 * MINUTE)
    world.cloud.fault = lambda _operation, _room: None
    world.boot()
    await world.run(MINUTE)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_the_note_of_a_lost_live_goes_with_its_session_and_does_not_help_the_next_one() -> None:
    evening = Session("evening", cron=f"{T0:%M %H} * * *", duration=timedelta(hours=1))
    world = World(room(worth(evening)))
    await lost_late(world, minutes=56)
    await world.run(10 * MINUTE, every_s=20)
    assert (world.notes.stored, world.cloud.count("start")) == ({}, 1)
    world.clock.forward(DAY - 66 * MINUTE)
    await world.run(10)
    assert world.cloud.on_air("flagship") == ["job-2"]
    world.clock.forward(DAY + 20 * MINUTE)
    world.cloud.become("job-2", JobState.SUCCEED)
    world.boot()  # with the note of yesterday's live
    await world.run(MINUTE)
    assert (world.cloud.on_air("flagship"), world.notes.stored) == ([], {})


async def test_a_live_that_went_on_into_the_next_session_is_started_again_in_that_one() -> None:
    world = World(room(worth(on_air(hours=1)), worth(on_air(hours=1, start=T0 + HOUR, name="late"))))
    await world.run(61 * MINUTE, every_s=20)
    assert world.cloud.on_air("flagship") == ["job-1"]
    world.clock.forward(30 * MINUTE)
    world.cloud.become("job-1", JobState.FAILED)
    world.boot()
    await world.run(MINUTE)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_session_held_by_a_clock_that_was_ahead_begins_once_the_clock_is_right() -> None:
    world = World(room(worth(on_air(hours=4))))
    world.clock.forward(HOUR.total_seconds())
    await world.run(10)
    assert world.cloud.count("start") == 0
    world.clock.forward(-HOUR.total_seconds())
    await world.run(20)
    assert world.cloud.on_air("flagship") == ["job-1"]


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


def refuse_starts_unsurely(operation: str, _room: str) -> None:
    if operation == "start":
        raise refusal(Meaning.OUTCOME_UNKNOWN)
