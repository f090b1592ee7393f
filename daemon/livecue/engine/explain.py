"""Why each rule did or did not answer an event. Asks the engine itself, so that it cannot disagree.

What the whole set decides comes from `handle`; whether a rule that took no part in it would hit comes
from `handle` on that rule alone, and on each of its tags alone. The state given is left as it is.
"""

from __future__ import annotations

from copy import deepcopy
from enum import StrEnum

import msgspec

from livecue.domain import LiveEvent
from livecue.engine.ages import DEFAULT_AGES, Ages
from livecue.engine.engine import Decision, handle, tick
from livecue.engine.fields import number_of, reader, text_of
from livecue.engine.finding import QUARANTINE
from livecue.engine.holding import Held
from livecue.engine.program import Program, compile_rules
from livecue.engine.rules import Additions, Match, Mode, Operation, Relation, ReplyMode, Rule, Tag, Trigger
from livecue.engine.state import RoomState

_SIGNS = {
    Match.EQUAL: "=",
    Match.MATH_EQ: "=",
    Match.MATH_GT: ">",
    Match.MATH_GE: ">=",
    Match.MATH_LT: "<",
    Match.MATH_LE: "<=",
}
_CONDITIONS = ("aggregate", "distinct_users")
"""livecue's keys that say what hits; all others say when and how a hit may speak."""

_FAR_MS = 1 << 40
_SHOWN = 3


class Verdict(StrEnum):
    """What one rule came to, for one event."""

    ANSWERED = "answered"
    SHOWN = "shown"  # its layer alone
    GATHERED = "gathered"
    SUPPRESSED = "suppressed"
    NOT_REACHED = "not reached"
    MISSED = "missed"
    WRONG_SCENE = "wrong scene"
    DISABLED = "disabled"
    LEFT_TO_CLOUD = "left to the cloud"


class Explained(msgspec.Struct, frozen=True):
    """One rule of the event's type. `until_ms`: when it may speak again, None if time alone won't do."""

    rule_index: str
    rule_name: str
    priority: int
    verdict: Verdict
    reason: str
    until_ms: int | None = None


class Explanation(msgspec.Struct, frozen=True):
    """The decision, and every rule of the event's type in the order of evaluation."""

    decision: Decision
    rules: tuple[Explained, ...]

    def of(self, rule_index: str) -> Explained | None:
        return next((rule for rule in self.rules if rule.rule_index == rule_index), None)


def explain(
    program: Program, state: RoomState, event: LiveEvent, *, ages: Ages = DEFAULT_AGES
) -> Explanation:
    """Why `handle(program, state, event)` decides what it decides."""
    before = deepcopy(state)
    tick(program, before, event.at_ms, ages=ages)  # combos that ran out before it
    decision = handle(program, deepcopy(before), event, ages=ages)
    asker = _Asker(program, before, event, decision)
    rules = [rule for rule in program.rules if rule.event_type == event.type]
    rules.sort(key=lambda rule: rule.hit_condition.relation is Relation.RESERVED)  # stable: fallbacks last
    return Explanation(decision, tuple(asker.explained(rule) for rule in rules))


