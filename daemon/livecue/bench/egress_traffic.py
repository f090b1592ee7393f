"""What viewers make of a tenant's rooms in an overload: cues as the rules would have decided them. Pure.

All rates are multiples of the quota, over all rooms, so that the overload is the same with any number of
rooms. Each kind comes as a Poisson stream of its own in each room; a seed makes it the same again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from livecue.domain import Cue, CueKind, EventType, Merge
from livecue.engine.speech import spoken_seconds

QUOTA = 4
"""Commands a second that the cloud takes from a tenant (cn-north-4)."""

MAX_AGE_MS, GIFT_MAX_AGE_MS = 20_000, 60_000
"""The defaults of `dispatch.max_age_s` and `dispatch.gift_max_age_s`."""

_QUESTIONS = 2.25  # danmaku that a rule answers, in quotas
_GIFTS = 0.25
_LAYERS = 0.25
_FLOOD = 0.5  # questions more, in the first room alone
_BURST_EVERY_S, _BURST_S = 10.0, 3.0
_GROUPS = 5  # of the rooms; a burst hits one of them, each in its turn
_BURST_QUESTIONS, _BURST_GIFTS = 8.0, 2.0  # times what these rooms ask and give otherwise

_CHARACTERS = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动"
_GIFT_NAMES = ("火箭", "玫瑰")


@dataclass(frozen=True)
class Stream:
    """One kind of cue in one room: cues a second, and that many times as much in a burst."""

    room: str
    kind: str
    per_s: float
    burst: float


@dataclass(frozen=True)
class Traffic:
    """`seconds` of overload in `rooms` rooms."""

    seed: int = 1
    rooms: int = 50
    seconds: float = 60.0

    @property
    def names(self) -> list[str]:
        return [f"room-{n:02}" for n in range(self.rooms)]

    def cues(self, start_ms: int) -> list[Cue]:
        """By the time of their events, the first of them after `start_ms`."""
        chance = random.Random(self.seed)  # noqa: S311  # the same traffic in every run
        made = [
            _cue(stream, start_ms + int(at_s * 1000), chance)
            for stream in self._streams()
            for at_s in self._moments(stream, chance)
        ]
        return sorted(made, key=lambda cue: cue.at_ms)

    def _streams(self) -> Iterator[Stream]:
        each = QUOTA / self.rooms
        for room in self.names:
            yield Stream(room, "question", _QUESTIONS * each, _BURST_QUESTIONS)
            yield Stream(room, "gift", _GIFTS * each, _BURST_GIFTS)
            yield Stream(room, "layer", _LAYERS * each, 1)
        yield Stream(self.names[0], "question", _FLOOD * QUOTA, 1)

    def _moments(self, stream: Stream, chance: random.Random) -> Iterator[float]:
        most = stream.per_s * stream.burst
        at_s = chance.expovariate(most)
        while at_s < self.seconds:
            if self._bursts(stream.room, at_s) or chance.random() * stream.burst < 1:
                yield at_s
            at_s += chance.expovariate(most)

    def _bursts(self, room: str, at_s: float) -> bool:
        turn, since_s = divmod(at_s, _BURST_EVERY_S)
        return since_s < _BURST_S and self.names.index(room) % _GROUPS == turn % _GROUPS


def _cue(stream: Stream, at_ms: int, chance: random.Random) -> Cue:
    cue_id = f"{stream.room}.{stream.kind}.{at_ms}.{chance.getrandbits(32):08x}"
    if stream.kind == "layer":
        return _made(stream, at_ms, id=cue_id, kind=CueKind.SHOW_LAYER, layer={"layer_type": "IMAGE"})
    if stream.kind == "question":
        text = "".join(chance.choices(_CHARACTERS, k=chance.randint(8, 25)))
        return _made(stream, at_ms, id=cue_id, text=text, seconds=spoken_seconds(text))
    viewer = "".join(chance.choices(_CHARACTERS, k=chance.randint(2, 4)))
    gift = chance.choice(_GIFT_NAMES)
    text = f"感谢{viewer}送的{gift}，爱你们"
    merge = Merge(f"感谢{{names}}送的{gift}，爱你们", viewer, 3)
    return _made(stream, at_ms, id=cue_id, text=text, seconds=spoken_seconds(text), merge=merge)


def _made(stream: Stream, at_ms: int, **more: Any) -> Cue:
    usual: dict[str, Any] = {
        "room": stream.room,
        "job_id": f"job-{stream.room}",
        "rule_index": stream.kind,
        "kind": CueKind.SPEAK,
        "at_ms": at_ms,
        "expires_ms": at_ms + (GIFT_MAX_AGE_MS if stream.kind == "gift" else MAX_AGE_MS),
        "play_type": "INSERT",
        "event_type": EventType.GIFT if stream.kind == "gift" else EventType.DANMAKU,
    }
    return Cue(**usual | more)
