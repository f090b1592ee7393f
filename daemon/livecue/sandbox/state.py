"""Everything a sandbox knows, and how time moves it. No I/O here: due callbacks go to an injected sink."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from livecue.sandbox.chat_jobs import CANCELED, CHAT_HEARTBEAT_LOST, Beat, ChatJob
from livecue.sandbox.errors import ApiError, room_not_found
from livecue.sandbox.faults import HEARTBEAT, JOB, LOSE_HEARTBEAT, SLOW, Fault, Faults
from livecue.sandbox.jobs import Doom, LiveJob, Signal
from livecue.sandbox.limits import Window, effective
from livecue.sandbox.options import Identity, SandboxOptions
from livecue.sandbox.records import Records

TOKEN_TTL_S = 86_400.0
MAX_TOKENS = 1_000


@dataclass
class Entry:
    """A stored thing: its id, its body as it came, and when (Unix seconds)."""

    id: str
    body: dict[str, Any]
    created_s: float
    updated_s: float


Table = dict[str, Entry]


@dataclass
class State:
    """The one tenant's rooms, jobs and quotas. `sink` takes what is to be called back."""

    options: SandboxOptions
    clock: Callable[[], float] = time.time
    sink: Callable[[LiveJob, Signal], None] = lambda _job, _signal: None
    identity: Identity = field(init=False)
    records: Records = field(init=False)
    rooms: Table = field(default_factory=dict)
    rule_groups: Table = field(default_factory=dict)
    products: Table = field(default_factory=dict)
    chat_rooms: Table = field(default_factory=dict)
    jobs: dict[str, LiveJob] = field(default_factory=dict)
    chat_jobs: dict[str, ChatJob] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    failing: dict[str, deque[ApiError]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    # Closes the connection that a client (host, port) called over.
    cut: Callable[[object], None] = lambda _client: None
    _windows: dict[str, Window | None] = field(init=False)
    _agenda: list[tuple[float, str]] = field(default_factory=list)
    _wake_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.identity = Identity.of(self.options)
        self.records = Records(self.options.keep)
        limits = effective(self.options.region, self.options.limits)
        self._windows = {name: None if limit is None else Window(limit) for name, limit in limits.items()}
        for room_id in self.options.room_ids:
            self.add_room(room_id)

    def window(self, operation: str) -> Window | None:
        """The limit of `operation`; None where the region does not offer it."""
        return self._windows[operation]

    def add(self, table: Table, body: Mapping[str, Any], entry_id: str | None = None) -> Entry:
        """Stores `body` under a new id."""
        now = self.clock()
        entry = Entry(entry_id or uuid4().hex, dict(body), now, now)
        table[entry.id] = entry
        return entry

    def add_room(self, room_id: str) -> Entry:
        """A plain live room under a chosen id, as for `room_ids` and `any_room`."""
        return self.add(self.rooms, {"room_name": f"sandbox {room_id}"}, room_id)

    def room(self, room_id: str) -> Entry:
        """The live room, made on the spot with `any_room`."""
        entry = self.rooms.get(room_id)
        if entry is None and self.options.any_room:
            entry = self.add_room(room_id)
        if entry is None:
            raise room_not_found()
        return entry

    def start(self, room: Entry, body: Mapping[str, Any]) -> LiveJob:
        """A new live job in `room`."""
        now, delay_s, doom = self.clock(), self.options.start_delay_s, None
        if (strike := self.faults.strike(JOB, room.id, now)) is not None:
            fault = strike.fault
            if fault.effect == SLOW:
                delay_s += strike.latency_s
            elif fault.effect != HEARTBEAT and fault.state != CANCELED:  # those only chat jobs know
                doom = _doom(fault, now, fault.error_code)
        job = LiveJob(
            job_id=uuid4().hex,
            room_id=room.id,
            body=body,
            room=room.body,
            created_s=now,
            start_delay_s=delay_s,
            script_speedup=self.options.script_speedup,
            doom=doom,
        )
        self.jobs[job.job_id] = job
        self._forget()
        self.touch(job)
        return job

    def start_chat(self, room_id: str, robot_id: str) -> ChatJob:
        """A new chat job in the room; the oldest one that is over is forgotten if there are too many."""
        now = self.clock()
        job = ChatJob(uuid4().hex, room_id, robot_id, now, self.options.start_delay_s)
        if (strike := self.faults.strike(JOB, room_id, now)) is not None:
            fault = strike.fault
            if fault.effect == SLOW:
                job.start_delay_s += strike.latency_s
            elif fault.effect == HEARTBEAT:
                job.beat = Beat(now + fault.after_s, fault.chat_state)
            else:
                lost = fault.effect == LOSE_HEARTBEAT
                job.doom = _doom(fault, now, CHAT_HEARTBEAT_LOST if lost else fault.error_code)
        self.chat_jobs[job.job_id] = job
        if len(self.chat_jobs) > self.options.keep:
            over = next((old.job_id for old in self.chat_jobs.values() if old.over(now)), None)
            if over is not None:
                del self.chat_jobs[over]
        return job

    def touch(self, job: LiveJob, signals: list[Signal] | None = None) -> None:
        """Lives `job` until now, passes on its callbacks and notes when it wants to be seen again."""
        for signal in [*(signals or []), *job.advance(self.clock())]:
            self.sink(job, signal)
        due = job.next_due_s()
        if due is not None and due < self._wake_s.get(job.job_id, float("inf")):
            self._wake_s[job.job_id] = due
            heapq.heappush(self._agenda, (due, job.job_id))

    def tick(self) -> float | None:
        """Lives every job until now; the Unix second when something happens next."""
        now = self.clock()
        while self._agenda and self._agenda[0][0] <= now:
            at, job_id = heapq.heappop(self._agenda)
            if self._wake_s.get(job_id) == at:  # else an earlier wake-up has replaced this one
                del self._wake_s[job_id]
            if (job := self.jobs.get(job_id)) is not None:
                self.touch(job)
        return self._agenda[0][0] if self._agenda else None

    def running(self, room_id: str) -> list[LiveJob]:
        """The jobs of a room that are not over."""
        return [job for job in self.jobs.values() if job.room_id == room_id and not job.over]

    def new_token(self) -> tuple[str, float]:
        """A token and the Unix second until which it holds."""
        while len(self.tokens) >= MAX_TOKENS:
            del self.tokens[next(iter(self.tokens))]
        token, expires_s = f"MII{uuid4().hex}{uuid4().hex}", self.clock() + TOKEN_TTL_S
        self.tokens[token] = expires_s
        return token, expires_s

    def _forget(self) -> None:
        """Drops the oldest jobs that are over, so that a long run stays small."""
        surplus = len(self.jobs) - self.options.keep
        if surplus > 0:
            for job_id in [job.job_id for job in self.jobs.values() if job.over][:surplus]:
                del self.jobs[job_id]


def _doom(fault: Fault, now_s: float, code: str) -> Doom:
    return Doom(now_s + fault.after_s, fault.state, {"error_code": code, "error_msg": fault.error_msg})


def rfc3339(at_s: float) -> str:
    """The vendor's form of a time: 2021-01-10T08:43:17Z."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
