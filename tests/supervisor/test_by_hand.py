"""Orders by hand: laid over the plan, kept over restarts, and as sure of their stop as a session."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from livecue.domain import JobState, Meaning, Unplanned
from livecue.runtime.order_ports import FOREVER_MS, Command, MemoryOrders, Order, OrderError, Request
from livecue.supervisor import RoomPlan, Supervisor
from livecue.supervisor.orders import in_force, next_moment_ms, obey
from livecue.supervisor.timetable import Window

from .fakes import T0, World, ms, on_air, refusal, room

HOUR_MS = 3_600_000
NOW = ms(T0)
EVENING = Window("evening", T0, T0 + timedelta(hours=4))


class Hand(World):
    """A world whose orders outlive the daemon."""

    def __init__(self, *plans: RoomPlan) -> None:
        self.orders = MemoryOrders()
        super().__init__(*plans)

    def boot(self) -> Supervisor:
        self.supervisor = Supervisor(
            self.plans,
            self.cloud,
            self.notes,
            self.bus,
            self.tally,
            self.tally,
            self.clock,
            orders=self.orders,
        )
        return self.supervisor

    async def ask(self, do: str, hours: float = 0, key: str = "flagship") -> dict[str, Any]:
        reply = await self.supervisor.by_hand.answer(Request(do, key, round(hours * HOUR_MS)))
        assert not reply.error
        await self.run(2)
        return reply.rooms[0]


def end_of(order: Order, planned: Window | None = EVENING, now_ms: int = NOW) -> int:
    window = in_force(order, planned, now_ms)
    return 0 if window is None else ms(window.end) - NOW


def test_an_order_makes_no_sense_is_told_so() -> None:
    with pytest.raises(OrderError, match="no session is on"):
        obey(Command.EXTEND, Order(), None, NOW, HOUR_MS)
    for for_ms in (0, -1, 8 * 24 * HOUR_MS):
        with pytest.raises(OrderError, match="from 1s to 7d"):
            obey(Command.START, Order(), None, NOW, for_ms)


def test_an_order_counts_until_its_time_and_the_plan_after_it() -> None:
    started = obey(Command.START, Order(), None, NOW, HOUR_MS)
    assert (end_of(started, None), end_of(started, EVENING)) == (HOUR_MS, 4 * HOUR_MS)
    assert (next_moment_ms(started, NOW), end_of(started, None, NOW + HOUR_MS)) == (NOW + HOUR_MS, 0)
    longer = obey(Command.EXTEND, started, EVENING, NOW, HOUR_MS)
    assert end_of(longer) == 5 * HOUR_MS
    stopped = obey(Command.STOP, longer, EVENING, NOW, 0)
    assert (end_of(stopped), end_of(stopped, EVENING, NOW + 4 * HOUR_MS)) == (0, 4 * HOUR_MS)
    paused = obey(Command.PAUSE, longer, EVENING, NOW, 0)
    assert (paused.off_until_ms, end_of(paused, EVENING, NOW + 1000 * HOUR_MS)) == (FOREVER_MS, 0)
    assert obey(Command.STOP, paused, None, NOW, 0).off_until_ms == FOREVER_MS
    assert end_of(obey(Command.RESUME, paused, EVENING, NOW, 0)) == 4 * HOUR_MS


async def test_a_live_started_by_hand_ends_by_itself_also_after_a_restart() -> None:
    world = Hand(room())
    assert (await world.ask("start", 1))["wanted"] == "by-hand"
    assert world.cloud.on_air("flagship") == ["job-1"]
    assert 0.99 * HOUR_MS < world.cloud.lasts_ms["flagship"] <= HOUR_MS
    world.boot()
    await world.run(3500)
    assert world.cloud.on_air("flagship") == ["job-1"]
    world.boot()
    await world.run(200)
    assert world.cloud.on_air("flagship") == []


async def test_a_session_stopped_by_hand_stays_off_and_the_next_one_starts() -> None:
    world = Hand(room(on_air(hours=1), on_air(hours=1, start=T0 + timedelta(hours=2), name="late")))
    await world.run(10)
    await world.ask("stop")
    await world.run(20)
    assert world.cloud.on_air("flagship") == []
    world.boot()
    await world.run(3500)
    assert world.cloud.count("start") == 1
    await world.run(3800)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_stop_by_hand_takes_a_job_that_livecue_did_not_start_and_not_the_next_one() -> None:
    world = Hand(room(unplanned=Unplanned.IGNORE))
    world.cloud.put("flagship", "theirs", age_s=60)
    await world.ask("stop")
    await world.run(20)
    assert world.cloud.on_air("flagship") == []
    world.cloud.put("flagship", "again")
    await world.run(60)
    assert world.cloud.on_air("flagship") == ["again"]


async def test_a_paused_room_starts_nothing_until_it_is_resumed() -> None:
    world = Hand(room(on_air(hours=10)))
    await world.run(10)
    told = await world.ask("pause")
    await world.run(30)
    assert (told["paused"], world.cloud.on_air("flagship")) == (True, [])
    world.boot()
    await world.run(600)
    assert world.cloud.on_air("flagship") == []
    await world.ask("resume")
    assert world.cloud.on_air("flagship") == ["job-2"]


@pytest.mark.parametrize("off", ["pause", "stop"])
async def test_a_session_that_is_resumed_beyond_its_catch_up_window_was_not_missed(off: str) -> None:
    minutes = timedelta(minutes=1)
    session = replace(on_air(hours=4), catchup=15 * minutes, least_remainder=5 * minutes)
    world = Hand(room(session))
    await world.run(10)
    await world.ask(off)
    await world.run(3600, every_s=20)
    assert world.cloud.on_air("flagship") == []
    world.boot()
    await world.ask("resume")
    await world.run(10)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_an_extended_session_ends_later() -> None:
    world = Hand(room(on_air(hours=1)))
    await world.run(3000)
    await world.ask("extend", 1)
    await world.run(3600)
    assert world.cloud.on_air("flagship") == ["job-1"]
    await world.run(700)
    assert world.cloud.on_air("flagship") == []


async def test_a_start_by_hand_tries_again_what_was_given_up() -> None:
    world = Hand(room(on_air(hours=4)))

    def fault(operation: str, _room: str) -> None:
        if operation == "start":
            raise refusal(Meaning.QUOTA)

    world.cloud.fault = fault
    await world.run(60)
    assert world.cloud.count("start") == 1
    world.cloud.fault = lambda *_: None
    await world.ask("start", 1)
    assert world.cloud.on_air("flagship") == ["job-1"]


async def test_a_request_that_cannot_be_understood_is_answered() -> None:
    world = Hand(room())
    answer = world.supervisor.by_hand.answer
    assert "no room 'x'; rooms: flagship" in (await answer(Request("stop", "x"))).error
    assert "nothing that can be done" in (await answer(Request("fly", "flagship"))).error
    assert "no session is on" in (await answer(Request("extend", "flagship", HOUR_MS))).error


async def test_leaving_for_good_stops_what_is_ours_and_only_that() -> None:
    world = Hand(room(on_air(), key="a"), room(key="b"))
    world.cloud.put("b", "theirs")
    task = asyncio.create_task(world.supervisor.run())
    async with asyncio.timeout(10):
        while not world.cloud.on_air("a") or world.supervisor.job("a") is None:  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.01)
        leaving = asyncio.create_task(world.supervisor.stop_lives(8))
        while not leaving.done():
            world.clock.forward(1)
            world.supervisor.wake()
            await asyncio.sleep(0.02)
    world.supervisor.stop()
    await task
    assert (world.cloud.on_air("a"), world.cloud.on_air("b")) == ([], ["theirs"])
    assert world.cloud.jobs["job-2"].state == JobState.SUCCEED
    assert world.orders.stored == {}


async def test_leaving_for_good_in_the_pause_before_a_restart_leaves_no_note() -> None:
    world = Hand(room(on_air()))
    await world.run(10)
    world.cloud.become("job-1", JobState.FAILED)
    await world.run(2)
    assert world.notes.stored["flagship"].job_id == "job-1"
    task = asyncio.create_task(world.supervisor.run())
    async with asyncio.timeout(5):
        await world.supervisor.stop_lives(8)
    world.supervisor.stop()
    await task
    assert (world.notes.stored, world.cloud.count("start")) == ({}, 1)
