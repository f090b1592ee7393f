"""How much a room may still say. Pure: time is an argument, in milliseconds.

A reply holds the air for seconds; the cloud takes it at once and says it when its turn comes. What is
sent and not yet spoken must stay under `max_queued_ms`, and what is spoken under `max_share` of any
minute; a single reply longer than that may go when nothing else has been said.

An insert leaves the line when the cloud calls back that it was spoken (REPLY_COMMAND_FINISH). Until
the first such callback of a job, and where one is missing, the estimate stands for it. Measured times
correct the estimate: they are the voice's speed, pauses and all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

MINUTE_MS = 60_000
_GRACE_MS = 2_000
_APPEND_WAITS_MS = 60_000  # for the end of a segment of the script
_SLOWEST, _FASTEST = 2.0, 0.5  # the voice's own range, S4: speed 50 to 200
_LEARN = 0.2


@dataclass(slots=True)
class _Insert:
    """`ms`: how long it still holds the air. `start_ms`: since when it is first in line; `exact`: that
    is known to be when it began. `parked`: it waits for the end of a segment, nobody knows how long.
    """

    command_id: str
    ms: int
    play_type: str
    learn: bool
    sent_ms: int
    start_ms: int = 0
    exact: bool = False
    whole: bool = True

    @property
    def parked(self) -> bool:
        return self.play_type == "APPEND"


class Airtime:
    """One room's, during one live job. `pace`: measured by estimated time, of an earlier job."""

    def __init__(self, max_queued_ms: int, max_share: float, pace: float = 1.0) -> None:
        self._max_queued_ms = max_queued_ms
        self._budget_ms = int(max_share * MINUTE_MS)
        self.pace = pace
        self._line: list[_Insert] = []
        self._spoken: deque[tuple[int, int]] = deque()
        self._tells = False

    def length_ms(self, seconds: float) -> int:
        """What the room's voice needs for what takes `seconds` at normal speed."""
        return int(seconds * 1000 * self.pace)

    def wait_ms(self, now_ms: int, seconds: float, part: float = 1.0) -> int:
        """0: something of `seconds` may be sent now; else when to ask again, at the earliest.

        `part` of the line is all that it may fill.
        """
        self._advance(now_ms)
        ms, queued = self.length_ms(seconds), self.queued_ms(now_ms)
        line = queued - max(int(self._max_queued_ms * part) - ms, 0)
        return max(line, self._until_share(now_ms, queued, ms), 0)

    def queued_ms(self, now_ms: int) -> int:
        """Inserted speech that the cloud has and has not spoken, as far as is known."""
        return sum(self._remaining(at, now_ms) for at in range(len(self._line)))

    def spoken_ms(self, now_ms: int) -> int:
        """Inserted speech of the last minute."""
        self._advance(now_ms)
        return sum(end - max(start, now_ms - MINUTE_MS) for start, end in self._heard(now_ms))

    def sent(self, command_id: str, now_ms: int, ms: int, play_type: str, *, learn: bool = True) -> None:
        """The cloud took an insert of `ms`. `learn`: its finish says how fast the voice is."""
        self._advance(now_ms)
        insert = _Insert(command_id, ms, play_type, learn, now_ms)
        if play_type == "PLAY_NOW":
            self._interrupt(now_ms)
            self._line.insert(0, insert)
            insert.exact = True
        elif play_type == "INSERT":
            parked = sum(1 for other in self._line if other.parked)
            self._line.insert(len(self._line) - parked, insert)
        else:
            self._line.append(insert)
        if self._line[0] is insert:
            insert.start_ms = now_ms

    def finished(self, command_id: str, now_ms: int) -> float | None:
        """The cloud called back; seconds the insert held the air if that is known exactly, else 0.

        None: no such insert is waited for.
        """
        self._tells = True  # also by a callback that came when its insert was taken to be over
        at = next((at for at, one in enumerate(self._line) if one.command_id == command_id), None)
        if at is None:
            return None
        measured = self._measured(at, now_ms)
        at = self._skip(at, now_ms)
        insert = self._line.pop(at)
        start = insert.start_ms if at == 0 and not insert.parked else now_ms - insert.ms
        self._note(start, now_ms)
        if at == 0:
            self._begin(now_ms, exact=True)
        if measured > 0 and insert.learn and insert.ms > 0:
            seen = min(max(self.pace * measured / insert.ms, _FASTEST), _SLOWEST)
            self.pace += _LEARN * (seen - self.pace)
        return measured / 1000

    def called_back(self) -> None:
        """A finish came for what was already taken to be over: the cloud does call back."""
        self._tells = True

    def _measured(self, at: int, now_ms: int) -> int:
        insert = self._line[at]
        return now_ms - insert.start_ms if at == 0 and insert.exact and insert.whole else 0

    def _skip(self, at: int, now_ms: int) -> int:
        """What stands before `at` and must be over was spoken: its callback was lost."""
        while at and not self._remaining(0, now_ms):
            lost = self._line.pop(0)
            self._note(lost.start_ms, lost.start_ms + lost.ms)
            self._begin(lost.start_ms + lost.ms, exact=False)
            at -= 1
        return at

    def withdrawn(self, command_ids: Collection[str]) -> None:
        """The cloud was told to drop these, and has."""
        self._drop(command_ids, spoken=False)

    def overdue(self, now_ms: int) -> bool:
        """Whether a look at the cloud's list of unplayed inserts would say more than the estimate."""
        self._advance(now_ms)
        return any(
            now_ms > insert.start_ms + insert.ms + _GRACE_MS for insert in self._line if insert.start_ms
        )

    def unplayed(self, listed: Collection[str], now_ms: int) -> int:
        """The cloud lists these as unplayed; how many inserts turned out to have been spoken."""
        gone = [
            insert.command_id
            for at, insert in enumerate(self._line)
            if insert.command_id not in listed and not (at == 0 and self._speaks(insert, now_ms))
        ]
        self._drop(gone, spoken=True, now_ms=now_ms)
        for insert in self._line:
            if insert.command_id in listed:
                insert.start_ms, insert.exact = (now_ms, False) if insert.start_ms else (0, False)
        return len(gone)

    def speaking(self, now_ms: int) -> str:
        """What is taken to be on the air now, empty if nothing is."""
        first = self._line[0] if self._line else None
        return first.command_id if first is not None and self._speaks(first, now_ms) else ""

    def sent_ms(self, command_id: str) -> int | None:
        """When the cloud took it; None if it is not waited for."""
        return next((one.sent_ms for one in self._line if one.command_id == command_id), None)

    @property
    def command_ids(self) -> list[str]:
        """What is not known to have been spoken, in the order it will be."""
        return [insert.command_id for insert in self._line]

    def _stands(self, insert: _Insert) -> bool:
        """Nobody knows whether it has begun: only the cloud can tell, and it does."""
        return insert.parked and self._tells

    def _speaks(self, insert: _Insert, now_ms: int) -> bool:
        """Whether the first in line is taken to be on the air now."""
        return not self._stands(insert) and now_ms < insert.start_ms + insert.ms

    def _heard(self, now_ms: int) -> list[tuple[int, int]]:
        """When inserts were spoken, what is on the air now so far among them."""
        heard = list(self._spoken)
        if self._line and not self._stands(self._line[0]) and now_ms > self._line[0].start_ms:
            first = self._line[0]
            heard.append((first.start_ms, min(now_ms, first.start_ms + first.ms)))
        return heard

    def _remaining(self, at: int, now_ms: int) -> int:
        insert = self._line[at]
        if at or self._stands(insert):
            return insert.ms
        return max(0, insert.ms - max(0, now_ms - insert.start_ms))

    def _advance(self, now_ms: int) -> None:
        """Let what must be over by now be spoken, and forget what was a minute ago."""
        while self._line:
            insert = self._line[0]
            end = insert.start_ms + insert.ms
            if end + self._patience_ms(insert) > now_ms:
                break
            self._line.pop(0)
            self._note(insert.start_ms, end)
            self._begin(end, exact=False)
        while self._spoken and self._spoken[0][1] <= now_ms - MINUTE_MS:
            self._spoken.popleft()

    def _patience_ms(self, insert: _Insert) -> int:
        if not self._tells:
            return 0
        return _APPEND_WAITS_MS if insert.parked else _GRACE_MS + insert.ms // 2

    def _begin(self, now_ms: int, *, exact: bool) -> None:
        if self._line:
            first = self._line[0]
            first.start_ms = max(now_ms, first.sent_ms)
            first.exact = exact and not first.parked

    def _interrupt(self, now_ms: int) -> None:
        """PLAY_NOW cuts what is being said; the rest of it is said afterwards."""
        if self._line and not self._stands(self._line[0]):
            cut = self._line[0]
            said = min(max(0, now_ms - cut.start_ms), cut.ms)
            if said:
                self._note(cut.start_ms, cut.start_ms + said)
            cut.ms, cut.start_ms, cut.whole = cut.ms - said, 0, False

    def _drop(self, command_ids: Collection[str], *, spoken: bool, now_ms: int = 0) -> None:
        first = self._line[0] if self._line else None
        for insert in [one for one in self._line if one.command_id in command_ids]:
            self._line.remove(insert)
            if spoken:
                self._note(now_ms - insert.ms, now_ms)
        if self._line and self._line[0] is not first and not self._line[0].start_ms:
            self._begin(now_ms or (first.start_ms if first else 0), exact=False)

    def _note(self, start_ms: int, end_ms: int) -> None:
        if end_ms > start_ms:
            self._spoken.append((start_ms, end_ms))

    def _until_share(self, now_ms: int, queued_ms: int, ms: int) -> int:
        """When the minute that would end with this reply holds no more than the room's share.

        Inserts are spoken one after another, so the minutes that end with one are the fullest.
        """
        budget = self._budget_ms - queued_ms - ms
        ahead = queued_ms + ms - MINUTE_MS
        heard = self._heard(now_ms)
        for start, end in sorted(heard, reverse=True):
            length = end - max(start, now_ms + ahead) if now_ms + ahead > start else end - start
            if length <= 0:
                return 0
            if length > budget:
                # From this point of the past on, what was said is as much as there is room for.
                return max(0, end - max(budget, 0) - ahead - now_ms)
            budget -= length
        if budget < 0 and queued_ms and not heard:
            return min(queued_ms, -budget)
        return 0
