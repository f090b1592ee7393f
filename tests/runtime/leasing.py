"""A bus and replicas in virtual time: every message may be late, lost or doubled, every replica may stop."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random

from livecue.runtime.lease_ports import Held, Lease, Member, Snapshot
from livecue.runtime.lease_writes import TableWrite, Write
from livecue.runtime.leases import Lessee

PARTITIONS = 16
POLL_MS = 500
TIMEOUT_MS = 1_500


class Bucket:
    """Compare-and-set over the table and the members' records; keeps old snapshots for who reads late."""

    def __init__(self) -> None:
        self.table: Mapping[str, Lease] = {}
        self.table_revision = 0
        self.members: dict[str, tuple[int, Member]] = {}
        self.sequence = 0
        self.snapshots = [self.snapshot()]

    def snapshot(self) -> Snapshot:
        return Snapshot(dict(self.table), self.table_revision, dict(self.members))

    def put(self, write: Write) -> int | None:
        """The new revision, or None if the record had another one."""
        if isinstance(write, TableWrite):
            if write.revision != self.table_revision:
                return None
            self.sequence += 1
            self.table, self.table_revision = dict(write.table), self.sequence
        else:
            if write.revision != self.members.get(write.replica, (0, None))[0]:
                return None
            self.sequence += 1
            self.members[write.replica] = self.sequence, write.member
        self.snapshots = [*self.snapshots[-3:], self.snapshot()]
        return self.sequence


@dataclass
class Network:
    """How bad it is. Chances are per message; delays in ms."""

    loss: float = 0
    double: float = 0
    slowest_ms: int = 5
    stale: float = 0


@dataclass
class Replica:
    """A process: its clock runs from a start of its own, and goes on while it is stopped."""

    name: str
    lessee: Lessee
    clock_ms: int
    run: int = 0
    running: dict[str, Held] = field(default_factory=dict)
    stopped: bool = False
    cut: bool = False
    dead: bool = False
    waiting: int = 0
    asked: int = 0
    kept: list[Callable[[], None]] = field(default_factory=list)
    """What would have happened while it was stopped."""


