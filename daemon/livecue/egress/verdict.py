"""What a failed send calls for. Pure; one table for cues and reports."""

from __future__ import annotations

import msgspec

from livecue.domain import CloudError, Cue, Meaning
from livecue.engine.markup import plain_text
from livecue.engine.speech import spoken_seconds
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
OVER = frozenset({Meaning.JOB_OVER, Meaning.NOT_FOUND})
"""Answers that say the job is no more."""

LOOK_AGAIN = frozenset({Meaning.REPORT_URL_DEAD, Meaning.REPORT_KEY_WRONG, Meaning.NOT_RUNNING, *OVER})
"""Answers that say our picture of the job is out of date."""

_FLOOR_MS = 300
_CEILING_MS = 5_000


def outcome_of(error: CloudError) -> Outcome | None:
    """How the cue or report has ended with this answer; None: it may be tried again."""
    if error.meaning is Meaning.OUTCOME_UNKNOWN or _failed_inside(error):
        return Outcome.UNKNOWN
    if error.meaning in _AGAIN:
        return None
    if error.meaning in OVER:
        return Outcome.NO_JOB
    return Outcome.REFUSED


def _failed_inside(error: CloudError) -> bool:
    """A bare 500 says that the server broke, not how far it had got."""
    return error.meaning is Meaning.UNAVAILABLE and error.status == 500


def reworded(cue: Cue, error: CloudError, *, merged: bool) -> Cue | None:
    """What may be said instead of a text that was refused, None for nothing.

    Thanks that were `merged` go one by one: one viewer's name must not cost the others theirs.
    """
    if error.meaning not in {Meaning.TEXT_REFUSED, Meaning.MARKUP_REFUSED}:
        return None
    if merged:
        return msgspec.structs.replace(cue, merge=None)
    if error.meaning is Meaning.MARKUP_REFUSED:
        text = plain_text(cue.text)
        return _saying(cue, text, cue.other_text) if text and text != cue.text else None
    return _saying(cue, cue.other_text, "") if cue.other_text else None


def _saying(cue: Cue, text: str, other_text: str) -> Cue:
    return msgspec.structs.replace(
        cue, text=text, other_text=other_text, merge=None, seconds=spoken_seconds(text)
    )


def pause_ms(attempt: int, jitter: float) -> int:
    """How long a room rests before attempt `attempt + 1` (first attempt: 1); `jitter` is 0 to 1.

    Never near zero. A 429 is the gate's: it pauses the whole tenant.
    """
    doubled: int = min(_FLOOR_MS * 2 ** (min(attempt, 10) - 1), _CEILING_MS)
    return doubled + int(_FLOOR_MS * jitter)
