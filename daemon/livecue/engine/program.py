"""Rules compiled for matching: immutable, ordered, indexed by event type.

The order is (priority, position in the list). Rules that are disabled or that only the cloud can
answer take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from livecue.domain import LiveEvent
from livecue.engine.acts import Act, act_of
from livecue.engine.conditions import (
    COMPARE,
    Compared,
    Condition,
    Constant,
    Equal,
    Facts,
    Found,
    Totalled,
    threshold,
)
from livecue.engine.fields import Number, Scalar, number_of, reader, text_of
from livecue.engine.limits import Limits
from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.index import Conditions, Index
from livecue.engine.matcher.pattern import pattern_of
from livecue.engine.rules import Match, Mode, Operation, Relation, ReplyMode, Reset, Rule, Tag
from livecue.engine.state import RoomState
from livecue.engine.totals import NO_STEP, Meter, meter_for
from livecue.engine.viewers import identity


class RuleError(ValueError):
    """A rule cannot be compiled. Remedy: load rules by `livecue.packs`, which says where and why."""


@dataclass(slots=True, frozen=True)
class Plan:
    """One rule, ready to be matched and fired. `total` is what `{total}` speaks of, `resets` are the
    totals that firing resets.
    """

    rule: Rule
    conditions: tuple[Condition, ...]
    any_of: bool
    scenes: frozenset[str]
    layer_only: bool
    act: Act
    total: Totalled | None
    resets: tuple[Meter, ...]

    def hit(self, facts: Facts) -> bool:
        """Whether the rule's conditions hold; no condition at all never holds."""
        if self.any_of:
            return any(condition.hit(facts) for condition in self.conditions)
        return bool(self.conditions) and all(condition.hit(facts) for condition in self.conditions)


@dataclass(slots=True, frozen=True)
class TypeProgram:
    """The rules of one event type. `fields` and `meters` are what they read, each once. `by_user`:
    some total is a single viewer's. `counted`: some rule waits for other events.
    """

    plans: tuple[Plan, ...]
    index: Index
    fallbacks: tuple[Plan, ...]
    has_layers: bool
    only: str
    fields: tuple[Callable[[Mapping[str, Any]], Scalar | None], ...]
    numeric: tuple[int, ...]
    meters: tuple[Meter, ...]
    by_user: bool
    counted: bool

    @property
    def all_plans(self) -> tuple[Plan, ...]:
        return self.plans + self.fallbacks

    def facts(self, event: LiveEvent, state: RoomState, limits: Limits) -> tuple[Facts, int]:
        """What the conditions see, with this event added to the totals, and how many fields that
        a rule reads as a number were none.
        """
        content = event.content
        if self.only:  # one field that is read as text, by far the most common
            text = content.get(self.only)
            if type(text) is str:
                return Facts((text,), (), []), 0
        values = [read(content) for read in self.fields]
        texts = [value if type(value) is str else text_of(value) for value in values]
        odd = 0
        numbers: list[Number | None] = [None] * len(values)
        for at in self.numeric:
            numbers[at] = number = number_of(values[at])
            odd += number is None
        facts = Facts(texts, numbers, [])
        user = identity(event.content) if self.by_user else ""
        for meter in self.meters:
            at = meter.field
            if values[at] is None or (meter.by_user and not user):
                facts.totals.append(NO_STEP)
            else:
                total = state.total(meter, user, event.at_ms, limits)
                facts.totals.append(meter.step(total, facts.numbers[at], event.at_ms))
        return facts, odd


@dataclass(slots=True, frozen=True)
class Program:
    """All rules of a room. `rules` are the given ones in evaluation order, also those without part.
    `plans` are those with part, by rule_index.
    """

    rules: tuple[Rule, ...]
    by_type: Mapping[int, TypeProgram]
    plans: Mapping[str, Plan]

    @property
    def event_types(self) -> frozenset[int]:
        """The types that some rule looks at; events of others need not be decoded."""
        return frozenset(self.by_type)


