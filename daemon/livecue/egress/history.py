"""How the cues and reports of the last minutes stand, read off their audit. Pure.

Lines of one subject may lie in any order: what was noted in the background can come after a claim.
So each line counts for what it says, not for its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from livecue.runtime.ports import AuditEntry, Outcome

_OPEN = frozenset({Outcome.QUEUED, Outcome.WAITING})


@dataclass(slots=True)
class Standing:
    """`tried`: attempts known not to have been taken. `out`: the attempt that was claimed last. `ended`:
    nothing more is to be sent. `sent`: the line that says so; `over`: it was spoken or withdrawn.
    """

    tried: int = 0
    out: int = 0
    ended: bool = False
    sent: AuditEntry | None = None
    over: bool = False

    @property
    def lost(self) -> bool:
        """Claimed by an earlier life, which never said what came of it: perhaps it was sent."""
        return not self.ended and self.out > self.tried

    @property
    def next_attempt(self) -> int:
        """The attempt to be made; of what is `lost` the one that was."""
        return self.out if self.lost else max(self.tried, self.out) + 1


def standings(lines: Iterable[tuple[str, AuditEntry]]) -> dict[tuple[str, str], Standing]:
    """By (room, id of the cue or report)."""
    found: dict[tuple[str, str], Standing] = {}
    for room, entry in lines:
        standing = found.setdefault((room, entry.subject_id), Standing())
        attempt = max(entry.attempt, 1)
        if entry.outcome is Outcome.SENDING:
            standing.out = max(standing.out, attempt)
        elif entry.outcome is Outcome.WAITING:
            standing.tried = max(standing.tried, attempt)
        elif entry.outcome not in _OPEN:
            standing.ended = True
            standing.over = standing.over or entry.outcome in {Outcome.FINISHED, Outcome.WITHDRAWN}
            if entry.outcome is Outcome.SENT:
                standing.sent = entry
    return found
