"""The loop that keeps a replica's leases: looks at the bus twice a second, writes what has to be written,
and lets the work follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from livecue.runtime.lease_ports import TENANT, Held, LeaseStore, StaleRecordError, Works
from livecue.runtime.lease_writes import MemberWrite, TableWrite, Why, Write
from livecue.runtime.leases import Lessee
from livecue.runtime.ports import BusError, Count, Health, Meter

log = structlog.get_logger()

_POLL_S: Final = 0.5
_PASSES: Final = 6  # join, evict, take, and what another replica's write made necessary
_FAREWELLS: Final = 2


class LeaseKeeper:
    """Runs until `leave` was called and all work is over. `mono` is a clock in ms that never steps and goes
    on while the process is stopped.
    """

    def __init__(
        self,
        store: LeaseStore,
        lessee: Lessee,
        works: Works,
        mono: Callable[[], int],
        meter: Meter,
        health: Health,
    ) -> None:
        self._store = store
        self._lessee = lessee
        self._works = works
        self._mono = mono
        self._meter = meter
        self._health = health
        self._woken = asyncio.Event()
        self._created = ""
        self._trouble = ""
        self._held: dict[str, Held] = {}
        self.settled = asyncio.Event()
        """Set once it is a member and everything it may take is taken."""

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    def leave(self) -> None:
        """Let all work come to its end, give everything back, and let `run` return."""
        self._lessee.leave()
        self.wake()

    def holds(self, name: str, turn: int) -> bool:
        """Whether this very taking of the lease may be acted on now."""
        return self._lessee.holds(name, turn, self._mono())

    def holds_blindly(self, name: str, turn: int) -> bool:
        """The same, or the bus does not answer, so that nobody can say."""
        return self._lessee.holds_blindly(name, turn, self._mono())

    async def run(self) -> None:
        """Keep the leases until they are all given back."""
        while True:
            self._woken.clear()
            await self._round()
            if self._lessee.leaving and not self._works.running():
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._woken.wait()
        for _ in range(_FAREWELLS):  # without the bus the others will find out by themselves
            writes = self._lessee.decide(self._mono(), ())
            if not writes or await self._write(writes[0]):
                return
            with suppress(BusError):
                await self._look()

    async def _round(self) -> None:
        asked_ms = self._mono()
        try:
            await self._look()
        except BusError as error:
            self._lessee.failed(asked_ms)
            self._trouble = str(error)
        else:
            self._trouble = ""
        for _ in range(_PASSES):
            self._follow()
            writes = self._lessee.decide(self._mono(), self._works.running())
            if not writes:
                break
            done = await asyncio.gather(*(self._write(write) for write in writes))
            if not all(done):
                break  # the next look says why
        else:
            return
        self._follow()
        if not writes and self._lessee.valid(self._mono()):
            self.settled.set()

    async def _look(self) -> None:
        if self._lessee.doubts or not self._created:
            created = await self._store.created()
            if self._created and created != self._created:
                log.warning("leases-made-anew", remedy="the bus has lost its data: see to its disks")
                self._lessee.forget(self._mono())
            self._created = created
        self._lessee.see(await self._store.snapshot(), self._mono())

    async def _write(self, write: Write) -> bool:
        """Whether the bus has taken it."""
        sent_ms = self._mono()
        try:
            if isinstance(write, TableWrite):
                revision = await self._store.put_table(write.table, write.revision)
            else:
                revision = await self._store.put_member(write.replica, write.member, write.revision)
        except StaleRecordError:
            self._lessee.refused(write)
            return False
        except BusError as error:
            self._trouble = str(error)
            return False
        self._lessee.stored(write, revision, sent_ms, self._mono())
        if isinstance(write, MemberWrite):
            self._say(write)
        return True

    def _say(self, write: MemberWrite) -> None:
        if write.why is Why.JOIN:
            log.info("replica-joined", replica=write.replica)
        elif write.why is Why.EVICT:
            self._meter.count(Count.LEASE_CHANGES, reason="evicted")
            log.warning(
                "replica-evicted",
                replica=write.replica,
                remedy="it has not been heard of for 6 s: see whether it is gone, stopped, or cut off from the bus",
            )

    def _follow(self) -> None:
        """Let the work follow what is held now, and count what has changed."""
        held = self._lessee.held()
        if held != self._held:
            self._count_changes(held)
            self._held = held
        self._works.follow(self._lessee.wanted(), held)
        if self._lessee.valid(self._mono()):
            self._health.report("leases")
        else:  # a look or a beat that failed is nothing yet
            self._health.report("leases", self._trouble or "not a member yet")

    def _count_changes(self, held: dict[str, Held]) -> None:
        before = self._held
        taken = [name for name, one in held.items() if before.get(name) != one]
        ended = [name for name, one in before.items() if held.get(name) != one]
        given = [name for name in ended if self._lessee.gave(name, before[name].turn)]
        lost = [name for name in ended if name not in given]
        for reason, names in (("taken", taken), ("given", given), ("lost", lost)):
            if names:
                self._meter.count(Count.LEASE_CHANGES, n=len(names), reason=reason)
        if lost:
            log.warning(
                "leases-lost", leases=lost, remedy="another replica goes on: see why this one was silent"
            )
        if taken or given:
            log.info("leases-changed", taken=taken, given=given, tenant=TENANT in held)
