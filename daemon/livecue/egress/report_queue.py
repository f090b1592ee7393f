"""Which events go to live-event-report next. Pure: time is an argument, in milliseconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from livecue.domain import MAX_REPORTED, Report


class ReportQueue:
    """Reports waiting to be sent, at most `per_room` events of each room; the oldest give way."""

    def __init__(self, per_room: int = 5 * MAX_REPORTED) -> None:
        self._per_room = per_room
        self._rooms: dict[str, deque[Report]] = {}
        self._events: dict[str, int] = {}

    def put(self, report: Report) -> list[Report]:
        """Add a report; those that had to give way."""
        waiting = self._rooms.setdefault(report.room, deque())
        waiting.append(report)
        self._events[report.room] = self._events.get(report.room, 0) + len(report.events)
        gone = []
        while self._events[report.room] > self._per_room and len(waiting) > 1:
            gone.append(self._pop(report.room))
        return gone

    def put_back(self, batch: list[Report]) -> None:
        """What `take` gave could not be sent yet: it stays first."""
        waiting = self._rooms.setdefault(batch[0].room, deque())
        waiting.extendleft(reversed(batch))
        room = batch[0].room
        self._events[room] = self._events.get(room, 0) + sum(len(report.events) for report in batch)

    def expire(self, before_ms: int) -> list[Report]:
        """Take out what was stored before `before_ms`."""
        gone = []
        for room in list(self._rooms):
            while (waiting := self._rooms.get(room)) and waiting[0].at_ms < before_ms:
                gone.append(self._pop(room))
        return gone

    def take(self, ready: Callable[[str], bool]) -> list[Report]:
        """The reports of one call: of the ready room that waits longest, up to 1000 events."""
        rooms = [room for room, waiting in self._rooms.items() if waiting and ready(room)]
        if not rooms:
            return []
        room = min(rooms, key=lambda key: self._rooms[key][0].at_ms)
        taken: list[Report] = []
        events = 0
        while (waiting := self._rooms.get(room)) and (
            not taken or events + len(waiting[0].events) <= MAX_REPORTED
        ):
            report = self._pop(room)
            events += len(report.events)
            taken.append(report)
        return taken

    def _pop(self, room: str) -> Report:
        report = self._rooms[room].popleft()
        self._events[room] -= len(report.events)
        if not self._rooms[room]:
            del self._rooms[room], self._events[room]
        return report
