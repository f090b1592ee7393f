"""Which cue goes out next. Pure: time is an argument, in milliseconds.

Gift thanks before replies before layers; within a room then the rule's priority, then the fresher
event, while replies to one moment keep their order. Between rooms turns are dealt by weight: a room
with much to say gets ahead of nobody. A gift may jump the turns, but only so many of them; among the
gifts of several rooms the one that has waited longest goes first, unless they pile up for seconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from livecue.domain import Cue, CueKind, EventType

MOMENT_MS = 2_000
"""Events this close together are equally fresh: their replies are spoken in the order they came."""

_GIFT_MOMENT_MS = 5_000  # of gifts in several rooms; in more than that, the fresher first, too
_ROUND = 1.0  # turns by which a fresher reply may overtake the room whose turn it is
_JUMPS = 8.0  # turns that a room's gifts may be ahead of the others
_SLACK = 1_000
_HOARD = 2.0  # turns that a room may save up while it cannot speak


class Rank(IntEnum):
    GIFT = 0
    REPLY = 1
    LAYER = 2


def rank_of(cue: Cue) -> Rank:
    if cue.kind is CueKind.SHOW_LAYER:
        return Rank.LAYER
    return Rank.GIFT if cue.event_type == EventType.GIFT else Rank.REPLY


@dataclass(eq=False, slots=True)
class Waiting:
    """A cue in the queue since `since_ms`; `attempt` is the one to be made next, from 1. `doubtful`: the bus did
    not say whether this attempt is claimed.
    """

    cue: Cue
    attempt: int = 1
    rank: Rank = field(init=False)
    arrival: int = 0
    gone: bool = False
    since_ms: int = 0
    doubtful: bool = False

    def __post_init__(self) -> None:
        self.rank = rank_of(self.cue)


Ready = Callable[[Cue], bool]


@dataclass(eq=False, slots=True)
class _Room:
    """`turn`: when it is this room's turn, counted in turns of a room of weight 1."""

    weight: float
    turn: float = 0.0
    spoken: list[Waiting] = field(default_factory=list)
    layers: list[Waiting] = field(default_factory=list)
    heads: list[Waiting] | None = None

    def lane(self, waiting: Waiting) -> list[Waiting]:
        self.heads = None
        return self.layers if waiting.rank is Rank.LAYER else self.spoken

    def best(self) -> list[Waiting]:
        """The next to be spoken and the next layer: a layer does not wait for the air."""
        if self.heads is None:
            self.heads = [_head(lane) for lane in (self.spoken, self.layers) if lane]
        return self.heads

    def __len__(self) -> int:
        return len(self.spoken) + len(self.layers)

    def __iter__(self) -> Iterator[Waiting]:
        yield from self.spoken
        yield from self.layers


def _head(lane: list[Waiting]) -> Waiting:
    first = min((waiting.rank, waiting.cue.priority) for waiting in lane)
    same = [waiting for waiting in lane if (waiting.rank, waiting.cue.priority) == first]
    moment = max(waiting.cue.at_ms for waiting in same) - MOMENT_MS
    return min(
        (waiting for waiting in same if waiting.cue.at_ms >= moment),
        key=lambda waiting: (waiting.cue.at_ms, waiting.arrival),
    )


