"""One replica's part in sharing out the leases. Pure: time is an argument, in ms of a clock that never steps
and goes on while the process is stopped; what is to be written comes out as data.

A replica that has not been seen to change its record for `TTL_MS` may be declared gone, by compare-and-set
on just that record. A replica counts on its leases only for `HOLD_MS` after it *sent* a sign of life that was
acknowledged. So whoever takes a lease does so when the one before has stopped, whatever was late or lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from livecue.runtime.lease_ports import TENANT, Held, Lease, Member, Snapshot, partition_lease
from livecue.runtime.lease_writes import MemberWrite, Seen, TableWrite, Why, Write, quotas

TTL_MS: Final = 6_000
HOLD_MS: Final = 4_000
BEAT_MS: Final = 1_500
_MOVES: Final = 2  # partitions on their way to another replica at a time


class Lessee:
    """What one replica knows and holds. `decide` says what to write now; tell it with `stored`, `refused` or
    not at all (nobody knows) how that went, and with `see` what the bus says.
    """

    def __init__(self, me: str, partitions: int) -> None:
        self.me = me
        self._partitions = [partition_lease(number) for number in range(partitions)]
        self._names = [TENANT, *self._partitions]
        self._leaving = False
        self._reset()

    def _reset(self) -> None:
        self._table: dict[str, Lease] = {}
        self._table_revision = 0
        self._members: dict[str, Seen] = {}
        self._strangers: dict[str, int] = {}
        self._own_revision = 0
        self._not_before_ms: int | None = None
        self._lose_term()

    def _lose_term(self) -> None:
        self._term = 0
        self._beat = self._beat_revision = 0
        self._beat_sent_ms = 0
        self._valid_until_ms: int | None = None
        self._failed_ms: int | None = None
        self._doubt = False
        self._given: dict[str, int] = {}
        self._contested: dict[str, int] = {}
        self._moving: set[str] = set()

    # What is ours

    def held(self) -> dict[str, Held]:
        """The leases that the bus says are ours, and that were not given back."""
        return {
            name: Held(lease.turn, self._contested.get(name) == lease.turn)
            for name, lease in self._table.items()
            if self._is_ours(name, lease)
        }

    def wanted(self) -> dict[str, Held]:
        """Those of `held` that are not about to be given back."""
        return {} if self._leaving else {n: one for n, one in self.held().items() if n not in self._moving}

    def valid(self, now_ms: int) -> bool:
        """Whether what is held may be acted on now."""
        return self._valid_until_ms is not None and now_ms < self._valid_until_ms

    def holds(self, name: str, turn: int, now_ms: int) -> bool:
        """Whether this very taking of the lease may be acted on now."""
        return self.valid(now_ms) and self._has(name, turn)

    def holds_blindly(self, name: str, turn: int, now_ms: int) -> bool:
        """The same, or nobody can say: since the lease ran out the bus was asked and gave no answer.

        For what harms less if two do it than if nobody does.
        """
        if not self._has(name, turn) or self._valid_until_ms is None:
            return False
        cut_off = self._failed_ms is not None and self._failed_ms >= self._valid_until_ms
        return self.valid(now_ms) or cut_off

    def _has(self, name: str, turn: int) -> bool:
        lease = self._table.get(name)
        return lease is not None and lease.turn == turn and self._is_ours(name, lease)

    def _is_ours(self, name: str, lease: Lease) -> bool:
        return self._is_mine(lease) and self._given.get(name) != lease.turn

    def _is_mine(self, lease: Lease) -> bool:
        return bool(self._term) and lease.term == self._term and lease.holder == self.me

    @property
    def leaving(self) -> bool:
        """Whether `leave` was called."""
        return self._leaving

    @property
    def gone(self) -> bool:
        """It has left: there is nothing more to write."""
        return self._leaving and not self._term

    def gave(self, name: str, turn: int) -> bool:
        """Whether this taking of the lease was given back, and not lost."""
        return self._leaving or self._given.get(name) == turn

    def leave(self) -> None:
        """Give everything back as soon as its work is over, then go."""
        self._leaving = True

    # What the bus says

    def see(self, snapshot: Snapshot, now_ms: int) -> None:
        """Take in what the bus says now; what is older than what is known is passed over."""
        self._failed_ms = None
        if snapshot.revision > self._table_revision:
            self._table, self._table_revision = dict(snapshot.table), snapshot.revision
        for replica, (revision, member) in snapshot.members.items():
            self._note(replica, revision, member, now_ms)
        self._own_revision = snapshot.members[self.me][0] if self.me in snapshot.members else 0
        self._mind_self()
        holders = {lease.holder for lease in self._table.values() if lease.holder}
        self._strangers = {
            holder: self._strangers.get(holder, now_ms) for holder in holders - self._members.keys()
        }

    def _note(self, replica: str, revision: int, member: Member, now_ms: int) -> None:
        known = self._members.get(replica)
        if known is None or revision > known.revision:
            self._members[replica] = Seen(revision, member, now_ms)

    def _mind_self(self) -> None:
        """Another term of ours, or the word that this one is over, ends it. A beat may have been stored unheard."""
        seen, doubt = self._members.get(self.me), self._doubt
        self._doubt = False
        if not self._term or seen is None:
            return
        if seen.term != self._term or seen.member.gone:
            self._lose_term()
        elif doubt and self._own_revision <= self._beat_revision:
            self._lose_term()  # refused, and not because of a beat of our own
        else:
            self._beat_revision = max(self._beat_revision, seen.revision)

    def failed(self, asked_ms: int) -> None:
        """The bus, asked at `asked_ms`, gave no answer."""
        self._failed_ms = asked_ms

    def forget(self, now_ms: int) -> None:
        """The bucket was made anew: nothing in it is known. Others may count on what they held for a while."""
        crowded = len(self._alive(now_ms)) > 1
        self._reset()
        self._not_before_ms = now_ms + HOLD_MS if crowded else None

    # What is to be written

    def decide(self, now_ms: int, running: Collection[str]) -> list[Write]:
        """What to write now; `running`: the leases whose work is not over yet. Empty: nothing to do."""
        if not self._term:
            return [] if self._leaving else [MemberWrite(Why.JOIN, self.me, Member(), self._own_revision)]
        if self._leaving and not running:
            over = Member(self._term, gone=True)
            return [MemberWrite(Why.LEAVE, self.me, over, self._beat_revision)]
        writes: list[Write] = []
        if not self.valid(now_ms) or now_ms - self._beat_sent_ms >= BEAT_MS:
            beat = Member(self._term, beat=self._beat + 1)
            writes.append(MemberWrite(Why.BEAT, self.me, beat, self._beat_revision))
        if not self.valid(now_ms):
            return writes
        writes += self._evictions(now_ms)
        self._choose_moves(now_ms)
        table = self._new_table(now_ms, running)
        if table != self._table:
            writes.append(TableWrite(table, self._table_revision))
        return writes

    def _evictions(self, now_ms: int) -> Iterator[MemberWrite]:
        for replica, seen in self._members.items():
            silent = now_ms - seen.since_ms >= TTL_MS
            if replica != self.me and not seen.member.gone and silent:
                yield MemberWrite(Why.EVICT, replica, Member(seen.term, gone=True), seen.revision)
        for replica, since_ms in self._strangers.items():
            if replica != self.me and now_ms - since_ms >= TTL_MS:
                last = max(lease.term for lease in self._table.values() if lease.holder == replica)
                yield MemberWrite(Why.EVICT, replica, Member(last, gone=True), 0)

    def _alive(self, now_ms: int) -> set[str]:
        """Replicas that partitions may be left to."""
        others = {
            replica
            for replica, seen in self._members.items()
            if not seen.member.gone and now_ms - seen.since_ms < TTL_MS
        }
        return others | {self.me}

    def _quota(self, now_ms: int) -> int:
        counts = dict.fromkeys(self._alive(now_ms), 0)
        for name in self._partitions:
            lease = self._table.get(name, Lease())
            if lease.holder in counts and not self._is_free(name, lease):
                counts[lease.holder] += 1
        return quotas(counts, len(self._partitions))[self.me]

    def _choose_moves(self, now_ms: int) -> None:
        """A few of the partitions that are too many here; others follow once these are given back."""
        ours = self.held()
        if self._leaving:
            self._moving = set(ours)
            return
        mine = [name for name in self._partitions if name in ours]
        most = min(len(mine) - self._quota(now_ms), _MOVES)
        kept = [name for name in mine if name in self._moving]
        fresh = [name for name in reversed(mine) if name not in self._moving]
        self._moving = set((kept + fresh)[: max(most, 0)])

    def _new_table(self, now_ms: int, running: Collection[str]) -> dict[str, Lease]:
        for name in self._moving - set(running):
            self._given[name] = self._table[name].turn  # from here on it is not ours, stored or not
        table = {name: self._without_given(name) for name in self._names}
        if not self._leaving and (self._not_before_ms is None or now_ms >= self._not_before_ms):
            ours = self.held()
            wants = self._quota(now_ms) - sum(name in ours for name in self._partitions)
            for name in self._names:
                if name in running or name in self._moving or not self._is_free(name, table[name]):
                    continue  # work of an earlier turn must be over first
                if name == TENANT or wants > 0:
                    wants -= name != TENANT
                    table[name] = self._take(name, table[name])
        return table if self._table or any(lease.holder for lease in table.values()) else self._table

    def _without_given(self, name: str) -> Lease:
        lease = self._table.get(name, Lease())
        given = self._is_mine(lease) and self._given.get(name) == lease.turn
        return Lease(turn=lease.turn) if given else lease

    def _take(self, name: str, before: Lease) -> Lease:
        turn = before.turn + 1
        if before.holder not in {"", self.me}:
            self._contested[name] = turn
        return Lease(self.me, self._term, turn)

    def _is_free(self, name: str, lease: Lease) -> bool:
        if not lease.holder:
            return True
        if self._is_mine(lease):
            return self._given.get(name) == lease.turn
        # An older term of a replica is over, and a term that is over stays so: what is read late is no lie.
        seen = self._members.get(lease.holder)
        if seen is None:
            return False
        return seen.term > lease.term or (seen.term == lease.term and seen.member.gone)

    # How it went

    def stored(self, write: Write, revision: int, sent_ms: int, now_ms: int) -> None:
        """The bus has taken it, as this revision; it was sent at `sent_ms`."""
        if isinstance(write, TableWrite):
            if revision > self._table_revision:
                self._table, self._table_revision = dict(write.table), revision
            return
        self._note(write.replica, revision, write.member, now_ms)
        if write.replica != self.me:
            self._strangers.pop(write.replica, None)
            return
        self._own_revision = max(self._own_revision, revision)
        if write.why is Why.LEAVE:
            self._lose_term()
        elif write.why is Why.JOIN:
            self._lose_term()
            self._term = revision
            self._alive_since(sent_ms, revision)
        elif write.member.term == self._term:
            self._beat = write.member.beat
            self._alive_since(sent_ms, revision)

    def _alive_since(self, sent_ms: int, revision: int) -> None:
        self._beat_revision = revision
        self._beat_sent_ms = sent_ms
        self._valid_until_ms = sent_ms + HOLD_MS

    def refused(self, write: Write) -> None:
        """The record had another revision: the next `see` says why."""
        if isinstance(write, MemberWrite) and write.replica == self.me:
            self._doubt = True

    @property
    def doubts(self) -> bool:
        """Our own record is not as we left it: it may be another bucket."""
        return self._doubt
