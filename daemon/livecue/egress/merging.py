"""Thanks that pile up become one: "感谢小王、小李的火箭". Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from livecue.domain import Cue

SEPARATOR = "、"


def alike(cue: Cue, others: Iterable[Cue]) -> list[Cue]:
    """`cue` and those of the same room and live that can be said with it, the oldest first.

    As many as the rule names at once; all of them if its text says how many there are.
    """
    if cue.merge is None:
        return [cue]
    key = _key(cue)
    same = sorted((one for one in others if one is not cue and _key(one) == key), key=lambda one: one.at_ms)
    most = len(same) + 1 if "{count}" in cue.merge.text else cue.merge.most
    return sorted([cue, *same[: most - 1]], key=lambda one: one.at_ms)


def _key(cue: Cue) -> tuple[str, ...] | None:
    if cue.merge is None:
        return None
    return (cue.room, cue.job_id, cue.rule_index, cue.play_type, cue.play_role, cue.merge.text)


def merged_text(cues: Sequence[Cue]) -> str:
    """What is said for all of `cues`; a single one says its own text."""
    merge = cues[0].merge
    if len(cues) == 1 or merge is None:
        return cues[0].text
    names = list(dict.fromkeys(cue.merge.name for cue in cues if cue.merge))
    if len(names) == 1:
        return cues[0].text
    counted = merge.text.replace("{count}", str(len(names)))
    return counted.replace("{names}", SEPARATOR.join(names[: merge.most]))
