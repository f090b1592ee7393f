"""What becomes of a live when the cloud refuses, the bus is away or the job is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from livecue.domain import JobState, Meaning, SignalKind, Unplanned
from livecue.runtime.job_ports import Ownership
from livecue.runtime.ports import BusError, Count

from .fakes import T0, World, ms, on_air, refusal, room

HOUR = 3600.0


def failing(operation: str, error: Exception) -> Callable[[str, str], None]:
    def fault(called: str, _room: str) -> None:
        if called == operation:
            raise error

    return fault


async def test_a_stop_is_asked_for_even_if_nothing_can_be_looked_at() -> None:
    world = World(room(on_air(hours=1)))
    await world.run(HOUR - 10)

    def fault(operation: str, _room: str) -> None:
        if operation in {"running", "show"}:
            raise refusal(Meaning.UNAVAILABLE)

    world.cloud.fault = fault
    await world.run(60)
    assert world.cloud.on_air("flagship") == []
    assert world.notes.stored != {}  # not seen over yet
    world.cloud.fault = lambda _operation, _room: None
    await world.run(15)
    assert world.notes.stored == {}


async def test_a_failing_stop_is_repeated_at_most_ten_seconds_apart() -> None:
    world = World(room(on_air(hours=1)))
    await world.run(HOUR - 2)
    world.cloud.fault = failing("stop", refusal(Meaning.UNAVAILABLE))
    world.cloud.calls.clear()
    await world.run(120)
    assert world.cloud.count("stop") >= 10
    world.cloud.fault = lambda _operation, _room: None
    await world.run(12)
    assert world.cloud.on_air("flagship") == []


@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        (JobState.FAILED, "", "failed"),
        (JobState.FAILED, "MSS.20010118", "heartbeat_lost"),
        (JobState.SUCCEED, "", "finished"),
    ],
)
async def test_a_job_lost_during_its_session_is_started_again(
    state: JobState, code: str, reason: str
) -> None:
    world = World(room(on_air()))
    await world.run(10)
    world.cloud.become("job-1", state, code)
    await world.run(30)
    assert world.cloud.on_air("flagship") == ["job-2"]
    assert world.tally.counts["jobs_lost", reason] == 1
    assert [data["job_id"] for data in world.bus.of(SignalKind.JOB_STARTED)] == ["job-1", "job-2"]


async def test_a_job_that_keeps_failing_is_started_ever_more_rarely() -> None:
    world = World(room(on_air(hours=2)))
    world.cloud.starts_in = JobState.FAILED
    await world.run(HOUR)
    assert 25 <= world.cloud.count("start") <= 45


async def test_a_blocked_job_is_not_started_again_before_the_next_session_even_after_a_restart() -> None:
    world = World(room(on_air(hours=1), on_air(hours=1, start=T0 + timedelta(hours=2), name="late")))
    await world.run(10)
    world.cloud.become("job-1", JobState.BLOCKED)
    await world.run(600)
    world.boot()
    await world.run(600)
    assert world.cloud.count("start") == 1
    await world.run(HOUR)
    assert world.notes.stored == {}
    await world.run(HOUR)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_lack_of_resources_is_retried_until_the_session_ends() -> None:
    world = World(room(on_air(hours=1)))
    world.cloud.fault = failing("start", refusal(Meaning.NO_RESOURCE))
    await world.run(600)
    assert 20 <= world.cloud.count("start") <= 30
    assert world.notes.stored == {}
    world.cloud.fault = lambda _operation, _room: None
    await world.run(32)
    assert world.cloud.on_air("flagship") == ["job-1"]


@pytest.mark.parametrize("meaning", [Meaning.QUOTA, Meaning.FORBIDDEN, Meaning.INVALID])
async def test_a_hopeless_start_is_tried_once_per_session(meaning: Meaning) -> None:
    world = World(room(on_air(hours=1), on_air(hours=1, start=T0 + timedelta(hours=2), name="late")))
    world.cloud.fault = failing("start", refusal(meaning))
    await world.run(2 * HOUR - 10, every_s=5)
    assert world.cloud.count("start") == 1
    await world.run(600, every_s=5)
    assert world.cloud.count("start") == 2


async def test_wrong_credentials_are_tried_slowly_and_shown_in_the_health() -> None:
    world = World(room(on_air()))

    def fault(_operation: str, _room: str) -> None:
        raise refusal(Meaning.UNAUTHENTICATED, "no such key")

    world.cloud.fault = fault
    await world.run(300)
    assert len(world.cloud.calls) <= 11
    assert world.tally.health["cloud"] == "unauthenticated: no such key"
    world.cloud.fault = lambda _operation, _room: None
    await world.run(40)
    assert world.tally.health["cloud"] == ""
    assert world.cloud.on_air("flagship") == ["job-1"]


async def test_nothing_is_started_without_the_note_of_ownership() -> None:
    world = World(room(on_air()))
    await world.supervisor.reconcile_once()
    world = World(room(on_air(start=T0 + timedelta(seconds=20))))
    await world.run(10)
    world.notes.down = True
    await world.run(60)
    assert world.cloud.count("start") == 0
    world.notes.down = False
    await world.run(15)
    assert world.cloud.on_air("flagship") == ["job-1"]


async def test_no_room_is_touched_before_the_notes_are_read() -> None:
    world = World(room(unplanned=Unplanned.STOP))
    world.notes.down = True
    await world.run(10)
    assert world.cloud.calls == []


async def test_a_note_that_failed_after_the_answer_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room(on_air()))
    real, saves = world.notes.save, 0

    async def save(key: str, owned: Ownership) -> None:
        nonlocal saves
        saves += 1
        if saves == 2:
            raise BusError("down")
        await real(key, owned)

    monkeypatch.setattr(world.notes, "save", save)
    await world.run(10)
    assert world.notes.stored["flagship"].job_id == "job-1"
    assert world.cloud.count("start") == 1


async def test_signals_a_dead_bus_did_not_take_are_published_later() -> None:
    world = World(room(on_air(hours=1)))
    world.bus.down = True
    await world.run(30)
    assert world.supervisor.job("flagship") is not None
    world.bus.down = False
    await world.run(12)
    assert len(world.bus.of(SignalKind.JOB_STARTED)) == 1
    world.bus.down = True
    await world.run(HOUR)
    assert world.cloud.on_air("flagship") == []
    assert world.supervisor.job("flagship") is None
    assert world.notes.stored != {}
    world.bus.down = False
    await world.run(12)
    assert len(world.bus.of(SignalKind.JOB_ENDED)) == 1
    assert world.notes.stored == {}
    assert world.tally.total(Count.JOBS_STOPPED) == 1


async def test_a_job_of_a_room_no_longer_configured_is_reported() -> None:
    world = World(room())
    world.notes.stored["gone"] = Ownership("evening", ms(T0), "job-9")
    await world.run(4)
    assert world.tally.counts["jobs_lost", "room_removed"] == 1
    assert "gone" in world.notes.stored


@pytest.mark.parametrize("meaning", [Meaning.NO_RESOURCE, Meaning.OUTCOME_UNKNOWN, Meaning.QUOTA])
async def test_a_later_refusal_does_not_make_an_unanswered_start_forgotten(meaning: Meaning) -> None:
    world = World(room(on_air()))
    world.cloud.fault = failing("start", refusal(Meaning.OUTCOME_UNKNOWN))
    await world.run(4)
    world.cloud.fault = failing("start", refusal(meaning))
    await world.run(600)
    assert world.notes.stored["flagship"] == Ownership("evening", ms(T0))


async def test_a_start_that_broke_off_is_not_repeated_at_once() -> None:
    world = World(room(on_air()))
    world.cloud.fault = failing("start", RuntimeError("cut off"))
    await world.run(4)
    assert world.cloud.count("start") == 1
