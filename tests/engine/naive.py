"""The meaning of a rule once more, as slow and as plain as it can be said: the oracle for `handle`.

It keeps no counters: it remembers everything that happened and recounts. It shares no code with the
engine but the rule's own fields.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from livecue.domain import LiveEvent
from livecue.engine.rules import Rule, Tag

Said = tuple[str, str, str]
"""kind, what is said or shown, rule_index"""


@dataclass
class Verdict:
    cues: list[Said] = field(default_factory=list)
    matched: bool = False
    hit_rule: str = ""
    suppressed: list[str] = field(default_factory=list)
    odd: int = 0


def look_up(content: Any, tag: str) -> Any:
    """By path if there is a dot; else (or if the path leads nowhere) the shallowest scalar of that name."""
    if "." in tag:
        value = content
        for key in tag.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str | int | float):
            return value
    everything: list[tuple[int, str, Any]] = []

    def walk(node: Any, depth: int) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                everything.append((depth, key, value))
                walk(value, depth + 1)
        elif isinstance(node, list):
            for value in node:
                walk(value, depth + 1)

    walk(content, 0)
    found = [(d, v) for d, key, v in everything if key == tag and isinstance(v, str | int | float)]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def as_number(value: Any) -> Fraction | None:
    if value is None or isinstance(value, bool):
        return None
    if (isinstance(value, float) and not math.isfinite(value)) or "_" in str(value):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return Fraction(number) if number.is_finite() and abs(number) < 10**18 else None


def compares(match: str, left: Fraction, right: Fraction) -> bool:
    return {
        "MATH_GT": left > right,
        "MATH_GE": left >= right,
        "MATH_LT": left < right,
        "MATH_LE": left <= right,
    }.get(match, left == right)


class Naive:
    def __init__(self, rules: Sequence[Rule], scene: str) -> None:
        modes = {"SYSTEM_REPLY", "SHOW_LAYER"}
        self.rules = [r for r in rules if r.enabled and r.trigger.reply_mode.value in modes]
        self.scene = scene
        self.events: list[LiveEvent] = []
        self.fired: list[tuple[str, int, str]] = []

    def decide(self, event: LiveEvent) -> Verdict:
        self.events.append(event)
        mine = [r for r in self.rules if r.event_type == event.type]
        mine.sort(key=lambda r: r.hit_condition.priority)
        verdict = Verdict(odd=self.oddities(mine, event))
        in_scene = [r for r in mine if not r.enabled_scenes or self.scene in r.enabled_scenes]
        ordinary = [r for r in in_scene if r.hit_condition.relation.value != "RESERVED"]
        hits = [r for r in ordinary if self.hits(r)]
        spoken = [r for r in hits if r.trigger.reply_mode.value != "SHOW_LAYER"]
        shown = [r for r in hits if r.trigger.reply_mode.value == "SHOW_LAYER"]
        if not spoken:
            fallback = [r for r in in_scene if r.hit_condition.relation.value == "RESERVED"]
            spoken = [r for r in fallback if r.trigger.reply_mode.value != "SHOW_LAYER"]
            shown += [r for r in fallback if r.trigger.reply_mode.value == "SHOW_LAYER"]
        if spoken:
            verdict.matched, verdict.hit_rule = True, spoken[0].rule_index
        for winner in spoken[:1] + shown:
            if self.held_back(winner, event):
                verdict.suppressed.append(winner.rule_index)
            else:
                verdict.cues += self.fire(winner, event)
        return verdict

    def oddities(self, rules: list[Rule], event: LiveEvent) -> int:
        wanted = {
            tag.tag
            for r in rules
            if r.hit_condition.relation.value != "RESERVED"
            for tag in r.hit_condition.tags
            if tag.operation.value in {"SUM", "AVG"}
            or (tag.operation.value == "NONE" and tag.match.value.startswith("MATH"))
        }
        return sum(as_number(look_up(event.content, tag)) is None for tag in wanted)

    def hits(self, r: Rule) -> bool:
        results = [self.tag_hits(tag, level=r.livecue.aggregate.level) for tag in r.hit_condition.tags]
        return any(results) if r.hit_condition.relation.value == "OR" else bool(results) and all(results)

    def tag_hits(self, tag: Tag, *, level: bool) -> bool:
        value = look_up(self.events[-1].content, tag.tag)
        wanted = as_number(tag.value)
        if tag.operation.value != "NONE":
            return self.total_hits(tag, value, wanted, level=level)
        if tag.match.value == "REGEX":
            text = as_text(value)
            return text is not None and re.search(tag.value, text, re.ASCII) is not None
        if tag.match.value == "EQUAL":
            return as_text(value) == tag.value
        number = as_number(value)
        return number is not None and wanted is not None and compares(tag.match.value, number, wanted)

    def total_hits(self, tag: Tag, value: Any, wanted: Fraction | None, *, level: bool) -> bool:
        if wanted is None or tag.match.value == "REGEX":
            return False
        adds = value is not None if tag.operation.value == "COUNT" else as_number(value) is not None
        now = self.total(tag, self.events)
        before = self.total(tag, self.events[:-1])
        if not adds or now is None or not compares(tag.match.value, now, wanted):
            return False
        return level or before is None or not compares(tag.match.value, before, wanted)

    def total(self, tag: Tag, events: list[LiveEvent]) -> Fraction | None:
        values = [look_up(e.content, tag.tag) for e in events if e.type == self.events[-1].type]
        if tag.operation.value == "COUNT":
            return Fraction(sum(value is not None for value in values)) or None
        numbers = [number for value in values if (number := as_number(value)) is not None]
        if not numbers:
            return None
        return sum(numbers, Fraction(0)) / (len(numbers) if tag.operation.value == "AVG" else 1)

    def held_back(self, r: Rule, event: LiveEvent) -> bool:
        times = [at for index, at, _ in self.fired if index == r.rule_index]
        window = r.trigger.time_window
        if times and (window == -1 or event.at_ms < times[-1] + window * 1000):
            return True
        user = as_text(look_up(event.content, "userId")) or ""
        served = [at for index, at, who in self.fired if index == r.rule_index and who == user]
        known = user not in {"", "0", "111111"}
        return known and bool(served) and event.at_ms < served[-1] + r.livecue.per_user_cooldown_s * 1000

    def fire(self, r: Rule, event: LiveEvent) -> list[Said]:
        before = sum(index == r.rule_index for index, _, _ in self.fired)
        self.fired.append((r.rule_index, event.at_ms, as_text(look_up(event.content, "userId")) or ""))
        trigger = r.trigger
        if trigger.reply_mode.value == "SHOW_LAYER":
            return [("show_layer", "", r.rule_index)]
        texts = [text for text in trigger.reply_texts if text]
        replies = texts or [audio.audio_url for audio in trigger.reply_audios]
        at = before % len(replies)
        if trigger.reply_order.value == "RANDOM":
            seed = f"{event.room}\0{r.rule_index}\0{event.id}".encode()
            at = int(hashlib.blake2b(seed, digest_size=8).hexdigest(), 16) % len(replies)
        said: list[Said] = [("speak" if texts else "play_audio", replies[at], r.rule_index)]
        if trigger.layer_config:
            said.append(("show_layer", "", r.rule_index))
        return said
