"""Which ask is due next. Pure: time is an argument.

Each room has a lane for callbacks and one for chats: a shop that does not answer holds up neither
its own chats nor anybody else. Between lanes the one that was served least recently goes first.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from livecue.domain import Ask, AskKind

_Lane = tuple[AskKind, str]


@dataclass(frozen=True)
class Width:
    """How much of one kind is asked at a time: of one room, of all, and how many of a room may wait."""

    at_once: int
    at_once_in_all: int
    waiting: int


WIDTHS: Mapping[AskKind, Width] = MappingProxyType(
    {AskKind.CALLBACK: Width(4, 64, 2000), AskKind.CHAT: Width(2, 32, 20)}
)


@dataclass(frozen=True)
class Waiting:
    """An ask and when it is due; `attempt` is the number of the attempt it waits for."""

    ask: Ask
    due_ms: int
    attempt: int = 1


class AskQueue:
    """Asks that wait, and how many are out."""

    def __init__(self, widths: Mapping[AskKind, Width] = WIDTHS) -> None:
        self._widths = widths
        self._lanes: dict[_Lane, list[tuple[int, int, Waiting]]] = {}
        self._out: Counter[_Lane] = Counter()
        self._out_in_all: Counter[AskKind] = Counter()
        self._served: dict[_Lane, int] = {}
        self._arrivals = 0
        self._turn = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, item: Waiting) -> bool:
        """Add an ask; False when as many wait in its room as may."""
        lane = self._lanes.setdefault((item.ask.kind, item.ask.room), [])
        if len(lane) >= self._widths[item.ask.kind].waiting:
            return False
        self._arrivals += 1
        heapq.heappush(lane, (item.due_ms, self._arrivals, item))
        return True

    def take(self, now_ms: int) -> Waiting | None:
        """The next ask that is due and has room; it is out until `give_back`."""
        ready = (key for key, lane in self._lanes.items() if lane[0][0] <= now_ms and self._has_room(key))
        key = min(ready, key=lambda key: self._served.get(key, 0), default=None)
        if key is None:
            return None
        self._turn += 1
        self._served[key] = self._turn
        item = heapq.heappop(self._lanes[key])[2]
        if not self._lanes[key]:
            del self._lanes[key]
        self._out[key] += 1
        self._out_in_all[key[0]] += 1
        return item

    def give_back(self, ask: Ask) -> None:
        """The attempt is over."""
        key = (ask.kind, ask.room)
        self._out[key] -= 1
        self._out_in_all[ask.kind] -= 1
        if not self._out[key]:
            del self._out[key]

    def next_due(self) -> int | None:
        """When the next ask that has room is due, in ms; None when there is none."""
        return min((lane[0][0] for key, lane in self._lanes.items() if self._has_room(key)), default=None)

    def _has_room(self, key: _Lane) -> bool:
        width = self._widths[key[0]]
        return self._out[key] < width.at_once and self._out_in_all[key[0]] < width.at_once_in_all
