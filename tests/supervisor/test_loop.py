"""The loop against a small cloud in virtual time: what a room's live goes through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import time

import pytest

from livecue.domain import CloudError, Job, JobState, Meaning, Session, Signal, SignalKind, Unplanned
from livecue.runtime.ports import BusError, Count, Ownership
from livecue.supervisor import RoomPlan, Supervisor

from .fakes import T0, Cloud, World, ms, on_air, refusal, room

HOUR = 3600.0


def failing(operation: str, error: Exception) -> Callable[[str, str], None]:
    def fault(called: str, _room: str) -> None:
        if called == operation:
            raise error

    return fault


async def test_a_session_is_started_watched_and_stopped_at_its_end() -> None:
    world = World(room(on_air(hours=1)))
    await world.run(10)
    assert world.cloud.on_air("flagship") == ["job-1"]
    job = world.supervisor.job("flagship")
    assert job is not None
    assert job.report_url == "https://report/job-1"
    assert world.notes.stored["flagship"] == Ownership("evening", ms(T0), "job-1")
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


async def test_a_start_cut_off_in_the_middle_is_owed_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room(on_air(hours=1)))
    reached, never = asyncio.Event(), asyncio.Event()
    real = world.cloud.start

    async def start(key: str) -> object:
        await real(key)
        reached.set()
        await never.wait()
        raise AssertionError

    monkeypatch.setattr(world.cloud, "start", start)
    running = asyncio.create_task(world.supervisor.run())
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    world.clock.forward(2 * HOUR)
    world.boot()
    await world.run(5)
    assert world.cloud.on_air("flagship") == []


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

    async def running(key: str) -> object:
        found = await real(key)
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
    assert world.notes.stored["flagship"] == Ownership("evening", ms(T0), "job-1")


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


async def test_quiet_rooms_cost_few_calls() -> None:
    world = World(room(on_air(), key="live"), room(key="idle"), room(key="blind", unplanned=Unplanned.IGNORE))
    await world.run(10)
    world.cloud.calls.clear()
    await world.run(60)
    per_room = {
        key: sum(1 for _, one in world.cloud.calls if one == key) for key in ("live", "idle", "blind")
    }
    assert 8 <= per_room["live"] <= 13
    assert 3 <= per_room["idle"] <= 5
    assert per_room["blind"] == 0


async def test_a_thousand_quiet_rooms_stay_under_the_read_limit() -> None:
    world = World(*(room(key=f"room-{number}") for number in range(1000)))
    await world.supervisor.reconcile_once()
    world.cloud.calls.clear()
    await world.run(250)
    assert 1000 <= len(world.cloud.calls) <= 2000


async def test_a_waiting_job_is_looked_at_every_pass() -> None:
    world = World(room(on_air()))
    world.cloud.starts_in = JobState.WAITING
    await world.run(4)
    world.cloud.calls.clear()
    await world.run(20)
    assert world.cloud.count("show") >= 9


async def test_the_end_of_a_stream_makes_it_look_at_once() -> None:
    world = World(room(on_air()))
    await world.run(30)
    await world.supervisor.reconcile_once()
    world.cloud.become("job-1", JobState.FAILED)
    world.cloud.calls.clear()
    world.supervisor.on_signal(Signal("flagship", "1", 0, SignalKind.RTMP_STATE, {"state": "CONNECTED"}))
    world.supervisor.on_signal(Signal("flagship", "2", 0, SignalKind.SCRIPT_SWITCH, {"state": "END"}))
    await world.supervisor.reconcile_once()
    assert world.cloud.calls == []
    world.supervisor.on_signal(Signal("flagship", "3", 0, SignalKind.RTMP_STATE, {"state": "END"}))
    await world.supervisor.reconcile_once()
    assert world.supervisor.job("flagship") is None


async def test_one_hanging_room_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room(on_air(), key="hangs"), room(on_air(), key="works"))
    never = asyncio.Event()
    started = asyncio.Event()
    real = world.cloud.running

    async def running(key: str) -> object:
        if key == "hangs":
            await never.wait()
        return await real(key)

    async def publish(*_: object) -> None:
        started.set()

    monkeypatch.setattr(world.cloud, "running", running)
    monkeypatch.setattr(world.bus, "publish", publish)
    async with asyncio.timeout(5):
        task = asyncio.create_task(world.supervisor.run())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert world.cloud.on_air("works")


async def test_an_unexpected_error_in_one_room_is_survived_and_retried() -> None:
    world = World(room(on_air(), key="odd"), room(on_air(), key="fine"))
    odd = [RuntimeError("bug"), KeyError("bug")]

    def fault(_operation: str, key: str) -> None:
        if key == "odd" and odd:
            raise odd.pop()

    world.cloud.fault = fault
    await world.run(15)
    assert world.cloud.on_air("odd")
    assert world.cloud.on_air("fine")


async def test_a_plan_that_cannot_be_read_leaves_the_other_rooms_alone() -> None:
    broken = Session("broken", cron="nonsense", duration=timedelta(hours=1))
    world = World(room(broken, key="odd"), room(on_air(), key="fine"))
    await world.run(5)
    assert world.cloud.on_air("fine")


async def test_a_clock_that_jumps_back_does_not_stop_the_looking() -> None:
    world = World(room(on_air(hours=1, start=T0 - timedelta(hours=5)), on_air(hours=5)))
    await world.run(30)
    world.clock.forward(-4.5 * HOUR)  # before the session
    world.cloud.become("job-1", JobState.FAILED)
    await world.run(30)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_job_of_a_room_no_longer_configured_is_reported() -> None:
    world = World(room())
    world.notes.stored["gone"] = Ownership("evening", ms(T0), "job-9")
    await world.run(4)
    assert world.tally.counts["jobs_lost", "room_removed"] == 1
    assert "gone" in world.notes.stored


async def test_stopping_the_daemon_leaves_the_job_of_a_session_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(room(on_air()))
    began = asyncio.Event()
    real = world.bus.publish

    async def publish(key: str, kind: str, data: dict[str, object], dedup_id: str = "") -> None:
        await real(key, kind, data, dedup_id)
        began.set()

    monkeypatch.setattr(world.bus, "publish", publish)
    async with asyncio.timeout(5):
        task = asyncio.create_task(world.supervisor.run())
        await began.wait()
        world.supervisor.stop()
        await task
    assert world.cloud.on_air("flagship") == ["job-1"]
    assert world.cloud.count("stop") == 0


async def test_the_plan_wakes_the_loop_before_its_interval_is_over() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    world = World()
    began = asyncio.Event()

    class Watched(Cloud):
        async def start(self, room: str) -> Job:
            began.set()
            return await super().start(room)

    cloud = Watched(world.clock)
    supervisor = Supervisor(
        [RoomPlan("flagship", [Session("s", soon, soon + timedelta(hours=1))])],
        cloud,
        world.notes,
        world.bus,
        world.tally,
        world.tally,
        lambda: round(time() * 1000),
        interval_s=60,
    )
    async with asyncio.timeout(5):
        task = asyncio.create_task(supervisor.run())
        await began.wait()
        supervisor.stop()
        await task


def test_the_errors_of_the_cloud_keep_their_meaning() -> None:
    assert isinstance(refusal(Meaning.QUOTA), CloudError)
