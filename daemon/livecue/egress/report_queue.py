"""Which events go to live-event-report next. Pure.

Rooms take turns: first comes the one that has waited longest since its last call, or since it had nothing
to report. So a room with a backlog of minutes holds up nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from livecue.domain import MAX_REPORTED, Report
from livecue.egress.sampling import Events, for_calls, for_space, sampled, thin

_CALL_CHARACTERS = 2_000_000
"""Of one call: signed bodies may have 12 MB, and a character takes up to 4 bytes."""


@dataclass(slots=True, eq=False)
class Pending:
    """A report that waits. `attempt`: the number of its next sending, from 1. `events`: what is left of it,
    `likes` of them likes and enters. `doubtful`: the bus did not say whether this attempt is claimed.
    """

    report: Report
    attempt: int = 1
    events: Events = field(init=False)
    likes: int = field(init=False)
    doubtful: bool = False

    def __post_init__(self) -> None:
        self.leave(self.report.events)

    def leave(self, events: Events) -> None:
        """Of its events only these are left."""
        self.events, self.likes = events, sampled(events)


@dataclass(slots=True)
class Cut:
    """What had to go: `left_out` likes and enters, and the reports in `gone` altogether."""

    left_out: int = 0
    gone: list[Pending] = field(default_factory=list)


@dataclass(slots=True)
class _Line:
    """What waits in one room. `likes` counts likes and enters; `since`: its turn, lower comes first."""

    since: int
    waiting: deque[Pending] = field(default_factory=deque)
    events: int = 0
    likes: int = 0

    def add(self, ones: Iterable[Pending], sign: int = 1) -> None:
        for one in ones:
            self.events += sign * len(one.events)
            self.likes += sign * one.likes

    def pop(self) -> Pending:
        one = self.waiting.popleft()
        self.add([one], -1)
        return one

    def thin(self, keep: int) -> Cut:
        """Leave out likes and enters but for `keep`; a report that holds nothing more is gone."""
        cut = Cut(self.likes - keep)
        touched = [one for one in self.waiting if one.likes]
        for one, events in zip(touched, thin([one.events for one in touched], keep), strict=True):
            one.leave(events)
        cut.gone = [one for one in touched if not one.events]
        if cut.gone:
            self.waiting = deque(one for one in self.waiting if one.events)
        self.events, self.likes = self.events - cut.left_out, keep
        return cut


class ReportQueue:
    """Reports waiting to be sent, at most `per_room` events of each room."""

    def __init__(self, per_room: int = 20 * MAX_REPORTED) -> None:
        self._per_room = per_room
        self._rooms: dict[str, _Line] = {}
        self._turns = count()

    def put(self, one: Pending) -> Cut:
        """Add a report. Of too much, likes and enters go first, only then the oldest reports."""
        line = self._line(one.report.room)
        line.waiting.append(one)
        line.add([one])
        cut = Cut()
        if line.events > self._per_room and line.likes:
            cut = line.thin(for_space(line.likes, line.events - line.likes, self._per_room))
        while line.events > self._per_room and len(line.waiting) > 1:
            cut.gone.append(line.pop())
        self._tidy(one.report.room)
        return cut

    def put_back(self, ones: list[Pending]) -> None:
        """What `take` gave could not be sent yet: it stays first."""
        if not ones:
            return
        line = self._line(ones[0].report.room)
        line.waiting.extendleft(reversed(ones))
        line.add(ones)

    def expire(self, before_ms: int) -> list[Pending]:
        """Take out what was stored before `before_ms`."""
        gone = []
        for room, line in list(self._rooms.items()):
            while line.waiting and line.waiting[0].report.at_ms < before_ms:
                gone.append(line.pop())
            self._tidy(room)
        return gone

    def drop(self, room: str, unwanted: Callable[[Report], bool]) -> list[Pending]:
        """Take out what is not wanted any more."""
        line = self._rooms.get(room)
        gone = [one for one in line.waiting if unwanted(one.report)] if line else []
        if line and gone:
            line.waiting = deque(one for one in line.waiting if not unwanted(one.report))
            line.add(gone, -1)
            self._tidy(room)
        return gone

    @property
    def waits(self) -> bool:
        """Whether anything waits at all."""
        return bool(self._rooms)

    def whose_turn(self, ready: Callable[[str], bool]) -> str | None:
        """The room whose turn it is among the ready ones."""
        rooms = (room for room in self._rooms if ready(room))
        return min(rooms, key=lambda room: self._rooms[room].since, default=None)

    def take(self, room: str) -> tuple[list[Pending], Cut]:
        """The reports of one call, oldest first. If more waits than it carries, likes and enters are thinned so
        that all the others go with as few calls as they need.
        """
        line = self._rooms.get(room)
        if line is None:
            return [], Cut()
        cut = Cut()
        keep = for_calls(line.likes, line.events - line.likes)
        if keep < line.likes:
            cut = line.thin(keep)
        taken: list[Pending] = []
        events = characters = 0
        while line.waiting:
            first = line.waiting[0].events
            events += len(first)
            characters += sum(len(event.content) for event in first)
            if taken and (events > MAX_REPORTED or characters > _CALL_CHARACTERS):
                break
            taken.append(line.pop())
        line.since = next(self._turns)
        self._tidy(room)
        return taken, cut

    def _line(self, room: str) -> _Line:
        line = self._rooms.get(room)
        if line is None:
            line = self._rooms[room] = _Line(next(self._turns))
        return line

    def _tidy(self, room: str) -> None:
        if not self._rooms[room].waiting:
            del self._rooms[room]
