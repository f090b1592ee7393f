"""What is measured on the way from an event to a cue, besides what `runtime.ports` counts."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from livecue.runtime.ports import Meter


class Took(StrEnum):
    """The ways of an event whose time is taken, by name in `/metrics` (prefix `livecue_`, suffix `_seconds`)."""

    DECIDE = "decide_latency"  # from its storage on the bus until it is decided, and that is committed
    CUE_WAIT = "cue_wait"  # from a cue's arrival at the dispatcher until its call goes out
    SPEECH = "speech"  # from the cloud's answer to a cue until it calls back that it was spoken


class RuleDid(StrEnum):
    """What is counted by rule; a closed list, because each is a series of every rule."""

    HIT = "hit"  # it used an event up, answering or held back
    SUPPRESSED = "suppressed"
    SENT = "sent"
    EXPIRED = "expired"
    UNSENT = "unsent"  # whatever else kept its cue from being said


class LineMeter(Meter, Protocol):
    """What is measured on the way from an event to a cue, besides."""

    def took(self, what: Took, seconds: float, n: int = 1) -> None:
        """`n` of them took so long; clocks that differ do not make it negative."""

    def rule(self, rule_index: str, did: RuleDid, n: int = 1) -> None:
        """A rule did this `n` times."""

    def limiter_wait(self, operation: str, seconds: float) -> None:
        """How long a call of this operation waited for its slot."""
