"""What a sandbox remembers for tests, demo and bench. Every list is bounded; the totals are not."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CommandRecord:
    """One accepted command; `at_s` is the monotonic clock when it arrived."""

    at_s: float
    job_id: str
    room_id: str
    command_id: str
    command: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class ReportRecord:
    """One reported event; `at_s` is the monotonic clock when it arrived."""

    at_s: float
    job_id: str
    room_id: str
    event: Mapping[str, Any]


@dataclass(frozen=True)
class CallbackRecord:
    """One callback after its last try; `status` 0 is no answer. `stream_key` is left out of `message`."""

    at_s: float
    url: str
    event_type: str
    message: Mapping[str, Any]
    status: int
    tries: int

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300


@dataclass
class Records:
    """Everything that happened, the newest `keep` of each kind, and counters by operation and code."""

    keep: int
    commands: deque[CommandRecord] = field(init=False)
    reports: deque[ReportRecord] = field(init=False)
    callbacks: deque[CallbackRecord] = field(init=False)
    calls: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.commands = deque(maxlen=self.keep)
        self.reports = deque(maxlen=self.keep)
        self.callbacks = deque(maxlen=self.keep)
