"""What a torture has come to, judged by the records of others: pure, and it knows nothing of livecue's code.

Three records are compared: what the bus has stored (the order that counts), what the cloud was told, and
livecue's own audit, which has to give account of whatever the cloud was not told. What ought to have been
said follows from the stored events alone: the room's rules number their replies and say their total.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

TURNS = "甲乙丙丁戊"
"""What the replies to calls begin with, by turns: one decided twice or left out shifts all that follow."""

ENDS = frozenset({"sent", "finished", "expired", "no_job", "refused", "unknown", "overflow", "withdrawn"})
NOT_TOLD = ENDS - {"sent", "finished"}


class Kind(StrEnum):
    """What a viewer did. A call is answered by turns; a rocket with the gifts' total, its own included."""

    CHAT = "chat"
    CALL = "call"
    GIFT = "gift"
    ROCKET = "rocket"


@dataclass(frozen=True)
class Event:
    """`number` is the room's count of what was published; `value` that of a gift."""

    number: int
    kind: Kind
    value: int = 0


@dataclass(frozen=True)
class Stored:
    """An event as the bus has it, in its order. `seq` is the place in the stream."""

    seq: int
    event: Event


@dataclass(frozen=True)
class Line:
    """One line of the audit: of a cue if `rule_index`, else of a report of `events` events."""

    subject_id: str
    outcome: str
    rule_index: str = ""
    events: int = 0

    @property
    def seq(self) -> int:
        """The place in the stream of the (first) event it is about."""
        return int(self.subject_id.partition(".")[0])


@dataclass
class RoomRecord:
    """One room. `acknowledged`: the numbers that the publisher was told are stored. `said`, `reported`: what the
    cloud has, in order. `jobs`: for each job the room has had, whether it is over.
    """

    acknowledged: Sequence[int] = ()
    stored: Sequence[Stored] = ()
    said: Sequence[str] = ()
    reported: Sequence[int] = ()
    audit: Sequence[Line] = ()
    jobs: Sequence[bool] = (False,)


@dataclass
class Record:
    """All rooms. `kills`: how often a call may have been cut off in the middle, for each room.

    `complaints`: what the cloud has to say of limits and shapes; `errors`: errors in livecue's own log.
    """

    rooms: Mapping[str, RoomRecord]
    kills: int = 0
    complaints: Sequence[str] = ()
    errors: Sequence[str] = field(default=())


def breaches(record: Record) -> list[str]:
    """Every promise that was broken; empty if all were kept."""
    found = [f"the cloud: {what}" for what in record.complaints]
    found += [f"the log: {what}" for what in record.errors]
    for key, room in record.rooms.items():
        for check in (_stored, _said, _lost_replies, _reported, _unreported, _open_ends, _jobs):
            found += [f"{key}: {what}" for what in check(room, record.kills)]
    return found


def expected(stored: Sequence[Stored]) -> dict[int, str]:
    """What must be said to which event, by its place in the stream."""
    replies: dict[int, str] = {}
    calls = total = 0
    for one in stored:
        event = one.event
        if event.kind is Kind.CALL:
            replies[one.seq] = f"{TURNS[calls % len(TURNS)]}第{event.number}号"
            calls += 1
        elif event.kind in {Kind.GIFT, Kind.ROCKET}:
            total += event.value
            if event.kind is Kind.ROCKET:
                replies[one.seq] = f"n{event.number}满{total}"
    return replies


def _stored(room: RoomRecord, kills: int) -> Iterator[str]:
    numbers = Counter(one.event.number for one in room.stored)
    for number in sorted(set(room.acknowledged) - set(numbers)):
        yield f"event {number} was acknowledged and is not on the bus"
    for number, times in numbers.items():
        if times > 1:
            yield f"event {number} is stored {times} times, though its id was the same"


def _said(room: RoomRecord, kills: int) -> Iterator[str]:
    allowed = set(expected(room.stored).values())
    for text, times in Counter(room.said).items():
        if times > 1:
            yield f"{text!r} was said {times} times"
        if text not in allowed:
            yield f"{text!r} was said: a turn or a total is wrong, or nobody asked"


def _lost_replies(room: RoomRecord, kills: int) -> Iterator[str]:
    """A reply that the cloud never got is accounted for, and such are few: what was on its way at a kill."""
    told = {line.seq for line in room.audit if line.rule_index and line.outcome in NOT_TOLD}
    said = set(room.said)
    lost = {seq: text for seq, text in expected(room.stored).items() if text not in said}
    for seq, text in lost.items():
        if seq not in told:
            yield f"{text!r} was never said, and nothing says why"
    if len(lost) > kills:
        yield f"{len(lost)} replies were lost at {kills} kills"


def _reported(room: RoomRecord, kills: int) -> Iterator[str]:
    order = {one.event.number: one.seq for one in room.stored}
    last = 0
    for number, times in Counter(room.reported).items():
        if times > 1:
            yield f"event {number} was reported {times} times"
    for number in room.reported:
        seq = order.get(number, 0)
        if not seq:
            yield f"event {number} was reported, and is not on the bus"
        elif seq < last:
            yield f"event {number} was reported after one that came later"
        last = max(last, seq)


def _unreported(room: RoomRecord, kills: int) -> Iterator[str]:
    """A report covers its first event and those after it: what was not reported lies in one that says so."""
    reported = set(room.reported)
    places = {one.seq: place for place, one in enumerate(room.stored)}
    excused: set[int] = set()
    for line in room.audit:
        if not line.rule_index and line.outcome in NOT_TOLD and line.seq in places:
            first = places[line.seq]
            excused.update(one.event.number for one in room.stored[first : first + max(line.events, 1)])
    for one in room.stored:
        number = one.event.number
        if number not in reported and number not in excused:
            yield f"event {number} has vanished: neither reported nor accounted for"


def _open_ends(room: RoomRecord, kills: int) -> Iterator[str]:
    ended = {line.subject_id for line in room.audit if line.outcome in ENDS}
    for subject_id in sorted({line.subject_id for line in room.audit} - ended):
        yield f"the audit never says what became of {subject_id}"


def _jobs(room: RoomRecord, kills: int) -> Iterator[str]:
    if len(room.jobs) != 1:
        yield f"it had {len(room.jobs)} jobs in place of one"
    if any(room.jobs):
        yield "its job was ended in mid-session"
