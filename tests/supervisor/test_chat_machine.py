"""Any order of crashes, faults and lost answers in a chat room, with and without a list of its jobs.

Where the cloud lists them, or the room takes one job, what holds for a live room holds here. Without a list
a job can be lost in one way only: its start was not answered. Then somebody was told, and the start is not
repeated soon. Whoever else uses the room is never disturbed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from livecue.domain import ChatLink, JobState, Meaning, Unplanned
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.job_ports import Ownership
from livecue.supervisor import StopTimerKeeper, Supervisor

from .chats import ROOM, ChatCloud, ChatWorld
from .fakes import T0, Clock, Notes, on_air, refusal
from .test_machine import FAULTS, TOLERANCE_S, Killed, Life, Mortal
from .test_timers import Timers

OPERATIONS = ["start", "stop", "show", "running"]
BLIND_S = 700
"""Two waits of a room whose lost starts cannot be looked up."""


class Kind(NamedTuple):
    """What the cloud tells of the room, and how many jobs it takes."""

    listed: bool
    concurrency: int
    unplanned: Unplanned = Unplanned.ATTACH
    visitors: bool = True


class KeptNotes(Notes):
    """Every job that was ever noted: livecue owes it a stop from then on."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: set[str] = set()

    async def save(self, room: str, owned: Ownership) -> None:
        await super().save(room, owned)
        self.noted.add(owned.job_id)


class Stage(ChatWorld):
    """The supervisor of one chat room on ports that kill."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.life = Life()
        super().__init__(
            on_air(hours=2),
            on_air(hours=2, start=T0 + timedelta(hours=3), name="late"),
            on_air(hours=1, start=T0 + timedelta(hours=5), name="next"),
            concurrency=kind.concurrency,
            unplanned=kind.unplanned,
        )

    def boot(self) -> Supervisor:
        if not hasattr(self, "timers"):
            self.real = Clock()
            self.cloud = ChatCloud(self.real, self.concurrency + self.kind.visitors)
            self.cloud.listed = self.kind.listed
            if self.kind.visitors:
                self.cloud.put(ROOM, "visitor", age_s=3 * 3600)
            self.kept = KeptNotes()
            self.notes = self.kept
            self.timers = Timers(self)
        self.life.left = 0
        cloud, notes, bus, timers = (
            Mortal(port, self.life) for port in (self.cloud, self.kept, self.bus, self.timers)
        )
        self.supervisor = Supervisor(
            *(self.plans, cloud, notes, bus, self.tally, self.tally, self.clock),
            timers=timers,
            alerts=self.alarms,
        )
        shared = [plan.room for plan in self.plans if plan.shared]
        self.keeper = StopTimerKeeper(timers, cloud, self.supervisor.wanted, self.clock, shared=shared)
        return self.supervisor

    def forward(self, seconds: float) -> None:
        self.clock.forward(seconds)
        self.real.forward(seconds)

    async def live(self, seconds: float, every_s: float = 2.0) -> None:
        """All paths at their pace; who dies is started again."""
        passed = 0.0
        while passed < seconds:
            await self.survive(self.supervisor.reconcile_once())
            await self.survive(self.keeper.turn())
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
        at = datetime.fromtimestamp(self.clock() / 1000 - ago_s, UTC)
        return any(one.start <= at < one.end for one in self.plans[0].sessions if one.start and one.end)

    @property
    def known(self) -> list[str]:
        """Our running jobs whose id livecue was ever told."""
        return [job_id for job_id in self.ours if job_id in self.kept.noted]


class Chats(RuleBasedStateMachine):
    """What may happen, in any order."""

    kind: ClassVar[Kind]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.stage = Stage(self.kind)

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

    @rule(link=st.sampled_from(range(6)), state=st.sampled_from([JobState.PROCESSING, JobState.HEARTBEAT]))
    def terminals_come_and_go(self, link: int, state: JobState) -> None:
        self.stage.cloud.link = ChatLink(link, "CN", "192.0.2.7:443")
        for job_id in self.stage.ours:
            self.stage.cloud.become(job_id, state)

    @rule(state=st.sampled_from([JobState.FAILED, JobState.CANCELED, JobState.SUCCEED]))
    @precondition(lambda self: self.stage.ours)
    def a_job_is_lost(self, state: JobState) -> None:
        for job_id in self.stage.ours:
            self.stage.cloud.become(job_id, state, "MSS.20010116")

    @rule()
    def all_is_well_again(self) -> None:
        stage = self.stage
        stage.life.left = 0
        stage.cloud.fault = lambda *_: None
        stage.cloud.lose_answer = lambda: False
        stage.notes.down = stage.bus.down = stage.timers.down = False
        self.loop.run(stage.live(TOLERANCE_S))
        if not any(stage.wanted(ago) for ago in range(0, TOLERANCE_S + 1, 2)):
            assert stage.known == [], "a job beyond its stop"
            assert stage.ours == [] or not self.kind.listed, "a lost job that could have been looked up"
        within_s = 240 if self.kind.listed else BLIND_S
        self.loop.run(stage.live(within_s))
        if all(stage.wanted(ago) for ago in range(0, TOLERANCE_S + within_s + 1, 2)):
            full = len(stage.ours) >= self.kind.concurrency
            assert len(stage.known) == 1 or (full and not self.kind.listed), "a session without its chat"

    @invariant()
    def there_is_one_known_job_at_most(self) -> None:
        assert len(self.stage.known) <= 1
        assert len(self.stage.ours) <= 1 or not self.kind.listed
        assert len(self.stage.ours) <= self.kind.concurrency

    @invariant()
    def nobody_else_is_disturbed(self) -> None:
        assert not self.kind.visitors or "visitor" in self.stage.cloud.on_air(ROOM)

    @invariant()
    def who_is_lost_for_good_was_told_of(self) -> None:
        stage = self.stage
        owned = stage.notes.stored.get(ROOM)
        lost = [job_id for job_id in stage.ours if job_id not in stage.kept.noted]
        if lost and not self.kind.listed and (owned is None or owned.job_id):
            assert AlertKind.START_LOST in stage.alarms.opened


class ListedShared(Chats):
    kind = Kind(listed=True, concurrency=4)


class ListedOwn(Chats):
    kind = Kind(listed=True, concurrency=4, unplanned=Unplanned.STOP, visitors=False)


class UnlistedOne(Chats):
    kind = Kind(listed=False, concurrency=1)


class UnlistedMany(Chats):
    kind = Kind(listed=False, concurrency=9)


for machine in (ListedShared, ListedOwn, UnlistedOne, UnlistedMany):
    machine.TestCase.settings = settings(
        max_examples=20,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
test_with_a_list_beside_others = ListedShared.TestCase
test_with_a_list_in_a_room_of_its_own = ListedOwn.TestCase
test_without_a_list_where_the_room_takes_one_job = UnlistedOne.TestCase
test_without_a_list_where_the_room_takes_many = UnlistedMany.TestCase
