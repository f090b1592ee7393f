"""Faults on purpose: which of them strikes a call, a callback or a job. Pure: time is an argument.

The first fault of a plan that applies decides; the others are not asked. What a fault draws comes
from the plan's seed, its own position and the number of its match alone, so the same traffic meets
the same faults again, whatever else is going on beside it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

CALLBACK, JOB, EVERY = "callback", "job", "*"
SLOW, REFUSE, HANG, DROP, LIE = "slow", "refuse", "hang", "drop", "lie"
DUPLICATE, FORGE, FAIL, LOSE_HEARTBEAT = "duplicate", "forge", "fail", "lose_heartbeat"
HEARTBEAT = "heartbeat"
BEFORE, AFTER = "before", "after"
DONE, FAILED, RUNNING = "done", "failed", "running"
HEARTBEAT_LOST = "MSS.20010118"

# What each effect takes beside the keys of every fault. `!` marks what it cannot do without.
CALL_EFFECTS: Mapping[str, frozenset[str]] = {
    SLOW: frozenset({"latency_s!", "when"}),
    REFUSE: frozenset({"latency_s", "status!", "error_code", "error_msg", "retry_after_s"}),
    HANG: frozenset({"when"}),
    DROP: frozenset({"latency_s", "when"}),
    LIE: frozenset({"latency_s", "says!", "status", "error_code", "error_msg"}),
}
CALLBACK_EFFECTS: Mapping[str, frozenset[str]] = {
    SLOW: frozenset({"latency_s!", "event"}),
    DUPLICATE: frozenset({"times", "event"}),
    DROP: frozenset({"event"}),
    FORGE: frozenset({"event"}),
}
JOB_EFFECTS: Mapping[str, frozenset[str]] = {
    SLOW: frozenset({"latency_s!"}),
    FAIL: frozenset({"after_s", "state", "error_code!", "error_msg"}),
    LOSE_HEARTBEAT: frozenset({"after_s"}),
    HEARTBEAT: frozenset({"after_s", "chat_state"}),
}

# Operations whose path names no room.
ROOMLESS = frozenset({
    *("create_room", "list_rooms", "create_chat_room", "list_chat_rooms", "list_all_jobs", "create_token"),
    *("create_rule_group", "list_rule_groups", "update_rule_group", "delete_rule_group"),
    *("create_product", "list_products", "show_product", "update_product", "delete_product"),
    "set_product_assets",
})  # fmt: skip
# What can be said to be done, and where a job that is over can be shown as running.
HOLLOW = frozenset({"start", "stop", "command", "report", "start_chat_job", "stop_chat_job"})
SHOWING = frozenset({"show_job", "list_jobs", "list_all_jobs", "show_chat_job", "list_chat_jobs"})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One line of a plan. Seconds count from when the plan was taken, `calls` its matches from 1.

    `targets`: operations, or EVERY, or CALLBACK, or JOB. No `rooms`, `events` or `calls` means all of them.
    `latency_s`: drawn between the two. `when`: BEFORE the work (a hang then never does it) or AFTER it.
    `after_s`: a job fails so long after its start; `chat_state`: of a chat job (S1).
    """

    targets: frozenset[str]
    effect: str
    rooms: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    from_s: float = 0.0
    until_s: float = float("inf")
    calls: tuple[tuple[int, int], ...] = ()
    probability: float = 1.0
    latency_s: tuple[float, float] = (0.0, 0.0)
    when: str = BEFORE
    says: str = ""
    status: int = 500
    error_code: str = "MSS.00000004"
    error_msg: str = "injected by --faults"
    retry_after_s: int | None = None
    times: int = 2
    after_s: float = 0.0
    state: str = "FAILED"
    chat_state: int = 0

    def concerns(self, subject: str, room_id: str, event: str, since_s: float) -> bool:
        """Whether this is what the fault is about, chance and count aside."""
        named = subject in self.targets or (EVERY in self.targets and subject not in {CALLBACK, JOB})
        there = not self.rooms or room_id in self.rooms
        kind = not self.events or event in self.events
        return named and there and kind and self.from_s <= since_s < self.until_s

    def counts(self, number: int) -> bool:
        """Whether its `number`-th match is one that is struck."""
        return not self.calls or any(least <= number <= most for least, most in self.calls)


@dataclass(frozen=True)
class FaultPlan:
    """All faults in order, and the seed of what they draw."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Strike:
    """A fault at work: the latency is drawn."""

    fault: Fault
    latency_s: float = 0.0


@dataclass
class Faults:
    """A plan since `began_s` (Unix seconds); `hits` are strikes by the fault's position, `struck` by kind."""

    plan: FaultPlan = FaultPlan()
    began_s: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    hits: Counter[int] = field(default_factory=Counter)
    _matches: Counter[int] = field(default_factory=Counter)

    def strike(self, subject: str, room_id: str, now_s: float, event: str = "") -> Strike | None:
        """What happens to this call of an operation, CALLBACK or JOB; None if nothing does."""
        since_s = now_s - self.began_s
        for place, fault in enumerate(self.plan.faults):
            if not fault.concerns(subject, room_id, event, since_s):
                continue
            self._matches[place] += 1
            number = self._matches[place]
            chance = random.Random(f"{self.plan.seed}/{place}/{number}")  # noqa: S311 - no secret
            if fault.counts(number) and chance.random() < fault.probability:
                self.struck[f"{subject} {fault.effect}"] += 1
                self.hits[place] += 1
                return Strike(fault, chance.uniform(*fault.latency_s))
        return None
