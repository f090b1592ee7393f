"""What the engine remembers about one room between events: small, plain, and stored with each batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livecue.engine.limits import Limits, keep_within
from livecue.engine.totals import Meter, Total, pack_total, unpack_total

_TIMES = ("users", "voices", "asked")
_TYPES = frozenset(map(str, range(101)))


@dataclass(slots=True)
class RuleState:
    """`fired_at_ms`: when the rule last fired in this live, None if it has not or got its window back.
    `next`: how many replies were taken in ORDER. `users`: when it last answered whom. `voices`: when
    who last met its conditions. `asked`: when it last answered which question. `seen_at`: how many
    events of its type had come when it fired. Each table is in the order of time.
    """

    fired_at_ms: int | None = None
    next: int = 0
    users: dict[str, int] = field(default_factory=dict)
    voices: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    seen_at: int | None = None


@dataclass(slots=True)
class OpenCombo:
    """Gifts of one combo so far. `count`, `value` are their number and worth; `running`: the frames
    tell the number so far. `event_id` and `content` are the last gift's, the content cut down.
    """

    rule_index: str
    room: str
    event_id: str
    due_ms: int
    count: str = "0"
    value: str = "0"
    running: bool = False
    total: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class RoomState:
    """The mutable state of one room; one owner at a time.

    `job_id` is the live that is on now, `live_id` the one that the rest of the state belongs to:
    it outlives JOB_ENDED, so that the same job told twice does not start afresh. `dirty` is set by
    the engine on every change; whoever stores the state sets it back to False. `evicted` counts what
    the limits made it forget since the engine last said so.
    """

    job_id: str = ""
    live_id: str = ""
    scene: str = ""
    scene_job_id: str = ""
    rules: dict[str, RuleState] = field(default_factory=dict)
    totals: dict[str, Total] = field(default_factory=dict)
    user_totals: dict[str, dict[str, Total]] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    combos: dict[str, OpenCombo] = field(default_factory=dict)
    timeouts: dict[str, int] = field(default_factory=dict)
    dirty: bool = field(default=False, compare=False)
    evicted: int = field(default=0, compare=False)

    def rule(self, rule_index: str) -> RuleState:
        """The rule's state, to be changed."""
        self.dirty = True
        return self.rules.setdefault(rule_index, RuleState())

    def total(self, meter: Meter, user: str, at_ms: int, limits: Limits) -> Total:
        """The total that `meter` reads, to be changed. `user` is somebody if it is a viewer's."""
        self.dirty = True
        if not meter.by_user:
            return self.totals.setdefault(meter.key, Total())
        shelf = self.user_totals.setdefault(meter.key, {})
        total = shelf.pop(user, None)
        if total is None:
            total = Total()
        shelf[user] = total
        total.at_ms = at_ms
        self.evicted += keep_within(self.user_totals.values(), limits.users_per_room, _grown_at)
        return total

    def reset(self, meter: Meter, user: str) -> None:
        """Let the total start again from nothing."""
        self.dirty = True
        if meter.by_user:
            self.user_totals.get(meter.key, {}).pop(user, None)
        else:
            self.totals.pop(meter.key, None)

    def begin(self, job_id: str) -> None:
        """A new live: everything starts afresh, but for a scene that was already told of it, and for
        rules that fired since the last live ended: what they said is spoken in this one, or given back.
        """
        if self.scene_job_id != job_id:
            self.scene = self.scene_job_id = ""
        if self.job_id:
            self._forget_firings()
        self.job_id = self.live_id = job_id
        self._forget_figures()

    def end(self) -> None:
        """The live is over; what happens until the next one belongs to that."""
        self.job_id = ""
        self._forget_firings()
        self._forget_figures()

    def _forget_firings(self) -> None:
        """Drop when which rule fired, and what that is counted from."""
        for table in (self.rules, self.groups, self.seen):
            table.clear()

    def _forget_figures(self) -> None:
        """Drop what is summed up, still open, or held against a pattern within one live."""
        for table in (self.totals, self.user_totals, self.combos, self.timeouts):
            table.clear()
        self.dirty = True

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; what is at its default is left out."""
        out: dict[str, Any] = {"v": 1}
        for name in ("job_id", "live_id", "scene", "scene_job_id"):
            if getattr(self, name):
                out[name] = getattr(self, name)
        parts = {
            "rules": {index: packed for index, state in self.rules.items() if (packed := _pack_rule(state))},
            "totals": {key: pack_total(total) for key, total in self.totals.items()},
            "user_totals": {
                key: {user: pack_total(total) for user, total in shelf.items()}
                for key, shelf in self.user_totals.items()
                if shelf
            },
            "groups": dict(self.groups),
            "seen": {str(event_type): count for event_type, count in self.seen.items()},
            "combos": {key: _pack_combo(combo) for key, combo in self.combos.items()},
            "timeouts": dict(self.timeouts),
        }
        return out | {name: part for name, part in parts.items() if part}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RoomState:
        """The state that `to_json` wrote, by this version or another: what is missing or unreadable
        is at its default, what is unknown is passed over.
        """
        combos = {key: _unpack_combo(part) for key, part in _table(data.get("combos")).items()}
        seen = _table(data.get("seen"))
        return cls(
            job_id=_text(data.get("job_id")),
            live_id=_text(data.get("live_id")),
            scene=_text(data.get("scene")),
            scene_job_id=_text(data.get("scene_job_id")),
            rules={index: _unpack_rule(part) for index, part in _table(data.get("rules")).items()},
            totals={key: unpack_total(part) for key, part in _table(data.get("totals")).items()},
            user_totals={
                key: {user: unpack_total(part) for user, part in _table(shelf).items()}
                for key, shelf in _table(data.get("user_totals")).items()
            },
            groups=_times(data.get("groups")),
            seen={int(key): _whole(count) for key, count in seen.items() if key in _TYPES},
            combos={key: combo for key, combo in combos.items() if combo is not None},
            timeouts={index: _whole(count) for index, count in _table(data.get("timeouts")).items()},
        )


def _grown_at(total: Total) -> int:
    return total.at_ms


def _pack_rule(state: RuleState) -> dict[str, Any]:
    packed: dict[str, Any] = {}
    if state.fired_at_ms is not None:
        packed["fired_at_ms"] = state.fired_at_ms
    if state.seen_at is not None:
        packed["seen_at"] = state.seen_at
    if state.next:
        packed["next"] = state.next
    for name in _TIMES:
        if getattr(state, name):
            packed[name] = dict(getattr(state, name))
    return packed


def _unpack_rule(data: Any) -> RuleState:
    part = _table(data)
    fired, seen_at = part.get("fired_at_ms"), part.get("seen_at")
    return RuleState(
        fired_at_ms=fired if type(fired) is int else None,
        next=_whole(part.get("next")),
        users=_times(part.get("users")),
        voices=_times(part.get("voices")),
        asked=_times(part.get("asked")),
        seen_at=seen_at if type(seen_at) is int else None,
    )


def _pack_combo(combo: OpenCombo) -> dict[str, Any]:
    return {name: getattr(combo, name) for name in OpenCombo.__slots__}


def _unpack_combo(data: Any) -> OpenCombo | None:
    part = _table(data)
    due_ms = part.get("due_ms")
    if type(due_ms) is not int:
        return None
    return OpenCombo(
        rule_index=_text(part.get("rule_index")),
        room=_text(part.get("room")),
        event_id=_text(part.get("event_id")),
        due_ms=due_ms,
        count=_text(part.get("count")) or "0",
        value=_text(part.get("value")) or "0",
        running=part.get("running") is True,
        total=_text(part.get("total")),
        content=_table(part.get("content")),
    )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _times(value: Any) -> dict[str, int]:
    return {key: at for key, at in _table(value).items() if type(at) is int}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0
