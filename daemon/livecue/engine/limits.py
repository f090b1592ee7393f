"""How much a room's state may hold. Beyond it the oldest entries are forgotten, and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

V = TypeVar("V")


class Limits(msgspec.Struct, frozen=True):
    """Entries of one room, over all its rules; each at least 1.

    `users_per_room`: viewers remembered for per_user_cooldown_s, and as many totals of single
    viewers. `distinct_users`: viewers counted for distinct_users. `dedup_entries`: questions
    remembered for dedup_s. `combos`: combos open at a time.
    """

    users_per_room: int = 5000
    distinct_users: int = 2000
    dedup_entries: int = 1000
    combos: int = 500


DEFAULT_LIMITS = Limits()


def keep_within(shelves: Iterable[dict[str, V]], most: int, at_ms: Callable[[V], int]) -> int:
    """Forget the oldest entries of all `shelves` together until they are at most `most`; how many those were.

    Each shelf is in the order of time, `at_ms` is an entry's.
    """
    filled = [shelf for shelf in shelves if shelf]
    excess = sum(map(len, filled)) - most
    for _ in range(excess):
        if not filled:
            break
        oldest = min(filled, key=lambda shelf: at_ms(next(iter(shelf.values()))))
        del oldest[next(iter(oldest))]
        filled = [shelf for shelf in filled if shelf]
    return max(excess, 0)
