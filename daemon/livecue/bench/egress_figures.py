"""What runs of the way out come to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livecue.bench.egress_cloud import Call
from livecue.bench.egress_traffic import QUOTA, Traffic
from livecue.bench.latency import distribution
from livecue.domain import Cue, CueKind, EventType

SECOND_MS = 1000
BUSY = 0.9
"""A room that had something waiting for this part of the time counts as one that always had."""


@dataclass
class Run:
    """What was offered and what became of it.

    `said`: the command that carried a cue. `ends`: how each cue ended, once each if all is well.
    `until`: when it no longer waited. `refused`: calls that the server answered with 429.
    """

    start_ms: int
    seconds: float
    offered: list[Cue]
    calls: list[Call]
    said: Mapping[str, str]
    ends: Mapping[str, list[str]]
    until: Mapping[str, int]
    refused: int = 0
    arrived: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.arrived = {call.command_id: call.arrived_ms for call in self.calls}

    @property
    def end_ms(self) -> int:
        return self.start_ms + int(self.seconds * SECOND_MS)

    @property
    def in_time(self) -> list[Call]:
        """The calls that the server saw while the overload lasted."""
        return [call for call in self.calls if call.arrived_ms < self.end_ms]


def figures(runs: Sequence[Run]) -> dict[str, Any]:
    """Of what arrived while the overload lasted, all runs together; `ended` is of all cues, to the last."""
    calls = sum(len(run.in_time) for run in runs)
    seconds = [fullest_second([call.arrived_ms for call in run.calls]) for run in runs]
    return {
        "calls": calls,
        "share_of_quota": round(calls / sum(QUOTA * run.seconds for run in runs), 3),
        "worst_second": max(most for most, _ in seconds),
        "violations": sum(above for _, above in seconds),
        "refused_429": sum(run.refused for run in runs),
        "reply_age": _ages(runs, _is_reply),
        "thanks_age": _ages(runs, _is_thanks),
        "merged": sum(len(run.said) - len(set(run.said.values())) for run in runs),
        "ended": {name: _ended(runs, which) for name, which in _KINDS.items()},
    }


def fullest_second(arrivals: list[int]) -> tuple[int, int]:
    """Most calls in a half-open sliding second, and how many calls came into a second that was full."""
    seen, most, above, first = sorted(arrivals), 0, 0, 0
    for last, at in enumerate(seen):
        while seen[first] <= at - SECOND_MS:
            first += 1
        most = max(most, last - first + 1)
        above += last - first + 1 > QUOTA
    return most, above


def _is_thanks(cue: Cue) -> bool:
    return cue.event_type == EventType.GIFT


def _is_reply(cue: Cue) -> bool:
    return cue.kind is CueKind.SPEAK and not _is_thanks(cue)


def _is_layer(cue: Cue) -> bool:
    return cue.kind is CueKind.SHOW_LAYER


_KINDS = {"thanks": _is_thanks, "replies": _is_reply, "layers": _is_layer}


def _ages(runs: Sequence[Run], which: Callable[[Cue], bool]) -> dict[str, Any]:
    """From the event to the server's receipt."""
    ages = [
        (at_ms - cue.at_ms) / 1000
        for run in runs
        for cue in run.offered
        if which(cue)
        and (at_ms := run.arrived.get(run.said.get(cue.id, ""))) is not None
        and at_ms < run.end_ms
    ]
    return distribution(ages) if ages else {"n": 0}


def _ended(runs: Sequence[Run], which: Callable[[Cue], bool]) -> dict[str, int]:
    cues = ((run, cue) for run in runs for cue in run.offered if which(cue))
    return dict(Counter(end for run, cue in cues for end in run.ends.get(cue.id, ("waiting",))).most_common())


def thanks_floor(runs: Sequence[Run]) -> dict[str, Any]:
    """If one call may go at every quarter of a second, all others are replies, and thanks go at once, oldest first.

    Without a network, without merging: what a perfect choice comes to while replies fill the quota.
    """
    gap_ms = SECOND_MS // QUOTA
    ages: list[float] = []
    for run in runs:
        free_ms = run.start_ms
        for at_ms in (cue.at_ms for cue in run.offered if _is_thanks(cue)):
            free_ms += max(0, -((free_ms - at_ms) // gap_ms) * gap_ms)
            ages.append((free_ms - at_ms) / 1000)
            free_ms += gap_ms
    return distribution(ages) if ages else {"n": 0}


def busy_rooms(run: Run) -> set[str]:
    """The rooms that had a cue waiting for `BUSY` of the time."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for cue in run.offered:
        spans.setdefault(cue.room, []).append((cue.at_ms, min(run.until.get(cue.id, run.end_ms), run.end_ms)))
    return {room for room, some in spans.items() if _covered(some) >= BUSY * run.seconds * SECOND_MS}


def _covered(spans: list[tuple[int, int]]) -> int:
    covered, reached = 0, 0
    for start, end in sorted(spans):
        covered += max(0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def fairness(runs: Sequence[Run], busy: Sequence[Collection[str]]) -> dict[str, Any]:
    """Jain's index over the calls of each run's busy rooms, of the least fair run.

    1 if all rooms got the same, 1/n if one of n got everything. `least`, `most`: calls of one room.
    """
    dealt = [_dealt(run, rooms) for run, rooms in zip(runs, busy, strict=True)]
    shares = [share for some in dealt for share in some]
    return {
        "jain": round(min(map(_jain, dealt)), 3),
        "rooms": len(shares),
        "least": min(shares, default=0),
        "most": max(shares, default=0),
    }


def _dealt(run: Run, rooms: Collection[str]) -> list[int]:
    served = Counter(call.room for call in run.in_time)
    return [served[room] for room in rooms]


def _jain(shares: Sequence[int]) -> float:
    squares = sum(share**2 for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


def described(runs: Sequence[Run], traffic: Sequence[Traffic]) -> dict[str, Any]:
    """The numbers of the overload that was made. A room's fair part: what it could say if all got the same."""
    offered = [cue for run in runs for cue in run.offered]
    seconds, rooms = sum(run.seconds for run in runs), traffic[0].rooms
    flooded = traffic[0].names[0]
    by_second = Counter((n, _second(run, cue)) for n, run in enumerate(runs) for cue in run.offered)
    by_room = Counter(cue.room for cue in offered)
    busiest = Counter(
        (n, cue.room, _second(run, cue))
        for n, run in enumerate(runs)
        for cue in run.offered
        if cue.room != flooded
    )
    fair = QUOTA * seconds / rooms
    spoken = [cue.seconds for cue in offered if _is_reply(cue)]
    return {
        "offered": len(offered),
        "quota": round(QUOTA * seconds),
        "mean_per_s": round(len(offered) / seconds, 1),
        "peak_second": max(by_second.values()),
        "room_mean_per_s": round(len(offered) / seconds / rooms, 2),
        "room_peak_second": max(busiest.values(), default=0),
        "quietest_room_to_its_fair_part": round(min(by_room[name] for name in traffic[0].names) / fair, 1),
        "flooded_room_to_its_fair_part": round(by_room[flooded] / fair, 1),
        "thanks": round(sum(map(_is_thanks, offered)) / len(offered), 3),
        "layers": round(sum(map(_is_layer, offered)) / len(offered), 3),
        "reply_s": round(sum(spoken) / max(1, len(spoken)), 2),
    }


def _second(run: Run, cue: Cue) -> int:
    return (cue.at_ms - run.start_ms) // SECOND_MS
