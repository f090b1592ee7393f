"""Which cue goes out next. Pure: time is an argument.

Within a room the lower rule priority goes first, then the older event. Between rooms the one that
was served least recently goes first, so that one busy room cannot use up the tenant's quota.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

from livecue.domain import Cue

_Entry = tuple[int, int, int, Cue]  # priority, at_ms, arrival


class CueQueue:
    """Cues waiting to be sent, at most `per_room` of each room."""

    def __init__(self, per_room: int = 200) -> None:
        self._per_room = per_room
        self._rooms: dict[str, list[_Entry]] = {}
        self._served: dict[str, int] = {}
        self._turn = 0
        self._arrivals = 0

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    def put(self, cue: Cue) -> Cue | None:
        """Add a cue; the one that has to give way if the room's queue is full, else None."""
        waiting = self._rooms.setdefault(cue.room, [])
        self._arrivals += 1
        heapq.heappush(waiting, (cue.priority, cue.at_ms, self._arrivals, cue))
        if len(waiting) <= self._per_room:
            return None
        # The least important, and of those the oldest: it is the first to be too late anyway.
        gone = max(waiting, key=lambda entry: (entry[0], -entry[1], -entry[2]))
        waiting.remove(gone)
        heapq.heapify(waiting)
        return gone[3]

    def expire(self, now_ms: int) -> list[Cue]:
        """Take out every cue that is too late to be said."""
        late = [
            entry for waiting in self._rooms.values() for entry in waiting if entry[3].expires_ms <= now_ms
        ]
        for room in {entry[3].room for entry in late}:
            kept = [entry for entry in self._rooms[room] if entry[3].expires_ms > now_ms]
            heapq.heapify(kept)
            self._rooms[room] = kept
        return [entry[3] for entry in sorted(late)]

    def next_expiry(self) -> int | None:
        """When the next cue becomes too late, in ms; None when nothing waits."""
        return min(
            (entry[3].expires_ms for waiting in self._rooms.values() for entry in waiting), default=None
        )

    def take(self, ready: Callable[[str], bool]) -> Cue | None:
        """The next cue of a room that is `ready` for one; None if there is none."""
        room = min(self._with_cues(ready), key=lambda key: self._served.get(key, 0), default=None)
        if room is None:
            return None
        self._turn += 1
        self._served[room] = self._turn
        entry = heapq.heappop(self._rooms[room])
        if not self._rooms[room]:
            del self._rooms[room]
        return entry[3]

    def _with_cues(self, ready: Callable[[str], bool]) -> Iterator[str]:
        return (room for room, waiting in self._rooms.items() if waiting and ready(room))
