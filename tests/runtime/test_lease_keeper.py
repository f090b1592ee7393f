"""The keeper when the bus does not answer: nothing is torn down, stops go on, and it can still end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from livecue.runtime.health import HealthBoard
from livecue.runtime.lease_keeper import LeaseKeeper
from livecue.runtime.lease_ports import TENANT, Held, Lease, Member, Snapshot, StaleRecordError
from livecue.runtime.leases import HOLD_MS, Lessee
from livecue.runtime.memory import Tally
from livecue.runtime.ports import BusError, Count
from runtime.making import until


class Store:
    """A bucket in memory that can be away; `slow_s` holds up the next read."""

    def __init__(self) -> None:
        self.away = False
        self.hold: asyncio.Event | None = None
        self.sequence = 0
        self.table: tuple[Mapping[str, Lease], int] = ({}, 0)
        self.members: dict[str, tuple[int, Member]] = {}
        self.name = "first"

    def check(self) -> None:
        if self.away:
            raise BusError("the bus is away")

    async def created(self) -> str:
        self.check()
        return self.name

    async def snapshot(self) -> Snapshot:
        if self.hold is not None:
            await self.hold.wait()
        self.check()
        return Snapshot(*self.table, dict(self.members))

    def _next(self, has: int, revision: int) -> int:
        self.check()
        if has != revision:
            raise StaleRecordError("another revision")
        self.sequence += 1
        return self.sequence

    async def put_member(self, replica: str, member: Member, revision: int) -> int:
        seq = self._next(self.members.get(replica, (0,))[0], revision)
        self.members[replica] = seq, member
        return seq

    async def put_table(self, table: Mapping[str, Lease], revision: int) -> int:
        seq = self._next(self.table[1], revision)
        self.table = dict(table), seq
        return seq


class Works:
    """Work that ends when it is told to, or never."""

    def __init__(self) -> None:
        self.units: dict[str, Held] = {}
        self.stubborn = False

    def running(self) -> frozenset[str]:
        return frozenset(self.units)

    def follow(self, wanted: Mapping[str, Held], held: Mapping[str, Held]) -> None:
        assert wanted.keys() <= held.keys()
        if not self.stubborn:
            self.units = dict(wanted)


class Stage:
    def __init__(self) -> None:
        self.store, self.works, self.meter, self.health = Store(), Works(), Tally(), HealthBoard()
        self.clock_ms = 0
        self.keeper = LeaseKeeper(
            self.store, Lessee("a", 2), self.works, lambda: self.clock_ms, self.meter, self.health
        )

    async def run(self) -> asyncio.Task[None]:
        running = asyncio.create_task(self.keeper.run())
        await until(lambda: len(self.works.units) == 3)
        await self.keeper.settled.wait()
        return running

    def valid(self) -> tuple[bool, bool]:
        turn = self.works.units[TENANT].turn
        return self.keeper.holds(TENANT, turn), self.keeper.holds_blindly(TENANT, turn)


async def test_while_the_bus_is_away_the_work_goes_on_but_for_what_would_have_to_be_undone() -> None:
    stage = Stage()
    running = await stage.run()
    assert stage.valid() == (True, True)
    stage.store.away = True
    stage.clock_ms += 1_600
    stage.keeper.wake()
    await asyncio.sleep(0.05)
    assert stage.health.parts() == {"leases": "ok"}  # one beat that failed is nothing yet
    stage.clock_ms += HOLD_MS
    stage.keeper.wake()
    await until(lambda: stage.health.parts() == {"leases": "the bus is away"})
    assert stage.valid() == (False, True)
    assert len(stage.works.units) == 3
    stage.store.away = False
    stage.keeper.wake()
    await until(lambda: stage.valid() == (True, True))
    assert stage.health.parts() == {"leases": "ok"}
    assert stage.meter.counts[Count.LEASE_CHANGES, "taken"] == 3
    assert not stage.meter.counts[Count.LEASE_CHANGES, "lost"]
    running.cancel()


async def test_who_wakes_from_being_stopped_stops_nothing_before_the_bus_was_asked() -> None:
    stage = Stage()
    running = await stage.run()
    stage.store.hold = asyncio.Event()
    stage.keeper.wake()
    await asyncio.sleep(0.05)  # a look is out when the process is stopped
    stage.clock_ms += 12_000
    assert stage.valid() == (False, False)
    stage.store.away = True
    stage.store.hold.set()
    stage.store.hold = None
    await asyncio.sleep(0.05)
    assert stage.valid() == (False, False)  # that one was asked before the lease ran out
    stage.keeper.wake()
    await until(lambda: stage.valid() == (False, True))
    running.cancel()


async def test_who_was_declared_gone_ends_its_work_and_joins_again() -> None:
    stage = Stage()
    running = await stage.run()
    turn = stage.works.units[TENANT].turn
    seq, member = stage.store.members["a"]
    stage.store.sequence += 1
    stage.store.members["a"] = stage.store.sequence, Member(member.term or seq, gone=True)
    stage.keeper.wake()
    await until(lambda: stage.works.units.get(TENANT, Held(0)).turn > turn)
    assert not stage.keeper.holds(TENANT, turn)
    assert stage.keeper.holds(TENANT, turn + 1)
    assert stage.meter.counts[Count.LEASE_CHANGES, "lost"] == 3
    running.cancel()


async def test_it_ends_though_the_bus_is_away_but_not_before_its_work() -> None:
    stage = Stage()
    running = await stage.run()
    stage.store.away = stage.works.stubborn = True
    stage.keeper.leave()
    await asyncio.sleep(0.7)
    assert not running.done()
    stage.works.stubborn = False
    began = time.monotonic()
    stage.keeper.wake()
    await asyncio.wait_for(running, 5)
    assert time.monotonic() - began < 1
