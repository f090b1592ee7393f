"""Leaves out likes and enters so that everything else goes in time. Pure, and the same every time.

Nobody answers the single like; danmaku, gifts, follows and viewers' numbers are never left out. What
stays is spread evenly: every k-th of the likes and every k-th of the enters, in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from livecue.domain import MAX_REPORTED, SAMPLED, ReportedEvent

Events = tuple[ReportedEvent, ...]


def sampled(events: Sequence[ReportedEvent]) -> int:
    """How many of the events could be left out."""
    return sum(event.type in SAMPLED for event in events)


def for_calls(likes: int, others: int) -> int:
    """How many likes and enters go along in the calls that the `others` need anyway, at least one."""
    calls = max(1, -(-others // MAX_REPORTED))
    return min(likes, calls * MAX_REPORTED - others)


def for_space(likes: int, others: int, most: int) -> int:
    """How many likes and enters may still wait when no more than `most` events may; at most half of them, so
    that this is not to be done again with the very next event.
    """
    return max(0, min(likes // 2, most - others))


def thin(groups: Sequence[Events], keep: int) -> list[Events]:
    """The same groups with `keep` likes and enters in all, of both kinds in proportion."""
    many = Counter(event.type for group in groups for event in group if event.type in SAMPLED)
    sieves = {}
    total, left = sum(many.values()), keep
    for kind, there in sorted(many.items()):
        share = left * there // total
        sieves[kind] = _every_kth(there, share)
        total, left = total - there, left - share
    return [
        tuple(event for event in group if event.type not in sieves or next(sieves[event.type]))
        for group in groups
    ]


def _every_kth(many: int, keep: int) -> Iterator[bool]:
    """For each of `many` whether it stays, so that `keep` do: k is many / keep, not always a whole number."""
    return ((place + 1) * keep // many > place * keep // many for place in range(many))
