"""This process among the replicas of its bus: its leases, and the work behind each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import structlog

from livecue.app.identity import lease_ms
from livecue.app.partitions import PartitionWork
from livecue.app.tenant import DRAIN_S, LIVES_S, LOOPS_S, TenantParts, TenantWork
from livecue.app.works import LeasedWorks, Work
from livecue.bus.leases import NatsLeases
from livecue.bus.ledger import NatsLedger
from livecue.bus.readers import NatsPartitions
from livecue.bus.scripts import NatsScripts
from livecue.domain import Job, Signal
from livecue.runtime.inbox import PartitionWorker
from livecue.runtime.lease_keeper import LeaseKeeper
from livecue.runtime.lease_ports import TENANT, Held, partition_lease
from livecue.runtime.leases import Lessee
from livecue.runtime.ports import BusError

log = structlog.get_logger()

_SCRIPTS_S: Final = 1.0
_NUMBERS: Final = {partition_lease(number): number for number in range(NatsPartitions.count)}


class Replica:
    """Keeps the leases from `begin` to `end`; everything that is leased runs in `group`."""

    def __init__(self, name: str, parts: TenantParts, group: asyncio.TaskGroup) -> None:
        self.name = name
        self._parts = parts
        self._group = group
        self._workers: dict[int, PartitionWorker] = {}
        self._tenant: TenantWork | None = None
        self._works = LeasedWorks(group, self._make, self._over)
        self._keeper = LeaseKeeper(
            NatsLeases(parts.bus.nc),
            Lessee(name, NatsPartitions.count),
            self._works,
            lease_ms,
            parts.meter,
            parts.health,
        )
        self._keeping: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Join the others."""
        self._keeping = self._group.create_task(self._keeper.run(), name="keep-leases")

    async def settled(self) -> None:
        """Return once every lease is held by somebody; what is not ours is no part of this replica."""
        await self._keeper.settled.wait()
        self._parts.health.report("inbox")
        if TENANT not in self._works.running():
            self._parts.health.forget("cloud")

    async def end(self, *, stop_lives: bool) -> None:
        """Bring all work to its end, with a deadline, and give the leases back."""
        if stop_lives and self._tenant is not None:
            self._tenant.stop_lives()
        self._keeper.leave()
        if self._keeping is None:
            return
        within_s = DRAIN_S + LOOPS_S + (LIVES_S if stop_lives else 0)
        _, late = await asyncio.wait({self._keeping}, timeout=within_s)
        if late:
            for name in self._works.running():
                log.warning("stop-overdue", task=name)
                self._works.cut(name)
            _, late = await asyncio.wait({self._keeping}, timeout=LOOPS_S)
        for task in late:
            task.cancel()

    def shown(self) -> Mapping[str, Any]:
        """Who this is and what it holds, for `/readyz`."""
        return {"replica": self.name, "leases": sorted(self._works.running())}

    def job(self, room: str) -> Job | None:
        """The room's live job as last seen; None where another replica has the tenant's lease."""
        loops = self._tenant.loops if self._tenant else None
        return loops.supervisor.job(room) if loops else None

    def hear(self, heard: Signal) -> None:
        """A signal was published: nobody has to wait for the next look."""
        if self._tenant is not None and self._tenant.loops is not None:
            self._tenant.loops.hear(heard)

    def workers(self) -> Iterable[PartitionWorker]:
        """Those of the partitions at work here."""
        return self._workers.values()

    def measure(self) -> None:
        """Show how far behind the partitions are, how the chats are, and what is held."""
        for worker in self._workers.values():
            self._parts.meter.lag(worker.partition, worker.lag)
        if self._tenant is not None:
            self._tenant.measure()
        held = self._works.running()
        self._parts.meter.leases(len(held - {TENANT}), TENANT in held)

    async def read_scripts(self, stop: asyncio.Event) -> None:
        """Whichever replica asked the cloud what a room's script says, all decide by it."""
        scripts, book = NatsScripts(self._parts.bus.nc), self._parts.book
        while not stop.is_set():
            try:
                told = await scripts.take(_SCRIPTS_S)
            except BusError:
                await asyncio.sleep(_SCRIPTS_S)
                continue
            for room, script in told:
                if room in book:
                    book.learn(room, script)
        await scripts.close()

    def _make(self, name: str, held: Held) -> Work:
        if name == TENANT:
            self._tenant = TenantWork(
                self._parts,
                partial(self._keeper.holds, TENANT, held.turn),
                partial(self._keeper.holds_blindly, TENANT, held.turn),
                partial(self._works.cut, TENANT),
            )
            return self._tenant
        worker = PartitionWorker(
            _NUMBERS[name],
            self._parts.book,
            NatsPartitions(self._parts.bus.nc),
            NatsLedger(self._parts.bus.nc),
            self._parts.channels,
            self._parts.meter,
            self._parts.health,
            now=self._parts.now,
            contested=held.contested,
            audit=self._parts.channels,
            shed_after_s=self._parts.loaded.settings.inbox.shed_after_s,
        )
        return PartitionWork(worker, self._workers, self._parts.health, self._parts.meter)

    def _over(self) -> None:
        self._keeper.wake()
