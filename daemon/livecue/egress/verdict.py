"""What a failed send calls for. Pure; one table for cues and reports."""

from __future__ import annotations

from livecue.domain import CloudError, Meaning
from livecue.runtime.ports import Outcome

_AGAIN = frozenset(
    {
        Meaning.SLOW_DOWN,
        Meaning.UNAVAILABLE,
        Meaning.NOT_PUSHED,
        Meaning.NOT_RUNNING,
        # The job is shown again for a new URL meanwhile.
        Meaning.REPORT_URL_STALE,
        Meaning.REPORT_URL_DEAD,
        Meaning.REPORT_KEY_WRONG,
    }
)
_OVER = frozenset({Meaning.JOB_OVER, Meaning.NOT_FOUND})

LOOK_AGAIN = frozenset({Meaning.REPORT_URL_DEAD, Meaning.REPORT_KEY_WRONG, Meaning.NOT_RUNNING, *_OVER})
"""Answers that say our picture of the job is out of date."""

_FLOOR_MS = 300
_CEILING_MS = 5_000
_SLOW_DOWN_MS = 1_000


def outcome_of(error: CloudError) -> Outcome | None:
    """How the cue or report has ended with this answer; None: it may be tried again."""
    if error.meaning is Meaning.OUTCOME_UNKNOWN or _failed_inside(error):
        return Outcome.UNKNOWN
    if error.meaning in _AGAIN:
        return None
    if error.meaning in _OVER:
        return Outcome.NO_JOB
    return Outcome.REFUSED


def _failed_inside(error: CloudError) -> bool:
    """A bare 500 says that the server broke, not how far it had got."""
    return error.meaning is Meaning.UNAVAILABLE and error.status == 500


def pause_ms(error: CloudError, attempt: int, jitter: float) -> int:
    """How long to wait before attempt `attempt + 1` (first attempt: 1); `jitter` is 0 to 1.

    Never near zero: a floor keeps a throttled tenant from knocking on.
    """
    if error.meaning is Meaning.SLOW_DOWN:
        told_ms = int((error.retry_after_s or 0) * 1000)
        return max(told_ms, _SLOW_DOWN_MS) + int(_FLOOR_MS * jitter)
    doubled: int = min(_FLOOR_MS * 2 ** (attempt - 1), _CEILING_MS)
    return doubled + int(_FLOOR_MS * jitter)