class _Asker:
    """One event before one program, to be asked about rule by rule."""

    def __init__(self, program: Program, state: RoomState, event: LiveEvent, decision: Decision) -> None:
        self._program = program
        self._state = state
        self._event = event
        self._decision = decision
        self._used = {cue.rule_index for cue in decision.cues} | {ask.rule_index for ask in decision.asks}
        self._held = dict(zip(decision.suppressed, decision.held, strict=True))

    def explained(self, rule: Rule) -> Explained:
        verdict, reason, until_ms = self._verdict(rule)
        priority = rule.hit_condition.priority
        return Explained(rule.rule_index, rule.rule_name, priority, verdict, reason, until_ms)

    def _verdict(self, rule: Rule) -> tuple[Verdict, str, int | None]:
        index, layer_only = rule.rule_index, rule.trigger.reply_mode is ReplyMode.SHOW_LAYER
        if not rule.enabled:
            return Verdict.DISABLED, "enabled is false", None
        if index in self._held:
            until_ms = self._until(index)
            return Verdict.SUPPRESSED, self._why_held(rule, until_ms), until_ms
        if index in self._used:
            verdict = Verdict.SHOWN if layer_only else Verdict.ANSWERED
            return verdict, self._why_hit(rule), None
        if index in self._decision.pending:
            return Verdict.GATHERED, "counted into the viewer's combo, answered at its end", None
        if index not in self._program.plans:
            return Verdict.LEFT_TO_CLOUD, f"{rule.trigger.reply_mode.value} is not answered here", None
        if rule.enabled_scenes and self._state.scene not in rule.enabled_scenes:
            now = f"the scene is {self._state.scene!r}" if self._state.scene else "no scene is known yet"
            return Verdict.WRONG_SCENE, f"{now}, not {' or '.join(rule.enabled_scenes)}", None
        if not self._hits(rule):
            return Verdict.MISSED, self._why_missed(rule), None
        winner = self._decision.hit_rule
        return Verdict.NOT_REACHED, f"{winner} comes first" if winner else "the event was not decided", None

    def _hits(self, rule: Rule, *tags: Tag) -> bool:
        """Whether the rule would hit if it stood alone and nothing held it back; with `tags` those alone."""
        condition = rule.hit_condition
        if tags:
            condition = msgspec.structs.replace(condition, relation=Relation.AND, tags=tags)
        kept = {name: getattr(rule.livecue, name) for name in _CONDITIONS[: 1 if tags else 2]}
        bare = msgspec.structs.replace(
            rule,
            hit_condition=condition,
            enabled_scenes=(),
            trigger=Trigger(reply_texts=("!",)),
            livecue=Additions(**kept),
        )
        state = deepcopy(self._state)
        state.combos.clear()
        decided = handle(compile_rules([bare]), state, self._event)
        return decided.matched

    def _why_hit(self, rule: Rule) -> str:
        if rule.hit_condition.relation is Relation.RESERVED:
            return "the fallback: no other rule hit"
        hits = [tag for tag in rule.hit_condition.tags if self._hits(rule, tag)]
        return "; ".join(self._told(rule, tag) for tag in hits[:_SHOWN]) or "its conditions hold together"

    def _why_missed(self, rule: Rule) -> str:
        index, tags = rule.rule_index, rule.hit_condition.tags
        if index in self._decision.timeouts:
            return "its REGEX took too long on this event"
        if self._state.timeouts.get(index, 0) >= QUARANTINE:
            return "its REGEX took too long on earlier events: not tried again in this live"
        missed = [tag for tag in tags if not self._hits(rule, tag)]
        if not tags:
            return "it has no tags"
        if not missed:
            wanted = rule.livecue.distinct_users
            return (
                f"too few viewers yet: wants {wanted.users} in {wanted.within_s:g} s"
                if wanted
                else "its tags hold"
            )
        if rule.hit_condition.relation is Relation.OR:
            more = f"; and {len(missed) - _SHOWN} more" if len(missed) > _SHOWN else ""
            return "; ".join(self._told(rule, tag) for tag in missed[:_SHOWN]) + more
        return self._told(rule, missed[0])

    def _told(self, rule: Rule, tag: Tag) -> str:
        """The tag beside the value it was compared with."""
        if tag.operation is not Operation.NONE:
            return self._total_told(rule, tag)
        value = reader(tag.tag)(self._event.content)
        text = text_of(value)
        if text is None:
            return f"the event has no {tag.tag}"
        if tag.match is Match.REGEX:
            return f'{tag.tag} "{_short(text)}" {"has" if self._hits(rule, tag) else "has no"} /{_short(tag.value)}/'
        if tag.match is Match.EQUAL:
            return f'{tag.tag} is "{_short(text)}", wanted "{_short(tag.value)}"'
        if number_of(value) is None:
            return f'{tag.tag} "{_short(text)}" is no number'
        return f"{tag.tag} is {text}, wanted {_SIGNS[tag.match]} {tag.value}"

    def _total_told(self, rule: Rule, tag: Tag) -> str:
        wanted = f"{tag.operation.value} of {tag.tag} {_SIGNS.get(tag.match, tag.match.value)} {tag.value}"
        if self._hits(rule, tag):
            return f"{wanted} is now so"
        level = msgspec.structs.replace(rule.livecue.aggregate, mode=Mode.LEVEL)
        always = msgspec.structs.replace(rule.livecue, aggregate=level)
        if self._hits(msgspec.structs.replace(rule, livecue=always), tag):
            return f"{wanted} was so before: it fires when it becomes so"
        return f"{wanted} is not so yet"

    def _why_held(self, rule: Rule, until_ms: int | None) -> str:
        """By which key, and for how long yet."""
        key = self._held[rule.rule_index]
        value = getattr(rule.livecue, key, rule.trigger.time_window)
        if key == Held.TEXTS:
            return "no reply text has all its variables filled by this event"
        if until_ms is not None:
            return f"{key} {value:g}: may speak again in {(until_ms - self._event.at_ms) / 1000:g} s"
        if key == Held.WAIT:
            return f"{key} {value}: too few other events since it spoke"
        return f"{key} {value}: once per live"

    def _until(self, index: str) -> int | None:
        """The first moment at which the same event would no longer be held back, by bisection."""
        if self._held_at(index, _FAR_MS):
            return None
        low, high = 0, 1
        while self._held_at(index, high):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._held_at(index, middle) else (low, middle)
        return self._event.at_ms + high

    def _held_at(self, index: str, after_ms: int) -> bool:
        later = msgspec.structs.replace(self._event, at_ms=self._event.at_ms + after_ms)
        decided = handle(self._program, deepcopy(self._state), later)
        return index in decided.suppressed


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"
