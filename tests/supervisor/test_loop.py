"""The loop itself: its pace, its hints, many rooms at once, starting and stopping."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from time import time

import pytest

from livecue.domain import Job, JobState, Session, Signal, SignalKind, Unplanned
from livecue.supervisor import RoomPlan, Supervisor, loop
from livecue.supervisor.alarm import Alarm

from .fakes import T0, Cloud, World, on_air, room

HOUR = 3600.0


async def test_a_start_cut_off_in_the_middle_is_owed_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room(on_air(hours=1)))
    reached, never = asyncio.Event(), asyncio.Event()
    real = world.cloud.start

    async def start(key: str, lasts_ms: int, place: str) -> object:
        await real(key, lasts_ms, place)
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

    async def running(key: str, place: str) -> object:
        if key == "hangs":
            await never.wait()
        return await real(key, place)

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


async def test_a_clock_set_back_within_a_session_does_not_put_off_the_next_look() -> None:
    world = World(room(on_air(hours=20, start=T0 - timedelta(hours=10))))
    await world.run(30)
    world.clock.forward(-HOUR)
    world.cloud.become("job-1", JobState.FAILED)
    await world.run(30)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_clock_set_back_before_the_session_ends_it() -> None:
    world = World(room(on_air(hours=5)))
    await world.run(30)
    world.clock.forward(-2 * HOUR)
    await world.run(10)
    assert world.cloud.on_air("flagship") == []


async def test_a_turn_that_hangs_does_not_keep_the_daemon_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(room(on_air()))
    reached, never = asyncio.Event(), asyncio.Event()

    async def running(_key: str, _place: str) -> object:
        reached.set()
        return await never.wait()

    monkeypatch.setattr(world.cloud, "running", running)
    monkeypatch.setattr(loop, "_DRAIN_S", 0.01)
    async with asyncio.timeout(4):
        task = asyncio.create_task(world.supervisor.run())
        await reached.wait()
        world.supervisor.stop()
        await task


async def test_an_alarm_that_is_late_still_rings() -> None:
    rung = asyncio.Event()
    alarm = Alarm(rung.set)
    alarm.start()
    alarm.set(round(time() * 1000) - 5_000)
    async with asyncio.timeout(4):
        await rung.wait()
    alarm.stop()


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
        async def start(self, room: str, lasts_ms: int, place: str = "") -> Job:
            began.set()
            return await super().start(room, lasts_ms, place)

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
