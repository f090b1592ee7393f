"""What a room's live goes through, against a small cloud in virtual time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from livecue.domain import JobState, SignalKind, Unplanned
from livecue.runtime.job_ports import Ownership
from livecue.runtime.ports import Count

from .fakes import T0, World, ms, on_air, room

HOUR = 3600.0


async def test_a_session_is_started_watched_and_stopped_at_its_end() -> None:
    world = World(room(on_air(hours=1)))
    await world.run(10)
    assert world.cloud.on_air("flagship") == ["job-1"]
    job = world.supervisor.job("flagship")
    assert job is not None
    assert job.report_url == "https://report/job-1"
    assert world.notes.stored["flagship"] == Ownership("evening", ms(T0), "job-1", live_ms=ms(T0))
    await world.run(HOUR)
    assert world.cloud.on_air("flagship") == []
    assert world.supervisor.job("flagship") is None
    assert world.notes.stored == {}
    assert world.cloud.count("start") == 1
    assert world.bus.of(SignalKind.JOB_STARTED) == [
        {"job_id": "job-1", "session": "evening", "how": "started"}
    ]
    assert world.bus.of(SignalKind.JOB_ENDED) == [
        {"job_id": "job-1", "state": "SUCCEED", "reason": "stopped", "code": ""}
    ]
    assert world.tally.total(Count.JOBS_STARTED) == world.tally.total(Count.JOBS_STOPPED) == 1
    assert world.tally.total(Count.JOBS_LOST) == 0
    assert world.tally.health == {"cloud": ""}


async def test_a_daemon_that_died_before_the_answer_stops_its_job_long_after_the_session() -> None:
    world = World(room(on_air(hours=1)))
    world.cloud.lose_answer = lambda: True
    await world.supervisor.reconcile_once()
    assert world.notes.stored["flagship"].job_id == ""
    world.clock.forward(30 * HOUR)
    world.boot()
    await world.run(10)
    assert world.cloud.on_air("flagship") == []
    assert [data["job_id"] for data in world.bus.of(SignalKind.JOB_ENDED)] == ["job-1"]
    await world.run(20)
    assert world.notes.stored == {}


async def test_a_start_whose_answer_was_lost_is_looked_up_and_not_repeated() -> None:
    world = World(room(on_air()))
    world.cloud.lose_answer = lambda: True
    await world.run(20)
    assert world.cloud.count("start") == 1
    assert world.notes.stored["flagship"].job_id == "job-1"
    assert world.tally.total(Count.JOBS_STARTED) == 1
    assert world.supervisor.job("flagship") is not None


async def test_a_stop_is_repeated_until_the_job_is_seen_over() -> None:
    world = World(room(on_air(hours=1)))
    world.cloud.stops_needed = 5
    await world.run(HOUR + 60)
    assert world.cloud.stops == {"job-1": 5}
    assert world.cloud.on_air("flagship") == []
    assert len(world.bus.of(SignalKind.JOB_ENDED)) == 1


async def test_a_job_keeps_its_report_url_while_it_is_being_stopped() -> None:
    world = World(room(on_air(hours=1)))
    world.cloud.stops_needed = 9
    await world.run(HOUR + 8)
    job = world.supervisor.job("flagship")
    assert job is not None
    assert job.report_url == "https://report/job-1"


async def test_a_running_job_is_adopted_and_stopped_with_the_session() -> None:
    world = World(room(on_air(hours=1)))
    world.cloud.put("flagship", "by-hand", age_s=500)
    await world.run(10)
    assert world.cloud.count("start") == 0
    assert world.tally.total(Count.JOBS_ADOPTED) == 1
    job = world.supervisor.job("flagship")
    assert job is not None
    assert job.report_url  # the list has none
    assert world.bus.of(SignalKind.JOB_STARTED)[0]["how"] == "adopted"
    await world.run(HOUR)
    assert world.cloud.on_air("flagship") == []


async def test_a_second_start_adopts_what_the_cloud_says_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room(on_air()))
    hidden = [True, False]
    real = world.cloud.running

    async def running(key: str, place: str) -> object:
        found = await real(key, place)
        return [] if hidden and hidden.pop(0) else found

    monkeypatch.setattr(world.cloud, "running", running)
    world.cloud.put("flagship", "by-hand")
    await world.supervisor.reconcile_once()
    assert world.cloud.count("start") == 1
    assert world.notes.stored["flagship"].job_id == "by-hand"


async def test_a_restarted_daemon_takes_its_job_over_and_says_so() -> None:
    world = World(room(on_air()))
    await world.run(10)
    world.bus.seen.clear()
    world.boot()
    await world.run(10)
    assert [data["how"] for data in world.bus.of(SignalKind.JOB_STARTED)] == ["started", "resumed"]
    assert world.cloud.count("start") == 1
    assert world.tally.total(Count.JOBS_ADOPTED) == 0
    assert world.notes.stored["flagship"] == Ownership("evening", ms(T0), "job-1", live_ms=ms(T0))


@pytest.mark.parametrize("unplanned", list(Unplanned))
async def test_a_job_that_no_session_wants_is_treated_as_configured(unplanned: Unplanned) -> None:
    world = World(room(unplanned=unplanned))
    world.cloud.put("flagship", "by-hand", age_s=500)
    await world.run(30)
    assert world.cloud.on_air("flagship") == ([] if unplanned == Unplanned.STOP else ["by-hand"])
    assert (world.supervisor.job("flagship") is not None) == (unplanned == Unplanned.ATTACH)
    assert world.notes.stored == {}
    if unplanned == Unplanned.ATTACH:
        world.cloud.become("by-hand", JobState.SUCCEED)
        await world.run(30)
        assert world.supervisor.job("flagship") is None
        assert world.bus.of(SignalKind.JOB_ENDED)[0]["reason"] == "finished"


async def test_two_jobs_of_unanswered_starts_leave_one() -> None:
    world = World(room(on_air(hours=1)))
    world.notes.stored["flagship"] = Ownership("evening", ms(T0) - 30_000)
    world.cloud.put("flagship", "first", age_s=20)
    world.cloud.put("flagship", "second", age_s=5)
    await world.run(10)
    assert world.cloud.on_air("flagship") == ["second"]
    assert world.notes.stored["flagship"].job_id == "second"
    assert world.tally.total(Count.JOBS_LOST) == 0
    await world.run(HOUR)
    assert world.cloud.on_air("flagship") == []


async def test_a_job_started_by_hand_while_ours_runs_is_not_stopped() -> None:
    world = World(room(on_air()))
    await world.run(10)
    world.cloud.put("flagship", "by-hand")
    await world.run(120)
    assert sorted(world.cloud.on_air("flagship")) == ["by-hand", "job-1"]


async def test_a_job_whose_session_is_followed_by_another_goes_on() -> None:
    later = on_air(hours=1, start=T0 + timedelta(hours=1), name="late")
    world = World(room(on_air(hours=1), later))
    await world.run(HOUR + 600)
    assert world.cloud.on_air("flagship") == ["job-1"]
    assert world.cloud.count("start") == 1


async def test_a_start_says_how_long_the_live_is_wanted() -> None:
    world = World(room(on_air(hours=4)))
    world.clock.forward(600)
    await world.supervisor.reconcile_once()
    assert world.cloud.lasts_ms == {"flagship": 4 * 3_600_000 - 600_000}