class CueQueue:
    """Cues waiting to be sent, at most `per_room` of each room. `weights`: by room, 1 where not given."""

    def __init__(self, weights: Mapping[str, float] | None = None, per_room: int = 200) -> None:
        self._weights = weights or {}
        self._per_room = per_room
        self._rooms: dict[str, _Room] = {}
        self._expiries: list[tuple[int, int, Waiting]] = []
        self._turn = 0.0
        self._arrivals = 0
        self._live = 0

    def __len__(self) -> int:
        return self._live

    def waiting(self, room: str) -> list[Cue]:
        """What the room has to say, in no order."""
        return [waiting.cue for waiting in self._rooms.get(room, ())]

    def put(self, waiting: Waiting) -> Waiting | None:
        """Add a cue; the one that has to give way if the room's queue is full, else None."""
        room = self._room(waiting.cue.room)
        self._arrivals += 1
        waiting.arrival, waiting.gone = waiting.arrival or self._arrivals, False
        room.lane(waiting).append(waiting)
        self._live += 1
        heapq.heappush(self._expiries, (waiting.cue.expires_ms, self._arrivals, waiting))
        if len(self._expiries) > 2 * self._live + _SLACK:  # a flood: most of them have left again
            self._expiries = [entry for entry in self._expiries if not entry[2].gone]
            heapq.heapify(self._expiries)
        if len(room) <= self._per_room:
            return None
        # The least important, and of those the oldest: it is the first to be too late anyway.
        gone = max(room, key=lambda one: (one.rank, one.cue.priority, -one.cue.at_ms, -one.arrival))
        self._remove(gone)
        return gone

    def _room(self, key: str) -> _Room:
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = _Room(self._weights.get(key, 1.0), self._turn)
        if not len(room):
            room.turn = max(room.turn, self._turn - _HOARD)
        return room

    def _remove(self, waiting: Waiting) -> None:
        self._rooms[waiting.cue.room].lane(waiting).remove(waiting)
        waiting.gone = True
        self._live -= 1

    def expire(self, now_ms: int) -> list[Waiting]:
        """Take out every cue that is too late to be said."""
        late = []
        while self._expiries and (self._expiries[0][0] <= now_ms or self._expiries[0][2].gone):
            waiting = heapq.heappop(self._expiries)[2]
            if not waiting.gone:
                self._remove(waiting)
                late.append(waiting)
        return late

    def drop(self, room: str, which: Callable[[Cue], bool]) -> list[Waiting]:
        """Take out the room's cues that `which` names."""
        found = [waiting for waiting in self._rooms.get(room, ()) if which(waiting.cue)]
        for waiting in found:
            self._remove(waiting)
        return found

    def take(self, ready: Ready) -> Waiting | None:
        """The next cue, of a room that is ready for it; None if there is none."""
        heads = [
            (room, waiting)
            for room in self._rooms.values()
            if (waiting := next((one for one in room.best() if ready(one.cue)), None)) is not None
        ]
        if not heads:
            return None
        first = min(room.turn for room, _ in heads)
        ranked = [(_rank(waiting, room.turn - first), room, waiting) for room, waiting in heads]
        rank = min(rank for rank, _, _ in ranked)
        among = [(room, waiting) for found, room, waiting in ranked if found is rank]
        due = min(room.turn for room, _ in among) + _ROUND
        turns = [(room, waiting) for room, waiting in among if room.turn <= due]
        room, waiting = _longest_waiting(turns) if rank is Rank.GIFT else _freshest(turns)
        self._remove(waiting)
        self._turn = max(self._turn, first)
        room.turn = max(room.turn, self._turn - _HOARD) + 1 / room.weight
        return waiting

    def take_also(self, cues: list[Cue]) -> list[Waiting]:
        """Take these out as well: they go with the one just taken."""
        ids = {cue.id for cue in cues}
        rooms = dict.fromkeys(cue.room for cue in cues)
        found = [one for room in rooms for one in self._rooms.get(room, ()) if one.cue.id in ids]
        for waiting in found:
            self._remove(waiting)
        return found


def _freshest(turns: list[tuple[_Room, Waiting]]) -> tuple[_Room, Waiting]:
    """Most replies of a flood will never be said: those that are, are fresh."""
    return min(turns, key=lambda pair: (-pair[1].cue.at_ms // MOMENT_MS, pair[0].turn, pair[1].arrival))


def _longest_waiting(turns: list[tuple[_Room, Waiting]]) -> tuple[_Room, Waiting]:
    """Nearly all thanks will be said: none of them waits for those that came after it."""
    moment = max(waiting.cue.at_ms for _, waiting in turns) - _GIFT_MOMENT_MS
    return min(
        ((room, waiting) for room, waiting in turns if waiting.cue.at_ms >= moment),
        key=lambda pair: (pair[1].cue.at_ms, pair[1].arrival),
    )


def _rank(waiting: Waiting, ahead: float) -> Rank:
    return Rank.REPLY if waiting.rank is Rank.GIFT and ahead > _JUMPS else waiting.rank
