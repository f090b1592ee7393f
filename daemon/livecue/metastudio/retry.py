"""When to try a failed call again: a pure decision, made at one place for the whole daemon.

Every retry takes a slot of the rate limiter and checks its own deadline again; this module knows
neither. `jitter` is a number from [0, 1) that the caller draws.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from livecue.domain import CloudError, Meaning


class Operation(StrEnum):
    """What was asked for; it decides whether a repeat could do harm."""

    START = "start"
    STOP = "stop"
    COMMAND = "command"
    REPORT = "report"
    READ = "read"  # show and list


class GiveUpReason(StrEnum):
    """Why a call is not tried again; the closed list behind metric labels."""

    REFUSED = "refused"  # the cloud will never take this request
    JOB_OVER = "job_over"
    ALREADY_RUNNING = "already_running"  # adopt that job
    OUTCOME_UNKNOWN = "outcome_unknown"  # a lost reply beats a double one
    DEADLINE = "deadline"  # the next try would come too late


class RetryAt(msgspec.Struct, frozen=True):
    """Try again, not before `at_ms`. `look_first`: show or list the jobs before.

    After a start of unknown outcome a job found is to be adopted; after NOT_RUNNING the call goes out
    only once the job is past WAITING; for a report the new look brings a fresh report URL.
    """

    at_ms: int
    look_first: bool = False


class GiveUp(msgspec.Struct, frozen=True):
    """Do not try again."""

    reason: GiveUpReason


class _Wait(msgspec.Struct, frozen=True):
    """First wait, doubled each time up to `most_ms`; jitter only ever adds, up to the wait itself."""

    first_ms: int
    most_ms: int


_THROTTLED: Final = _Wait(1_000, 15_000)
_NO_RESOURCE: Final = _Wait(5_000, 30_000)
_FAILING: Final = _Wait(500, 30_000)
_SOON: Final = _Wait(500, 5_000)
MAX_RETRY_AFTER_S: Final = 300.0

_REASONS: Final = {
    Meaning.JOB_OVER: GiveUpReason.JOB_OVER,
    Meaning.ALREADY_RUNNING: GiveUpReason.ALREADY_RUNNING,
    Meaning.OUTCOME_UNKNOWN: GiveUpReason.OUTCOME_UNKNOWN,
}


def next_try(
    error: CloudError, attempt: int, now_ms: int, deadline_ms: int, jitter: float, operation: Operation
) -> RetryAt | GiveUp:
    """Decide after the failure of `attempt` (1 for the first) of `operation`.

    A retry lies after `now_ms`, before `deadline_ms`, and no sooner than the cloud's Retry-After
    (believed up to 300 s). All times are milliseconds since 1970-01-01 UTC.
    """
    plan = _plan(error.meaning, attempt, operation)
    if plan is None:
        return GiveUp(_REASONS.get(error.meaning, GiveUpReason.REFUSED))
    wait, look_first = plan
    doubled = min(wait.most_ms, wait.first_ms << min(max(attempt, 1) - 1, 16))
    delay_ms = doubled + round(doubled * min(max(jitter, 0.0), 1.0))
    asked_ms = round(min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S) * 1000)
    if asked_ms:  # everyone was told the same moment: spread out after it, never before
        delay_ms = max(delay_ms, asked_ms + round(wait.first_ms * min(max(jitter, 0.0), 1.0)))
    at_ms = now_ms + delay_ms
    return RetryAt(at_ms, look_first) if at_ms < deadline_ms else GiveUp(GiveUpReason.DEADLINE)


def _plan(meaning: Meaning, attempt: int, operation: Operation) -> tuple[_Wait, bool] | None:
    """How long to wait and whether to look first, or None: never again."""
    match meaning:
        case Meaning.SLOW_DOWN:
            return _THROTTLED, False
        case Meaning.NO_RESOURCE:
            return (_NO_RESOURCE, False) if operation is Operation.START else None
        case Meaning.UNAVAILABLE:
            return _FAILING, False
        case Meaning.NOT_PUSHED:
            return _SOON, False
        case Meaning.NOT_RUNNING:
            return _SOON, True
        case Meaning.REPORT_URL_STALE | Meaning.REPORT_URL_DEAD:
            return (_SOON, True) if operation is Operation.REPORT and attempt <= 1 else None
        case Meaning.OUTCOME_UNKNOWN:
            if operation in {Operation.COMMAND, Operation.REPORT}:
                return None
            return _FAILING, operation is Operation.START
        case _:
            return None