class World:
    """Replicas on one bucket. `go(ms)` lets time pass; `check` is called after every event."""

    def __init__(self, seed: int) -> None:
        self.now_ms = 0
        self.random = Random(seed)
        self.network = Network()
        self.bucket = Bucket()
        self.replicas: dict[str, Replica] = {}
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    # What a test does

    def join(self, name: str) -> None:
        """Start a replica; one of the same name must have come to its end."""
        self.replicas[name] = replica = Replica(
            name, Lessee(name, PARTITIONS), self.random.randrange(1 << 40), run=self._count
        )
        self._at(0, replica, lambda: self._tick(replica))

    def crash(self, name: str) -> None:
        self.replicas.pop(name).dead = True

    def leave(self, name: str) -> None:
        self.replicas[name].lessee.leave()

    def stop(self, name: str) -> None:
        self.replicas[name].stopped = True

    def resume(self, name: str) -> None:
        replica = self.replicas[name]
        replica.stopped = False
        kept, replica.kept = replica.kept, []
        for happened in kept:
            happened()

    def go(self, ms: int) -> None:
        end = self.now_ms + ms
        while self._events and self._events[0][0] <= end:
            self.now_ms, _, happens = heapq.heappop(self._events)
            happens()
            self.check()
        self.now_ms = end
        self.check()

    # What has to hold

    def clock(self, replica: Replica) -> int:
        return self.now_ms + replica.clock_ms

    def check(self) -> None:
        """No lease may be acted on by two."""
        acting: dict[str, str] = {}
        for replica in self.replicas.values():
            now_ms = self.clock(replica)
            if not replica.lessee.valid(now_ms):
                continue
            for name, held in replica.lessee.held().items():
                if replica.lessee.holds(name, held.turn, now_ms):
                    other = acting.setdefault(name, replica.name)
                    assert other == replica.name, f"{name} is {other}'s and {replica.name}'s at {self.now_ms}"

    def share(self) -> dict[str, int]:
        """How many partitions each replica has."""
        return {
            replica.name: sum(name.startswith("p-") for name in replica.lessee.held())
            for replica in self.replicas.values()
        }

    # How it comes about

    def _at(self, in_ms: int, replica: Replica | None, happens: Callable[[], None]) -> None:
        def now() -> None:
            if replica is None:
                happens()
            elif not replica.dead:
                (replica.kept.append if replica.stopped else lambda do: do())(happens)

        self._count += 1
        heapq.heappush(self._events, (self.now_ms + in_ms, self._count, now))

    def _delay(self) -> int:
        return self.random.randint(0, self.network.slowest_ms)

    def _lost(self, replica: Replica) -> bool:
        return replica.cut or self.random.random() < self.network.loss

    def _tick(self, replica: Replica) -> None:
        """What the keeper does in one round, up to its first wait."""
        replica.asked += 1
        asked, asked_ms, lessee = replica.asked, self.clock(replica), replica.lessee

        def answered(snapshot: Snapshot | None) -> None:
            if replica.asked != asked:
                return
            replica.asked += 1
            if snapshot is None:
                lessee.failed(asked_ms)
            else:
                lessee.see(snapshot, self.clock(replica))
            self._write(replica, 6)

        self._at(TIMEOUT_MS, replica, lambda: answered(None))
        if not self._lost(replica):
            stale = self.random.random() < self.network.stale
            there, back = self._delay(), self._delay()

            def read() -> None:
                found = self.random.choice(self.bucket.snapshots) if stale else self.bucket.snapshot()
                self._at(back, replica, lambda: answered(found))

            self._at(there, None, read)

    def _write(self, replica: Replica, passes: int) -> None:
        self._follow(replica)
        lessee = replica.lessee
        writes = lessee.decide(self.clock(replica), replica.running) if passes else []
        if lessee.gone:
            self.replicas.pop(replica.name, None)
            replica.dead = True
            return
        if not writes:
            self._at(POLL_MS, replica, lambda: self._tick(replica))
            return
        sent_ms = self.clock(replica)
        left, fine = dict.fromkeys(range(len(writes)), True), [True]

        def done(number: int, revision: int | None, *, known: bool) -> None:
            if not left.pop(number, False):
                return  # after its time, or a second answer
            if not known:
                fine[0] = False
            elif revision is None:
                fine[0] = False
                lessee.refused(writes[number])
            else:
                lessee.stored(writes[number], revision, sent_ms, self.clock(replica))
            if not left:
                if fine[0]:
                    self._write(replica, passes - 1)
                else:
                    self._follow(replica)
                    self._at(POLL_MS, replica, lambda: self._tick(replica))

        for number, write in enumerate(writes):
            self._at(TIMEOUT_MS, replica, partial(done, number, None, known=False))
            self._send(replica, write, partial(done, number))

    def _send(self, replica: Replica, write: Write, answer: Callable[..., None]) -> None:
        def arrive(back_ms: int, *, heard: bool) -> None:
            revision = self.bucket.put(write)
            if heard:
                self._at(back_ms, replica, partial(answer, revision, known=True))

        copies = 0 if self._lost(replica) else 1 + (self.random.random() < self.network.double)
        for _ in range(copies):
            heard = not self._lost(replica)
            self._at(self._delay(), None, partial(arrive, self._delay(), heard=heard))

    def _follow(self, replica: Replica) -> None:
        """Work takes up to a second to come to its end in order; what is lost is cut off sooner."""
        lessee = replica.lessee
        wanted, held = lessee.wanted(), lessee.held()
        for name, one in list(replica.running.items()):
            if wanted.get(name) == one:
                continue
            most = 1_000 if held.get(name) == one else 100
            if self.random.random() < 0.3:
                replica.running.pop(name)
            else:
                in_ms = self.random.randint(1, most)
                self._at(in_ms, replica, partial(self._over, replica, name, one))
        for name, one in wanted.items():
            if name not in replica.running and lessee.valid(self.clock(replica)):
                replica.running[name] = one

    def _over(self, replica: Replica, name: str, one: Held) -> None:
        wanted = replica.lessee.wanted()
        if replica.running.get(name) == one and wanted.get(name) != one:
            replica.running.pop(name)
