"""What the oracle says of a cue beyond when it comes."""

from __future__ import annotations

from dataclasses import dataclass

from engine.naive_reading import filled, lasting
from livecue.domain import Cue, LiveEvent
from livecue.engine.rules import Rule


@dataclass(frozen=True)
class Said:
    kind: str
    what: str
    rule_index: str
    at_ms: int
    expires_ms: int
    event_type: int
    seconds: float
    other: str
    scenes: tuple[str, ...]
    merge: tuple[str, str, int] | None


def said_by(
    r: Rule, event: LiveEvent, at_ms: int, replies: list[tuple[int, str, str]], figures: dict[str, str]
) -> Said:
    """`replies` as (number, kind, text), the chosen one first; none is a layer."""
    kind, what = replies[0][1:] if replies else ("show_layer", "")
    speaks = kind == "speak"
    return Said(
        kind,
        what,
        r.rule_index,
        at_ms,
        at_ms + (9000 if r.event_type == 4 else 8000),
        r.event_type,
        round(lasting(what) if speaks else 5 if replies else 0, 6),
        replies[1][2] if speaks and len(replies) > 1 else "",
        r.enabled_scenes,
        merged(r, event, figures) if speaks else None,
    )


def merged(r: Rule, event: LiveEvent, figures: dict[str, str]) -> tuple[str, str, int] | None:
    own = r.livecue.merge
    if not own:
        return None
    before, after = own.text.split("{names}")
    parts = [
        filled(part, event.content, figures, r.livecue.mask, "count") if part else ""
        for part in (before, after)
    ]
    name = filled("{user.name}", event.content, figures, r.livecue.mask, "count")
    if name is None or None in parts:
        return None
    return f"{parts[0]}{{names}}{parts[1]}", name, own.most


def seen(cue: Cue) -> Said:
    """The same of a cue."""
    return Said(
        cue.kind.value,
        cue.text or cue.audio_url,
        cue.rule_index,
        cue.at_ms,
        cue.expires_ms,
        cue.event_type,
        round(cue.seconds, 6),
        cue.other_text,
        cue.scenes,
        (cue.merge.text, cue.merge.name, cue.merge.most) if cue.merge else None,
    )
