"""The meaning of a rule once more, as slow and as plain as it can be said: the oracle for `handle`.

It keeps no counters: it remembers everything that happened and recounts. It shares no code with the
engine but the rule's own fields.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from engine.naive_gifts import Gifts, figures_of
from engine.naive_reading import as_number, as_text, asked, compares, filled, look_up, sayable, shown, viewer
from engine.naive_saying import Said, said_by
from livecue.domain import LiveEvent
from livecue.engine.rules import Rule, Tag


@dataclass
class Verdict:
    cues: list[Said] = field(default_factory=list)
    asks: list[tuple[str, tuple[str, ...], str, bool]] = field(default_factory=list)
    matched: bool = False
    hit_rule: str = ""
    held: list[tuple[str, str]] = field(default_factory=list)
    odd: int = 0


@dataclass
class Firing:
    rule: Rule
    at_ms: int
    content: Any
    events: int
    """How many events there had been, of any type."""
    of_type: int
    chosen: int | None = None


class Naive:
    def __init__(
        self, rules: Sequence[Rule], scene: str, *, can_call: bool = True, can_chat: bool = True
    ) -> None:
        self.can_call = can_call
        modes = {"SYSTEM_REPLY", "SHOW_LAYER"}
        modes |= {"CALLBACK"} if can_call else set()
        modes |= {"INTELLIGENT_REPLY"} if can_chat else set()
        self.rules = [r for r in rules if r.enabled and self.takes_part(r, modes)]
        self.scene = scene
        self.events: list[LiveEvent] = []
        self.firings: list[Firing] = []
        self.voices: list[tuple[str, str, int, int]] = []
        self.open: dict[tuple[str, ...], Gifts] = {}
        self.verdict = Verdict()

    def takes_part(self, r: Rule, modes: set[str]) -> bool:
        mode = r.trigger.reply_mode.value
        says = any(r.trigger.reply_texts) or any(r.trigger.reply_audios)
        return mode in modes or (mode == "SYSTEM_REPLY_AND_CALLBACK" and (self.can_call or says))

    def tick(self, now_ms: int) -> Verdict:
        self.verdict = Verdict()
        for key, gifts in sorted(self.open.items(), key=lambda pair: pair[1].due_ms):
            if gifts.due_ms <= now_ms:
                del self.open[key]
                self.settle(gifts.rule, gifts.frames[-1], gifts.due_ms, figures_of(gifts))
        return self.verdict

    def decide(self, event: LiveEvent) -> Verdict:
        verdict = self.tick(event.at_ms)
        self.events.append(event)
        mine = [r for r in self.rules if r.event_type == event.type]
        mine.sort(key=lambda r: r.hit_condition.priority)
        verdict.odd = self.oddities(mine, event)
        in_scene = [r for r in mine if not r.enabled_scenes or self.scene in r.enabled_scenes]
        spoken, shown_ = self.reached([r for r in in_scene if not self.fallback(r) and self.hits(r)], event)
        if not spoken:
            spoken, more = self.reached([r for r in in_scene if self.fallback(r)], event)
            shown_ += more
        if spoken:
            verdict.matched, verdict.hit_rule = True, spoken[0].rule_index
        for winner in spoken + shown_:
            self.take(winner, event)
        return verdict

    @staticmethod
    def fallback(r: Rule) -> bool:
        return r.hit_condition.relation.value == "RESERVED"

    def reached(self, hits: list[Rule], event: LiveEvent) -> tuple[list[Rule], list[Rule]]:
        spoken: list[Rule] = []
        layers: list[Rule] = []
        for r in hits:
            layer = r.trigger.reply_mode.value == "SHOW_LAYER"
            if (layer or not spoken) and self.enough_voices(r, event):
                (layers if layer else spoken).append(r)
        return spoken, layers

    def enough_voices(self, r: Rule, event: LiveEvent) -> bool:
        wanted = r.livecue.distinct_users
        if wanted is None:
            return True
        self.voices.append((r.rule_index, viewer(event.content), event.at_ms, len(self.events)))
        since = max([f.events for f in self.firings if f.rule is r], default=-1)
        heard = {
            who
            for index, who, at, n in self.voices
            if index == r.rule_index and who and n > since and event.at_ms - at < wanted.within_s * 1000
        }
        return len(heard) >= wanted.users

    def oddities(self, rules: list[Rule], event: LiveEvent) -> int:
        wanted = {
            tag.tag
            for r in rules
            if not self.fallback(r)
            for tag in r.hit_condition.tags
            if tag.operation.value in {"SUM", "AVG"}
            or (tag.operation.value == "NONE" and tag.match.value.startswith("MATH"))
        }
        return sum(as_number(look_up(event.content, tag)) is None for tag in wanted)

    def hits(self, r: Rule) -> bool:
        results = [self.tag_hits(r, tag) for tag in r.hit_condition.tags]
        return any(results) if r.hit_condition.relation.value == "OR" else bool(results) and all(results)

    def tag_hits(self, r: Rule, tag: Tag) -> bool:
        value = look_up(self.events[-1].content, tag.tag)
        wanted = as_number(tag.value)
        if tag.operation.value != "NONE":
            return self.total_hits(r, tag, wanted)
        if tag.match.value == "REGEX":
            text = as_text(value)
            return text is not None and re.search(tag.value, text, re.ASCII) is not None
        if tag.match.value == "EQUAL":
            return as_text(value) == tag.value
        number = as_number(value)
        return number is not None and wanted is not None and compares(tag.match.value, number, wanted)

    def total_hits(self, r: Rule, tag: Tag, wanted: Fraction | None) -> bool:
        events = self.added_up(r, tag)
        if wanted is None or tag.match.value == "REGEX" or not events or events[-1] is not self.events[-1]:
            return False
        if tag.operation.value != "COUNT" and as_number(look_up(events[-1].content, tag.tag)) is None:
            return False
        now = self.total(r, tag, events, events[-1].at_ms)
        if now is None or not compares(tag.match.value, now, wanted):
            return False
        if r.livecue.aggregate.mode.value == "level" or len(events) == 1:
            return True
        since = {events[-2].at_ms, events[-1].at_ms}
        was = [self.total(r, tag, events[:-1], at_ms) for at_ms in since]
        return not all(total is not None and compares(tag.match.value, total, wanted) for total in was)

    def added_up(self, r: Rule, tag: Tag) -> list[LiveEvent]:
        """The events that the total may run over, whatever their age."""
        own, now = r.livecue.aggregate, self.events[-1]
        by_user = own.scope.value == "user"
        since = 0
        if own.reset.value == "on_fire":
            same = [f for f in self.firings if f.rule is r]
            if by_user:
                same = [f for f in same if viewer(f.content) == viewer(now.content)]
            since = max([f.events for f in same], default=0)
        return [
            e
            for e in self.events[since:]
            if e.type == r.event_type
            and look_up(e.content, tag.tag) is not None
            and (not by_user or viewer(e.content) == viewer(now.content) != "")
        ]

    @staticmethod
    def total(r: Rule, tag: Tag, events: list[LiveEvent], at_ms: int) -> Fraction | None:
        own = r.livecue.aggregate
        if own.window_s:
            slots = 12 if own.scope.value == "user" else 60
            width = -(-round(own.window_s * 1000) // slots)
            first = at_ms // width - round(own.window_s * 1000) // width + 1
            events = [e for e in events if e.at_ms // width >= first]
        if tag.operation.value == "COUNT":
            return Fraction(len(events)) or None
        numbers = [n for e in events if (n := as_number(look_up(e.content, tag.tag))) is not None]
        if not numbers:
            return None
        return sum(numbers, Fraction(0)) / (len(numbers) if tag.operation.value == "AVG" else 1)

    def figure(self, r: Rule) -> str:
        """What {total} says: of the first tag that makes a total it can compare."""
        for tag in r.hit_condition.tags:
            if self.fallback(r) or tag.operation.value == "NONE":
                continue
            if as_number(tag.value) is None or tag.match.value == "REGEX":
                continue
            events = self.added_up(r, tag)
            if not events or events[-1] is not self.events[-1]:
                return ""
            total = self.total(r, tag, events, events[-1].at_ms)
            if total is None:
                return ""
            return shown(round(total, 2) if tag.operation.value == "AVG" else total)
        return ""

    def take(self, r: Rule, event: LiveEvent) -> None:
        if r.livecue.combo is None:
            self.settle(r, event, event.at_ms, {"total": self.figure(r)})
            return
        by = [
            viewer(event.content) if name == "user" else as_text(look_up(event.content, name)) or ""
            for name in r.livecue.combo.by
        ]
        gifts = self.open.pop((r.rule_index, *by), None) or Gifts(r, [])
        gifts.frames.append(event)
        gifts.figure = self.figure(r)
        if as_text(look_up(event.content, "repeatEnd")) in {"1", "true"}:
            self.settle(r, event, event.at_ms, figures_of(gifts))
        else:
            self.open[(r.rule_index, *by)] = gifts

    def settle(self, r: Rule, event: LiveEvent, at_ms: int, figures: dict[str, str]) -> None:
        reason = self.held_back(r, event, at_ms)
        trigger, index = r.trigger, r.rule_index
        mode = trigger.reply_mode.value
        asks = mode == "INTELLIGENT_REPLY" or (self.can_call and "CALLBACK" in mode)
        speaks = mode.startswith("SYSTEM_REPLY")
        replies = [] if mode == "SHOW_LAYER" else self.replies(r, event, figures)
        if not reason and speaks and not asks and not replies:
            reason = "reply_texts"
        if reason:
            self.verdict.held.append((index, reason))
            return
        of_type = sum(e.type == r.event_type for e in self.events)
        chosen = replies[0][0] if replies else None
        self.firings.append(Firing(r, at_ms, event.content, len(self.events), of_type, chosen))
        if mode == "SHOW_LAYER":
            self.verdict.cues.append(said_by(r, event, at_ms, [], {}))
            return
        if speaks and replies:
            self.verdict.cues.append(said_by(r, event, at_ms, replies, figures))
        if trigger.layer_config:
            self.verdict.cues.append(said_by(r, event, at_ms, [], {}))
        if asks:
            kind = "chat" if mode == "INTELLIGENT_REPLY" else "callback"
            own = r.livecue.speak_answer
            spoken = kind == "chat" or (mode == "CALLBACK" if own is None else own)
            texts = tuple(said for _, way, said in replies if way == "speak")
            self.verdict.asks.append((kind, texts, index, spoken))

    def held_back(self, r: Rule, event: LiveEvent, at_ms: int) -> str:
        own, same = r.livecue, [f for f in self.firings if f.rule is r]
        window, user, question = r.trigger.time_window, viewer(event.content), asked(event.content)
        if same and (window == -1 or at_ms < same[-1].at_ms + window * 1000):
            return "time_window"
        if user and any(
            viewer(f.content) == user and at_ms < f.at_ms + own.per_user_cooldown_s * 1000 for f in same
        ):
            return "per_user_cooldown_s"
        group = [f for f in self.firings if f.rule.livecue.group and f.rule.livecue.group == own.group]
        if group and at_ms < group[-1].at_ms + own.group_cooldown_s * 1000:
            return "group_cooldown_s"
        between = sum(e.type == r.event_type for e in self.events) - (same[-1].of_type if same else 0) - 1
        if same and own.wait_messages and between < own.wait_messages:
            return "wait_messages"
        if question and any(
            asked(f.content) == question and at_ms < f.at_ms + own.dedup_s * 1000 for f in same
        ):
            return "dedup_s"
        return ""

    def replies(self, r: Rule, event: LiveEvent, figures: dict[str, str]) -> list[tuple[int, str, str]]:
        """What may be said, as (number, kind, text), the chosen one first."""
        texts = [text for text in r.trigger.reply_texts if sayable(text)]
        said = [filled(text, event.content, figures, r.livecue.mask) for text in texts]
        if any(text is not None for text in said):
            return [
                (n, "speak", text) for n in self.turns(r, event, len(said)) if (text := said[n]) is not None
            ]
        if not r.trigger.reply_mode.value.startswith("SYSTEM_REPLY"):
            return []
        urls = [audio.audio_url for audio in r.trigger.reply_audios]
        return [(n, "play_audio", urls[n]) for n in self.turns(r, event, len(urls))]

    def turns(self, r: Rule, event: LiveEvent, length: int) -> list[int]:
        start = 0
        if r.trigger.reply_order.value == "RANDOM":
            seed = f"{event.room}\0{r.rule_index}\0{event.id}".encode()
            start = int(hashlib.blake2b(seed, digest_size=8).hexdigest(), 16)
        else:
            before = [f.chosen for f in self.firings if f.rule is r and f.chosen is not None]
            start = before[-1] + 1 if before else 0
        return [(start + step) % length for step in range(length)]
