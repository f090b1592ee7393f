"""Work comes and goes with its lease; what the tenant's may do when the lease is not valid."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from livecue.app.loops import AuditWhileHeld
from livecue.app.tenant import TenantWork
from livecue.app.works import LeasedWorks, StoppedError
from livecue.runtime.lease_ports import Held
from livecue.runtime.memory import MemoryBus
from livecue.runtime.ports import AuditEntry, BusError, Outcome


class Job:
    """Work that notes how it ended."""

    def __init__(self, name: str, diary: list[str]) -> None:
        self._name = name
        self._diary = diary
        self.ends = asyncio.Event()

    async def run(self) -> None:
        self._diary.append(f"{self._name} begins")
        try:
            await self.ends.wait()
            self._diary.append(f"{self._name} ends in order")
        except asyncio.CancelledError:
            self._diary.append(f"{self._name} is cut off")
            raise

    def stop(self) -> None:
        self.ends.set()


class Stage:
    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.diary: list[str] = []
        self.jobs: list[Job] = []
        self.over = 0
        self.works = LeasedWorks(group, self._make, self._over)

    def _make(self, name: str, held: Held) -> Job:
        self.jobs.append(Job(f"{name}/{held.turn}", self.diary))
        return self.jobs[-1]

    def _over(self) -> None:
        self.over += 1

    async def follow(self, wanted: dict[str, Held], held: dict[str, Held] | None = None) -> None:
        self.works.follow(wanted, wanted if held is None else held)
        for _ in range(5):
            await asyncio.sleep(0)


async def test_work_begins_with_the_lease_ends_in_order_before_it_is_given_back_and_at_once_if_lost() -> None:
    async with asyncio.TaskGroup() as group:
        stage = Stage(group)
        both = {"p-0": Held(1), "p-1": Held(1)}
        await stage.follow(both)
        await stage.follow(both)
        assert stage.works.running() == {"p-0", "p-1"}
        await stage.follow({"p-0": Held(1)}, both)
        assert stage.works.running() == {"p-0"}
        await stage.follow({})
        assert stage.works.running() == frozenset()
    assert stage.diary == ["p-0/1 begins", "p-1/1 begins", "p-1/1 ends in order", "p-0/1 is cut off"]
    assert stage.over == 2


async def test_a_lease_that_was_lost_and_taken_again_is_begun_afresh() -> None:
    async with asyncio.TaskGroup() as group:
        stage = Stage(group)
        await stage.follow({"tenant": Held(1)})
        await stage.follow({"tenant": Held(2)})
        await stage.follow({"tenant": Held(2)})
        stage.works.cut("tenant")
        await stage.follow({"tenant": Held(2)})
        await stage.follow({"tenant": Held(2)})
        assert stage.works.running() == {"tenant"}
        await stage.follow({})
    assert stage.diary == [
        *("tenant/1 begins", "tenant/1 is cut off", "tenant/2 begins", "tenant/2 is cut off"),
        *("tenant/2 begins", "tenant/2 is cut off"),
    ]


class Deaf:
    """Work in which the first cancellation is lost."""

    def __init__(self) -> None:
        self.lost = self.stopped = False

    async def run(self) -> None:
        while not self.stopped:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                if self.lost:
                    raise
                self.lost = True

    def stop(self) -> None:
        self.stopped = True


async def test_work_that_loses_its_cancellation_ends_all_the_same() -> None:
    over = asyncio.Event()
    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        works = LeasedWorks(group, lambda *_: Deaf(), over.set)
        works.follow({"tenant": Held(1)}, {"tenant": Held(1)})
        await asyncio.sleep(0)
        works.follow({}, {})
        await over.wait()
        assert works.running() == frozenset()


async def test_work_that_ends_by_itself_ends_the_daemon() -> None:
    async def daemon() -> None:
        async with asyncio.TaskGroup() as group:
            stage = Stage(group)
            await stage.follow({"p-0": Held(1)})
            stage.jobs[0].ends.set()

    with pytest.raises(ExceptionGroup) as caught:
        await daemon()
    assert caught.group_contains(StoppedError)


@pytest.mark.parametrize(
    ("valid", "cut_off", "allowed"),
    [
        (True, False, {"GET show", "POST stop", "POST stop_chat", "POST start", "POST command"}),
        (False, True, {"GET show", "POST stop", "POST stop_chat"}),
        (False, False, {"GET show"}),
    ],
)
def test_without_a_valid_lease_nothing_is_changed_but_jobs_are_stopped_while_the_bus_is_away(
    *, valid: bool, cut_off: bool, allowed: set[str]
) -> None:
    nothing: Any = None
    work = TenantWork(nothing, lambda: valid, lambda: valid or cut_off, lambda: None)
    asked = ["GET show", "POST stop", "POST stop_chat", "POST start", "POST command"]
    assert {one for one in asked if work.may(one.split()[1], one.split()[0])} == allowed


async def test_a_replica_without_a_valid_lease_claims_nothing_and_may_still_write_down_what_was() -> None:
    bus, valid = MemoryBus(), [True]
    audit = AuditWhileHeld(bus, lambda: valid[0])
    assert await audit.claim("a", AuditEntry(Outcome.SENDING, "c1", 1, attempt=1))
    valid[0] = False
    with pytest.raises(BusError, match="no valid lease"):
        await audit.claim("a", AuditEntry(Outcome.SENDING, "c2", 1, attempt=1))
    await audit.record("a", AuditEntry(Outcome.SENT, "c1", 1, attempt=1))
    assert bus.outcomes("a") == [("c1", "sending"), ("c1", "sent")]