def compile_rules(rules: Sequence[Rule], *, can_call: bool = True, can_chat: bool = True) -> Program:
    """The program of `rules`, whose order counts among equal priorities.

    `can_call`, `can_chat`: whether the room has a callback URL and a chat endpoint; rules that need
    what is missing are left to the cloud.

    Raises:
        RuleError: a rule_index stands twice, or a REGEX cannot be compiled.
    """
    seen: set[str] = set()
    for rule in rules:
        if rule.rule_index in seen:
            raise RuleError(f"rule_index {rule.rule_index!r} stands twice")
        seen.add(rule.rule_index)
    ordered = tuple(sorted(rules, key=lambda rule: rule.hit_condition.priority))
    builders: dict[int, _Builder] = {}
    for rule in ordered:
        if rule.enabled and rule.evaluated(can_call=can_call, can_chat=can_chat):
            act = act_of(rule, can_call=can_call)
            builders.setdefault(rule.event_type, _Builder(rule.event_type)).add(rule, act)
    by_type = {event_type: builder.build() for event_type, builder in builders.items()}
    plans = {plan.rule.rule_index: plan for typed in by_type.values() for plan in typed.all_plans}
    return Program(ordered, MappingProxyType(by_type), MappingProxyType(plans))


@dataclass(slots=True)
class _Builder:
    event_type: int
    plans: list[Plan] = field(default_factory=list)
    fallbacks: list[Plan] = field(default_factory=list)
    tags: dict[str, int] = field(default_factory=dict)
    numeric: set[int] = field(default_factory=set)
    meters: list[Meter] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def build(self) -> TypeProgram:
        return TypeProgram(
            plans=tuple(self.plans),
            index=Index([Conditions(plan.conditions, plan.any_of) for plan in self.plans]),
            fallbacks=tuple(self.fallbacks),
            has_layers=any(plan.layer_only for plan in self.plans),
            only=self._only(),
            fields=tuple(reader(tag) for tag in self.tags),
            numeric=tuple(sorted(self.numeric)),
            meters=tuple(self.meters),
            by_user=any(meter.by_user for meter in self.meters),
            counted=any(plan.act.wait for plan in self.plans + self.fallbacks),
        )

    def _only(self) -> str:
        """The leaf name that every rule reads, as text; empty if there are more or other ones."""
        tags = list(self.tags)
        plain = len(tags) == 1 and "." not in tags[0] and not self.numeric and not self.meters
        return tags[0] if plain else ""

    def add(self, rule: Rule, act: Act) -> None:
        relation = rule.hit_condition.relation
        fallback = relation is Relation.RESERVED
        conditions: tuple[Condition, ...] = (Constant(value=True),)
        if not fallback:
            conditions = tuple(self._condition(rule, tag) for tag in rule.hit_condition.tags)
        totals = [condition for condition in conditions if isinstance(condition, Totalled)]
        plan = Plan(
            rule=rule,
            conditions=conditions,
            any_of=relation is Relation.OR,
            scenes=frozenset(rule.enabled_scenes),
            layer_only=rule.trigger.reply_mode is ReplyMode.SHOW_LAYER,
            act=act,
            total=totals[0] if totals else None,
            resets=self._resets(rule, totals),
        )
        (self.fallbacks if fallback else self.plans).append(plan)

    def _condition(self, rule: Rule, tag: Tag) -> Condition:
        at = self.tags.setdefault(tag.tag, len(self.tags))
        if tag.operation is not Operation.NONE:
            return self._totalled(rule, tag, at)
        if tag.match is Match.EQUAL:
            return Equal(at, tag.value)
        if tag.match is Match.REGEX:
            try:
                return Found(at, pattern_of(tag.value))
            except PatternError as error:
                raise RuleError(f"rule {rule.rule_index!r}: REGEX {tag.value!r}: {error}") from error
        self.numeric.add(at)
        value = threshold(tag.value)
        return Constant(value=False) if value is None else Compared(at, COMPARE[tag.match], value)

    def _totalled(self, rule: Rule, tag: Tag, at: int) -> Condition:
        if tag.operation is not Operation.COUNT:
            self.numeric.add(at)
        aggregate = rule.livecue.aggregate
        meter = meter_for(self.event_type, tag.tag, at, aggregate, rule.rule_index)
        total = self.places.setdefault(meter.key, len(self.meters))
        if total == len(self.meters):
            self.meters.append(meter)
        value = threshold(tag.value)
        if value is None or tag.match is Match.REGEX:  # a total is a number: there is no text to search
            return Constant(value=False)
        return Totalled(total, tag.operation, COMPARE[tag.match], value, aggregate.mode is Mode.LEVEL)

    def _resets(self, rule: Rule, totals: list[Totalled]) -> tuple[Meter, ...]:
        if rule.livecue.aggregate.reset is Reset.NEVER:
            return ()
        return tuple(dict.fromkeys(self.meters[condition.total] for condition in totals))
