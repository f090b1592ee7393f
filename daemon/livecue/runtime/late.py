"""Cues that were too old to be said when they were decided: how the audit is told of them. Pure.

They come in floods, after an outage for one. Each on its way through the bus to a dispatcher that can
only let it go would hold up what can still be said, so they end here, many to a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livecue.domain import Cue
from livecue.runtime.ports import AuditEntry, Outcome

_IDS_IN_A_LINE = 200


def late_lines(cues: Iterable[Cue], now_ms: int) -> Iterator[AuditEntry]:
    """The lines of one room's cues, those of one rule and live together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for cue in cues:
        alike.setdefault((cue.rule_index, cue.job_id), []).append(cue.id)
    for (rule_index, job_id), ids in alike.items():
        for start in range(0, len(ids), _IDS_IN_A_LINE):
            first, *others = ids[start : start + _IDS_IN_A_LINE]
            yield AuditEntry(
                Outcome.EXPIRED,
                first,
                now_ms,
                job_id=job_id,
                rule_index=rule_index,
                detail="too old when it was decided",
                others=tuple(others),
            )
