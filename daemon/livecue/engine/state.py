"""What the engine remembers about one room between events: small, plain, and stored with each batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from livecue.engine.fields import Number

MAX_USERS = 500
"""Viewers remembered per rule for `per_user_cooldown_s`; beyond it the longest-served is forgotten."""


@dataclass(slots=True)
class RuleState:
    """`fired_at_ms`: when the rule last fired in this live, None if it has not or got its window back.
    `next`: how many replies were taken in ORDER. `users`: when it last answered whom.
    """

    fired_at_ms: int | None = None
    next: int = 0
    users: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Total:
    """One field over the live so far: events that had it, those where it was a number, their sum."""

    seen: int = 0
    numbers: int = 0
    sum: Number = 0


@dataclass(slots=True)
class RoomState:
    """The mutable state of one room; one owner at a time.

    `job_id` is the live that is on now, `live_id` the one that the rest of the state belongs to:
    it outlives JOB_ENDED, so that the same job told twice does not start afresh. `dirty` is set by
    the engine on every change; whoever stores the state sets it back to False.
    """

    job_id: str = ""
    live_id: str = ""
    scene: str = ""
    scene_job_id: str = ""
    rules: dict[str, RuleState] = field(default_factory=dict)
    totals: dict[str, Total] = field(default_factory=dict)
    dirty: bool = field(default=False, compare=False)

    def rule(self, rule_index: str) -> RuleState:
        """The rule's state, to be changed."""
        self.dirty = True
        return self.rules.setdefault(rule_index, RuleState())

    def total(self, key: str) -> Total:
        """The total under `key`, to be changed."""
        self.dirty = True
        return self.totals.setdefault(key, Total())

    def begin(self, job_id: str) -> None:
        """A new live: everything starts afresh, but for a scene that was already told of it, and for
        rules that fired since the last live ended: what they said is spoken in this one, or given back.
        """
        if self.scene_job_id != job_id:
            self.scene = self.scene_job_id = ""
        if self.job_id:
            self.rules.clear()
        self.job_id = self.live_id = job_id
        self.totals.clear()
        self.dirty = True

    def end(self) -> None:
        """The live is over; what happens until the next one belongs to that."""
        self.job_id = ""
        self.rules.clear()
        self.totals.clear()
        self.dirty = True

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; what is at its default is left out."""
        out: dict[str, Any] = {"v": 1}
        for name in ("job_id", "live_id", "scene", "scene_job_id"):
            if getattr(self, name):
                out[name] = getattr(self, name)
        rules = {index: packed for index, state in self.rules.items() if (packed := _pack_rule(state))}
        if rules:
            out["rules"] = rules
        if self.totals:
            out["totals"] = {
                key: {"seen": total.seen, "numbers": total.numbers, "sum": str(total.sum)}
                for key, total in self.totals.items()
            }
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RoomState:
        """The state that `to_json` wrote, by this version or another: what is missing or unreadable
        is at its default, what is unknown is passed over.
        """
        return cls(
            job_id=_text(data.get("job_id")),
            live_id=_text(data.get("live_id")),
            scene=_text(data.get("scene")),
            scene_job_id=_text(data.get("scene_job_id")),
            rules={index: _unpack_rule(part) for index, part in _table(data.get("rules")).items()},
            totals={key: _unpack_total(part) for key, part in _table(data.get("totals")).items()},
        )


def _pack_rule(state: RuleState) -> dict[str, Any]:
    packed: dict[str, Any] = {}
    if state.fired_at_ms is not None:
        packed["fired_at_ms"] = state.fired_at_ms
    if state.next:
        packed["next"] = state.next
    if state.users:
        packed["users"] = dict(state.users)
    return packed


def _unpack_rule(data: Any) -> RuleState:
    part = _table(data)
    fired = part.get("fired_at_ms")
    return RuleState(
        fired_at_ms=fired if type(fired) is int else None,
        next=_whole(part.get("next")),
        users={user: at for user, at in _table(part.get("users")).items() if type(at) is int},
    )


def _unpack_total(data: Any) -> Total:
    part = _table(data)
    return Total(
        seen=_whole(part.get("seen")), numbers=_whole(part.get("numbers")), sum=_sum(part.get("sum"))
    )


def _sum(value: Any) -> Number:
    try:
        number = Decimal(_text(value) or "0")
    except InvalidOperation:
        return 0
    if not number.is_finite():
        return 0
    return int(number) if number == number.to_integral_value() else number


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0
