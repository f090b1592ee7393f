"""Any order of crashes, faults, jumps of the clock and lost jobs: one job at most, none forgotten, none missing.

The daemon dies between any two awaits, before or after the call had its effect. The cloud here keeps no
second job out of a room and has a clock of its own: that there is one job is the supervisor's doing.
So on a quiet day as in the nights in which the clocks change (`scenes`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from livecue.domain import Job, JobState, Meaning
from livecue.runtime.order_ports import MemoryOrders, Request
from livecue.supervisor import StopTimerKeeper, Supervisor, Sweeper

from .fakes import Clock, Cloud, World, ms, refusal, room
from .scenes import MINUTE, SCENES, Run, Scene
from .test_timers import Timers

ROOM = "flagship"
TOLERANCE_S = 60
FAULTS = [
    Meaning.UNAVAILABLE,
    Meaning.OUTCOME_UNKNOWN,
    Meaning.SLOW_DOWN,
    Meaning.NO_RESOURCE,
    Meaning.UNAUTHENTICATED,
    Meaning.NOT_RUNNING,
]
OPERATIONS = ["start", "stop", "show", "running", "everywhere"]


class Killed(BaseException):
    """The daemon dies here."""


class LaxCloud(Cloud):
    """Starts whatever it is asked for, also beside a running job. `asked` sees each start that is asked for."""

    asked: Callable[[], None]

    async def start(self, room: str, lasts_ms: int, place: str = "") -> Job:
        self.asked()
        self._called("start", place or room)
        self.lasts_ms[room] = lasts_ms
        job = self.put(room, f"job-{len(self.jobs) + 1}", self.starts_in, place=place)
        if self.lose_answer():
            raise refusal(Meaning.OUTCOME_UNKNOWN)
        return job


class Mortal:
    """A port at which the daemon may die: before a call, or after it had its effect."""

    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **more: Any) -> Any:
            self._life.step()
            done = await found(*args, **more)
            self._life.step()
            return done

        return call


class Life:
    """How many steps the daemon has left; none: it lives on."""

    def __init__(self) -> None:
        self.left = 0

    def step(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise Killed


class Stage(World):
    """The supervisor with all its paths to a stop, on ports that kill."""

    def __init__(self, scene: Scene) -> None:
        self.life = Life()
        self.orders = MemoryOrders()
        self.scene = scene
        self.live_in: set[Run] = set()
        """Runs in which a job was seen on air."""
        self.begun: set[Run] = set()
        """Runs of which the daemon must know for good that they had their live."""
        self.too_late: list[Run] = []
        super().__init__(room(*scene.sessions))
        self.clock.now_ms = self.real.now_ms = ms(scene.begins)

    def boot(self) -> Supervisor:
        if not hasattr(self, "timers"):
            self.real = Clock()
            self.cloud = self.new_cloud(self.real)
            self.cloud.asked = self.check_start
            self.timers = Timers(self)
        self.life.left = 0
        cloud, notes, bus, timers, orders = (
            Mortal(port, self.life) for port in (self.cloud, self.notes, self.bus, self.timers, self.orders)
        )
        self.supervisor = Supervisor(
            self.plans,
            cloud,
            notes,
            bus,
            self.tally,
            self.tally,
            self.clock,
            timers=timers,
            orders=orders,
        )
        self.keeper = StopTimerKeeper(timers, cloud, self.supervisor.wanted, self.clock)
        self.sweeper = Sweeper(cloud, self.supervisor, self.tally)
        return self.supervisor

    def new_cloud(self, clock: Clock) -> LaxCloud:
        return LaxCloud(clock)

    def forward(self, seconds: float) -> None:
        self.clock.forward(seconds)
        self.real.forward(seconds)

    async def live(self, seconds: float, every_s: float = 2.0) -> None:
        """All paths at their pace; who dies is started again."""
        passed = 0.0
        while passed < seconds:
            if passed % 60 < every_s:
                await self.survive(self.sweeper.sweep_once())
            await self.survive(self.supervisor.reconcile_once())
            await self.survive(self.keeper.turn())
            self.note_live()
            self.forward(every_s)
            passed += every_s

    async def survive(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except BaseException as error:
            if isinstance(error, Killed) or (
                isinstance(error, BaseExceptionGroup) and error.subgroup(Killed)
            ):
                self.boot()
                return
            raise

    def wanted(self, ago_s: float = 0) -> bool:
        """Whether the plan, with what was ordered by hand, wants a live."""
        order = self.orders.stored.get(ROOM)
        off = order is not None and self.at(ago_s).timestamp() * 1000 < order.off_until_ms
        return self.ordered(ago_s) or (self.run_on(ago_s) is not None and not off)

    def ordered(self, ago_s: float = 0) -> bool:
        order = self.orders.stored.get(ROOM)
        return order is not None and self.at(ago_s).timestamp() * 1000 < order.live_until_ms

    def run_on(self, ago_s: float = 0) -> Run | None:
        at = self.at(ago_s)
        return next((run for run in self.scene.runs if run.on(at)), None)

    def at(self, ago_s: float = 0) -> datetime:
        return datetime.fromtimestamp(self.clock() / 1000 - ago_s, UTC)

    def note_live(self) -> None:
        run = self.run_on()
        if run is not None and self.cloud.on_air(ROOM):
            self.live_in.add(run)

    def check_start(self) -> None:
        """A run that never had its live is not started when it is too late for it."""
        run = self.run_on()
        if run is None or run in self.live_in or self.at() <= max(run.begin_by(), run.start + MINUTE):
            return
        order = self.orders.stored.get(ROOM)
        if order is None or order.at_ms < ms(run.start):  # nobody asked for it by hand
            self.too_late.append(run)

    def owed(self, for_s: float) -> bool:
        """Whether all of the last seconds something was wanted that was not missed before them."""
        if not all(self.wanted(ago) for ago in range(0, round(for_s) + 1, 2)):
            return False
        run = self.run_on(for_s)
        if run is None or run != self.run_on() or self.ordered() or self.ordered(for_s):
            return self.ordered() and self.ordered(for_s)
        if self.at() > run.end - run.least:
            return False
        return run in self.begun or self.at(for_s) + 2 * MINUTE <= run.begin_by()


class Lives(RuleBasedStateMachine):
    """What may happen, in any order."""

    stage_of = Stage

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.stage = self.stage_of(SCENES[0])

    @initialize(scene=st.sampled_from(SCENES))
    def the_day_is(self, scene: Scene) -> None:
        self.stage = self.stage_of(scene)

    def teardown(self) -> None:
        self.loop.close()

    @rule(seconds=st.sampled_from([2, 10, 60, 300]), every_s=st.sampled_from([2.0, 7.0]))
    def time_passes(self, seconds: int, every_s: float) -> None:
        self.loop.run(self.stage.live(seconds, every_s))

    @rule(steps=st.integers(1, 14))
    def the_daemon_dies_soon(self, steps: int) -> None:
        self.stage.life.left = steps
        self.loop.run(self.stage.live(4))

    @rule(minutes=st.sampled_from([1, 30, 90]))
    def nobody_runs_for_a_while(self, minutes: int) -> None:
        self.stage.boot()
        self.stage.forward(minutes * 60)

    @rule(operations=st.sets(st.sampled_from(OPERATIONS), min_size=1), meaning=st.sampled_from(FAULTS))
    def the_cloud_fails(self, operations: set[str], meaning: Meaning) -> None:
        def fault(operation: str, _room: str) -> None:
            if operation in operations:
                raise refusal(meaning)

        self.stage.cloud.fault = fault
        self.loop.run(self.stage.live(30))

    @rule()
    def answers_of_starts_are_lost(self) -> None:
        self.stage.cloud.lose_answer = lambda: True
        self.loop.run(self.stage.live(10))

    @rule(down=st.booleans())
    def the_bus_is_away(self, *, down: bool) -> None:
        self.stage.notes.down = self.stage.bus.down = self.stage.timers.down = down
        self.loop.run(self.stage.live(10))

    @rule(hours=st.sampled_from([-1, 1]))
    def the_clock_jumps(self, hours: int) -> None:
        ahead_ms = self.stage.clock() - self.stage.real() + hours * 3_600_000
        if abs(ahead_ms) <= 3_600_000:  # it jumps an hour, and back
            self.stage.clock.forward(hours * 3600)
            at = self.stage.at()
            self.stage.begun = {run for run in self.stage.begun if run.on(at)}  # it is to come, once more

    @rule(state=st.sampled_from([JobState.FAILED, JobState.SUCCEED]))
    @precondition(lambda self: self.stage.cloud.on_air(ROOM))
    def the_job_is_lost(self, state: JobState) -> None:
        for job_id in self.stage.cloud.on_air(ROOM):
            self.stage.cloud.become(job_id, state, "MSS.20010118")

    @rule(do=st.sampled_from(["start", "stop", "extend", "pause", "resume"]))
    @precondition(lambda self: not self.stage.notes.down)
    def somebody_lends_a_hand(self, do: str) -> None:
        self.loop.run(self.stage.live(2))  # it has read what was ordered before
        asked = self.stage.supervisor.by_hand.answer(Request(do, ROOM, 1_800_000))
        self.loop.run(self.stage.survive(asked))

    @rule(
        minutes=st.sampled_from([0, 18]),
        state=st.sampled_from([JobState.FAILED, JobState.SUCCEED]),
        meaning=st.sampled_from([None, Meaning.NO_RESOURCE, Meaning.OUTCOME_UNKNOWN]),
    )
    @precondition(lambda self: self.stage.cloud.on_air(ROOM))
    def the_daemon_dies_before_a_lost_live_is_back(
        self, minutes: int, state: JobState, meaning: Meaning | None
    ) -> None:
        self.all_is_well_again()
        self.loop.run(self.stage.live(minutes * 60, every_s=20))
        self.the_job_is_lost(state)
        self.loop.run(self.stage.live(4))
        if meaning is not None:
            self.the_cloud_fails({"start"}, meaning)
        self.stage.boot()
        self.all_is_well_again()

    @rule()
    def all_is_well_again(self) -> None:
        self.all_is_well()

    def all_is_well(self, *, may_be_given_up: bool = False) -> None:
        stage = self.stage
        stage.life.left = 0
        stage.cloud.fault = lambda *_: None
        stage.cloud.lose_answer = lambda: False
        stage.notes.down = stage.bus.down = stage.timers.down = False
        self.loop.run(stage.live(TOLERANCE_S))
        if not any(stage.wanted(ago) for ago in range(0, TOLERANCE_S + 1, 2)):
            assert stage.cloud.on_air(ROOM) == [], "a job beyond its stop"
        self.loop.run(stage.live(240))
        if stage.owed(300) and not may_be_given_up:
            assert len(stage.cloud.on_air(ROOM)) == 1, "a session without its live"
        run = stage.run_on()
        if run is not None and run == stage.run_on(60) and stage.owed(60):
            stage.begun.add(run)

    @invariant()
    def there_is_one_job_at_most(self) -> None:
        assert len(self.stage.cloud.on_air(ROOM)) <= 1

    @invariant()
    def nothing_starts_too_late(self) -> None:
        assert self.stage.too_late == []


Lives.TestCase.settings = settings(
    derandomize=True,  # the same lives on every machine; without it the search goes on
    max_examples=120,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_lives = Lives.TestCase
