"""What a replica knows of the others, what it wants written, and how many partitions are its share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from livecue.runtime.lease_ports import Lease, Member


class Why(StrEnum):
    """What a write on a member's record is for."""

    JOIN = "join"
    BEAT = "beat"
    EVICT = "evict"
    LEAVE = "leave"


class MemberWrite(NamedTuple):
    """Write `member` over the record of `replica`, if it still has this revision."""

    why: Why
    replica: str
    member: Member
    revision: int


class TableWrite(NamedTuple):
    """Write the whole table, if it still has this revision."""

    table: Mapping[str, Lease]
    revision: int


Write = MemberWrite | TableWrite


@dataclass
class Seen:
    """A member's record, and since when it is known to stand like this."""

    revision: int
    member: Member
    since_ms: int

    @property
    def term(self) -> int:
        return self.member.term or self.revision


def quotas(counts: Mapping[str, int], partitions: int) -> dict[str, int]:
    """How many partitions each replica should have: equal within 1, and who has more keeps the odd ones."""
    floor, odd = divmod(partitions, max(len(counts), 1))
    order = sorted(counts, key=lambda replica: (-counts[replica], replica))
    return {replica: floor + (place < odd) for place, replica in enumerate(order)}
