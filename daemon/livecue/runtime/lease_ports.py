"""Who does what among the replicas of one bus: the records on the bus, and the ports around them.

No record holds a time: every replica goes by its own clock, and by what it has seen change. See
docs/decisions/0014 for why two never hold one lease.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from livecue.runtime.ports import BusError

TENANT = "tenant"
"""The one lease for everything that is once per tenant: supervisor, senders, asker, orders by hand."""

Holds = Callable[[], bool]
"""Whether the lease is held at this very moment."""


def partition_lease(number: int) -> str:
    """The name of a partition's lease."""
    return f"p-{number}"


class Lease(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who has it: a replica in one of its terms; nobody if `holder` is empty. `turn` counts its takings."""

    holder: str = ""
    term: int = 0
    turn: int = 0


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A replica's sign of life. `term` is the revision it joined with, 0 in the joining record itself.

    `gone`: this term and all before it are over, and nothing held in them is held any more. `beat` counts.
    """

    term: int = 0
    gone: bool = False
    beat: int = 0


class Snapshot(NamedTuple):
    """What the bus said; each part with the revision it had. Parts may be of different moments."""

    table: Mapping[str, Lease]
    revision: int
    """Of the table; 0: there is none yet."""
    members: Mapping[str, tuple[int, Member]]


class StaleRecordError(BusError):
    """Somebody else wrote this record meanwhile.

    Remedy: read it again; what was meant to be written may not be right any more.
    """


class LeaseStore(Protocol):
    """The bucket KV_livecue_leases. Every write is compare-and-set; a revision of 0 means: not there yet.

    The writes raise `StaleRecordError` if the record has another revision, `BusError` if nobody knows.
    """

    async def snapshot(self) -> Snapshot: ...

    async def put_member(self, replica: str, member: Member, revision: int) -> int:
        """Return the new revision. Revisions only ever grow, over all records."""

    async def put_table(self, table: Mapping[str, Lease], revision: int) -> int: ...

    async def created(self) -> str:
        """Which bucket this is: one that is made anew has another name, and counts from 1 again."""


class Held(NamedTuple):
    """A lease in our hands. `contested`: another replica had it, and may have gone without giving it back."""

    turn: int
    contested: bool = False


class Works(Protocol):
    """The work behind the leases: started and stopped as they come and go."""

    def running(self) -> frozenset[str]:
        """Leases whose work is not over yet."""

    def follow(self, wanted: Mapping[str, Held], held: Mapping[str, Held]) -> None:
        """Start what is wanted; stop in order what is held and no longer wanted, at once what is not held."""


__all__ = [
    "TENANT",
    "Held",
    "Holds",
    "Lease",
    "LeaseStore",
    "Member",
    "Snapshot",
    "StaleRecordError",
    "Works",
    "partition_lease",
]
