"""The audit lines of cues. Pure."""

from __future__ import annotations

from livecue.domain import CloudError, Cue
from livecue.egress.cue_queue import Waiting
from livecue.runtime.ports import AuditEntry, Outcome


def line(
    waiting: Waiting,
    outcome: Outcome,
    now_ms: int,
    *,
    job_id: str = "",
    error: CloudError | None = None,
    text: str = "",
    command_id: str = "",
    seconds: float = 0,
) -> AuditEntry:
    """What became of a cue; `text` is what was said in its place, if that is another."""
    cue: Cue = waiting.cue
    sent = outcome is Outcome.SENT
    return AuditEntry(
        outcome=outcome,
        subject_id=cue.id,
        at_ms=now_ms,
        job_id=job_id or cue.job_id,
        rule_index=cue.rule_index,
        text=text or cue.text,
        command_id=command_id,
        code=error.error_code if error else "",
        detail=str(error.meaning) if error else "",
        latency_ms=now_ms - cue.at_ms if sent else 0,
        attempt=0 if outcome is Outcome.QUEUED else waiting.attempt,
        seconds=seconds,
    )
