"""One line of the log for each cue: what was said, of which rule, how long after its event; or why it was not.

Under a flood some are told, and how many were not. Texts are cut, and hold nothing that a terminal obeys.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from livecue.domain import Cue
from livecue.runtime.ports import Now, Outcome
from livecue.runtime.sparing import Sparing

log = structlog.get_logger()

_SHOWN = 60


def shown(text: str) -> str:
    """The beginning of `text`, on one line; characters that are not seen, or turn others around, are left out."""
    seen = "".join(character if character.isprintable() else " " for character in text[: 2 * _SHOWN])
    one_line = " ".join(seen.split())
    return one_line if len(one_line) <= _SHOWN and len(text) <= 2 * _SHOWN else f"{one_line[:_SHOWN]}…"


class Teller:
    """Writes those lines."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._sparing = Sparing()

    def sent(self, cues: Sequence[Cue], said: Cue, seconds: float, attempt: int) -> None:
        """The cloud took them, as one command that says `said`."""
        now_ms = self._now()
        for cue in cues:
            if self._may(cue, Outcome.SENT):
                log.info(
                    "cue-sent",
                    **_of(cue),
                    kind=str(cue.kind),
                    text=shown(said.text or said.audio_url),
                    latency_ms=now_ms - cue.at_ms,
                    seconds=round(seconds, 1),
                    **({"attempt": attempt} if attempt > 1 else {}),
                    **({"together": len(cues)} if len(cues) > 1 else {}),
                )

    def spoken(self, cue: Cue) -> None:
        """The cloud called back. Told at level debug: it is the second line of one cue."""
        log.debug("cue-spoken", **_of(cue), latency_ms=self._now() - cue.at_ms)

    def ended(self, cue: Cue, outcome: Outcome) -> None:
        """It will not be said, and no answer of the cloud was the reason: those are warned of."""
        if self._may(cue, outcome):
            age_ms = self._now() - cue.at_ms
            log.info("cue-ended", **_of(cue), outcome=str(outcome), text=shown(cue.text), age_ms=age_ms)

    def sum_up(self, *, at_once: bool = False) -> None:
        """Say how many were not told; to be called every now and then, and at the end."""
        if out := self._sparing.untold(self._now(), at_once=at_once):
            log.info("cues-untold", **out.counts, rooms=out.rooms, remedy="live.audit.<room> has them all")

    def _may(self, cue: Cue, outcome: Outcome) -> bool:
        self.sum_up()
        return self._sparing.may(self._now(), cue.room, str(outcome))


def _of(cue: Cue) -> dict[str, str]:
    """Where it comes from: the event's id is the beginning of the cue's."""
    return {
        "room": cue.room,
        "event_id": cue.id.partition(":")[0],
        "rule": cue.rule_index,
        "rule_name": shown(cue.rule_name),
        "cue": cue.id,
    }
