"""A stop that the bus remembers is carried out whatever the loop does."""

from __future__ import annotations

from livecue.domain import JobState, Meaning
from livecue.runtime.ports import BusError
from livecue.runtime.stop_ports import StopDue, StopNote
from livecue.supervisor import StopTimerKeeper, Supervisor

from .fakes import T0, World, ms, on_air, refusal, room

HOUR = 3600.0


class Timers:
    """`StopTimers` that survive the daemon, on the world's clock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.set_for: dict[str, tuple[StopNote, int]] = {}
        self.fired: dict[str, StopDue] = {}
        self.down = False

    async def set(self, note: StopNote, at_ms: int) -> None:
        if self.down:
            raise BusError("down")
        self.set_for[note.room] = note, at_ms

    async def cancel(self, room: str) -> None:
        self.set_for.pop(room, None)

    async def due(self, wait_s: float) -> list[StopDue]:
        assert wait_s == 0
        if self.down:
            raise BusError("down")
        for room_key, (note, at_ms) in list(self.set_for.items()):
            if at_ms <= self.world.clock():
                del self.set_for[room_key]
                self.fired[room_key] = StopDue(note)
        return list(self.fired.values())

    async def close(self) -> None: ...

    async def settle(self, due: StopDue) -> None:
        self.fired.pop(due.note.room, None)


class Timed(World):
    """A world with timers; the supervisor's loop only runs where a test runs it."""

    def boot(self) -> Supervisor:
        if not hasattr(self, "timers"):
            self.timers = Timers(self)
        self.supervisor = Supervisor(
            self.plans,
            self.cloud,
            self.notes,
            self.bus,
            self.tally,
            self.tally,
            self.clock,
            timers=self.timers,
        )
        self.keeper = StopTimerKeeper(self.timers, self.cloud, self.supervisor.wanted, self.clock)
        return self.supervisor

    async def keep(self, seconds: float) -> None:
        for _ in range(round(seconds / 2)):
            await self.keeper.turn()
            self.clock.forward(2)


async def test_a_start_is_answered_by_a_timer_for_the_end_of_its_session() -> None:
    world = Timed(room(on_air(hours=4)))
    await world.run(2)
    note, at_ms = world.timers.set_for["flagship"]
    assert (note.job_id, at_ms) == ("job-1", ms(T0) + 4 * 3_600_000 + 15_000)


async def test_the_timer_stops_what_the_loop_has_forgotten() -> None:
    world = Timed(room(on_air(hours=1)))
    await world.run(2)
    world.clock.forward(HOUR)
    await world.keep(10)
    assert world.cloud.on_air("flagship") == ["job-1"]  # the loop's own time
    await world.keep(20)
    assert world.cloud.on_air("flagship") == []
    assert world.timers.fired == {}


async def test_an_unanswered_start_has_its_timer_too() -> None:
    world = Timed(room(on_air(hours=1)))
    world.cloud.lose_answer = lambda: True
    await world.supervisor.reconcile_once()
    world.clock.forward(2 * HOUR)
    world.notes.stored.clear()  # and even the note is lost
    world.boot()
    await world.keep(4)
    assert world.cloud.on_air("flagship") == []


async def test_a_timed_stop_is_asked_again_until_the_job_is_over() -> None:
    world = Timed(room(on_air(hours=1)))
    await world.run(2)
    world.clock.forward(HOUR + 20)
    world.cloud.fault = lambda *_: (_ for _ in ()).throw(refusal(Meaning.UNAVAILABLE))
    await world.keep(120)
    assert world.cloud.count("stop") >= 10
    world.cloud.fault = lambda *_: None
    await world.keep(12)
    assert world.cloud.on_air("flagship") == []


async def test_a_timer_that_comes_due_while_the_room_is_wanted_moves_to_its_end() -> None:
    world = Timed(room(on_air(hours=8)))
    await world.run(2)
    note, at_ms = world.timers.set_for["flagship"]
    await world.timers.set(note, world.clock())
    await world.keep(2)
    assert world.cloud.on_air("flagship") == ["job-1"]
    assert world.timers.set_for["flagship"][1] == at_ms


async def test_a_bus_that_takes_no_timer_holds_no_live_up_and_gets_it_later() -> None:
    world = Timed(room(on_air(hours=8)))
    world.timers.down = True
    await world.run(4)
    assert world.cloud.on_air("flagship") == ["job-1"]
    world.timers.down = False
    await world.run(20)
    assert world.timers.set_for["flagship"][0].job_id == "job-1"


async def test_a_stop_by_the_loop_takes_the_timer_along() -> None:
    world = Timed(room(on_air(hours=1)))
    await world.run(HOUR + 10)
    assert world.cloud.jobs["job-1"].state == JobState.SUCCEED
    assert world.timers.set_for == {}


async def test_a_lost_live_leaves_no_timer_behind_once_its_session_is_over() -> None:
    world = Timed(room(on_air(hours=1)))
    await world.run(2)
    world.cloud.become("job-1", JobState.BLOCKED)
    await world.run(10)
    assert world.timers.set_for["flagship"][0].job_id == "job-1"
    world.clock.forward(HOUR)
    await world.run(10)
    assert (world.timers.set_for, world.notes.stored) == ({}, {})
    assert world.cloud.count("stop") == 0


async def test_a_timer_of_a_room_that_is_gone_is_told_of_and_left() -> None:
    world = Timed(room(on_air(hours=1)))
    await world.timers.set(StopNote("gone", "evening", 0, "job-9"), world.clock())
    await world.keep(2)
    assert world.timers.fired["gone"].note.job_id == "job-9"
    assert world.cloud.count("stop") == 0
