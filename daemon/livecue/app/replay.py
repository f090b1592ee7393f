"""A recorded stream through rules, without a bus or a cloud: what would have been said.

A recording is a file of JSON lines `{"at_ms", "room", "body", "lane"?, "seq"?}`: what the bus stored,
in order. `body` is the message as an object, or its text in a string.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from livecue.domain import LiveEvent
from livecue.engine import DEFAULT_AGES, Ages, Decision, Program, RoomState, handle, signal
from livecue.runtime.decoding import UnreadableError, read_events, read_signal
from livecue.runtime.ports import Delivery, Lane


class RecordingError(ValueError):
    """A line of a recording cannot be read.

    Remedy: the text names the line; write one JSON object `{"at_ms": ms, "room": key, "body": {…}}` a line.
    """


class _Line(msgspec.Struct):
    at_ms: int
    room: str
    body: Any
    lane: str = Lane.EVENTS
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a set of rules made of one event."""

    replies: tuple[str, ...]
    rule: str
    suppressed: bool

    def __str__(self) -> str:
        if self.replies:
            return f"{' + '.join(self.replies)}  [{self.rule}]"
        return f"nothing, suppressed  [{self.rule}]" if self.suppressed else "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One event on which the two sets of rules do not agree."""

    at_ms: int
    room: str
    told: str
    old: Said
    new: Said


@dataclass
class Comparison:
    """Both sets of rules over one recording. `counts` are events and replies by what became of them."""

    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def read_recording(lines: Iterable[bytes]) -> Iterator[Delivery]:
    """The deliveries of a recording.

    Raises:
        RecordingError: a line is none; it says which.
    """
    decoder = msgspec.json.Decoder(_Line)
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            line = decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise RecordingError(f"line {number}: {error}") from error
        body = line.body.encode() if isinstance(line.body, str) else msgspec.json.encode(line.body)
        yield Delivery(number if line.seq is None else line.seq, line.at_ms, line.lane, line.room, body)


def write_recording(delivery: Delivery) -> bytes:
    """One line of a recording."""
    try:
        body: Any = msgspec.json.decode(delivery.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        body = delivery.body.decode(errors="replace")
    line = _Line(delivery.at_ms, delivery.room, body, delivery.lane, delivery.seq)
    return msgspec.json.encode(line) + b"\n"


def compare(
    deliveries: Iterable[Delivery], old: Program, new: Program, *, ages: Ages = DEFAULT_AGES
) -> Comparison:
    """Take every delivery through both programs, each with its own state of every room."""
    found = Comparison()
    sides = (_Side(old, ages), _Side(new, ages))
    for delivery in deliveries:
        if delivery.lane == Lane.SIGNALS:
            for side in sides:
                side.hear(delivery)
            continue
        for event in read_events(delivery):
            if isinstance(event, UnreadableError):
                found.counts["unreadable"] += 1
                continue
            before, after = (side.decide(event) for side in sides)
            _count(found, event, before, after)
    return found


def _count(found: Comparison, event: LiveEvent, old: Said, new: Said) -> None:
    counts = found.counts
    counts["events"] += 1
    counts["replies_old"] += bool(old.replies)
    counts["replies_new"] += bool(new.replies)
    if old == new:
        counts["same"] += bool(old.replies)
        return
    if old.replies and new.replies:
        counts["changed"] += 1
    elif old.replies or new.replies:
        counts["gone" if old.replies else "added"] += 1
    else:
        counts["silent_otherwise"] += 1  # suppressed by one and missed by the other: nobody hears it
        return
    found.differences.append(Difference(event.at_ms, event.room, told(event), old, new))


class _Side:
    """One set of rules with the state of every room."""

    def __init__(self, program: Program, ages: Ages) -> None:
        self._program = program
        self._ages = ages
        self._states: dict[str, RoomState] = {}

    def hear(self, delivery: Delivery) -> None:
        heard = read_signal(delivery)
        if not isinstance(heard, UnreadableError):
            signal(self._program, self._state(delivery.room), heard, ages=self._ages)

    def decide(self, event: LiveEvent) -> Said:
        state = self._state(event.room)
        return _said(handle(self._program, state, event, ages=self._ages))

    def _state(self, room: str) -> RoomState:
        return self._states.setdefault(room, RoomState())


def _said(decision: Decision) -> Said:
    replies = [cue.text or cue.audio_url or "a layer" for cue in decision.cues]
    replies += [f"asks {ask.kind}" for ask in decision.asks]
    rules = [cue.rule_index for cue in decision.cues] + [ask.rule_index for ask in decision.asks]
    return Said(tuple(replies), next(iter(rules), decision.hit_rule), bool(decision.suppressed))


_TOLD = {1: "danmaku", 2: "enter", 3: "like", 4: "gift", 5: "follow", 6: "viewers"}


def told(event: LiveEvent) -> str:
    """An event in a few words."""
    content = event.content
    gift = content.get("gift")
    detail = content.get("content") or content.get("numberOfViewers")
    if isinstance(gift, dict):
        detail = gift.get("giftName")
    return f"{_TOLD.get(event.type, f'type {event.type}')} {detail or ''}".strip()
