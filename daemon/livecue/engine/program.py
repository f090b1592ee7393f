"""Rules compiled for matching: immutable, ordered, indexed by event type.

The order is (priority, position in the list). Rules that are disabled or that only the cloud can
answer (CALLBACK, INTELLIGENT_REPLY) take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

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
from livecue.engine.fields import Scalar, number_of, reader, text_of
from livecue.engine.patterns import PatternError, Search, search_for
from livecue.engine.rules import Match, Operation, Relation, ReplyMode, Rule, Tag
from livecue.engine.state import RoomState, Total

_MS = 1000


class RuleError(ValueError):
    """A rule cannot be compiled. Remedy: load rules by `livecue.packs`, which says where and why."""


@dataclass(slots=True, frozen=True)
class Plan:
    """One rule, ready to be matched and fired. `window_ms` -1: once per live.

    A rule whose whole condition is one REGEX, the common case, has it in `search` and `field`.
    """

    rule: Rule
    conditions: tuple[Condition, ...]
    any_of: bool
    search: Search | None
    field: int
    scenes: frozenset[str]
    layer_only: bool
    window_ms: int
    cooldown_ms: int
    max_age_ms: int | None
    texts: tuple[str, ...]
    audios: tuple[str, ...]

    def hit(self, facts: Facts) -> bool:
        """Whether the rule's conditions hold; no condition at all never holds."""
        if self.any_of:
            return any(condition.hit(facts) for condition in self.conditions)
        return bool(self.conditions) and all(condition.hit(facts) for condition in self.conditions)


@dataclass(slots=True, frozen=True)
class TypeProgram:
    """The rules of one event type. `fields` and `totals` are what they read, each once."""

    plans: tuple[Plan, ...]
    fallbacks: tuple[Plan, ...]
    has_layers: bool
    fields: tuple[Callable[[Mapping[str, Any]], Scalar | None], ...]
    numeric: tuple[int, ...]
    totals: tuple[tuple[str, int], ...]

    def facts(self, content: Mapping[str, Any], state: RoomState) -> tuple[Facts, int]:
        """What the conditions see, with this event added to the totals, and how many fields that
        a rule reads as a number were none.
        """
        values = [read(content) for read in self.fields]
        facts = Facts([text_of(value) for value in values], [None] * len(values), [])
        odd = 0
        for at in self.numeric:
            number = facts.numbers[at] = number_of(values[at])
            odd += number is None
        for key, at in self.totals:
            facts.totals.append(_add(state, key, values[at], facts, at))
        return facts, odd


def _add(state: RoomState, key: str, value: Scalar | None, facts: Facts, at: int) -> tuple[Total, Total]:
    if value is None:
        total = state.totals.get(key) or Total()
        return total, total
    total = state.total(key)
    before = Total(total.seen, total.numbers, total.sum)
    total.seen += 1
    number = facts.numbers[at]
    if number is not None:
        total.numbers += 1
        total.sum += number
    return before, total


@dataclass(slots=True, frozen=True)
class Program:
    """All rules of a room. `rules` are the given ones in evaluation order, also those without part."""

    rules: tuple[Rule, ...]
    by_type: Mapping[int, TypeProgram]

    @property
    def event_types(self) -> frozenset[int]:
        """The types that some rule looks at; events of others need not be decoded."""
        return frozenset(self.by_type)


def compile_rules(rules: Sequence[Rule]) -> Program:
    """The program of `rules`, whose order counts among equal priorities.

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
        if rule.enabled and rule.evaluated_here:
            builders.setdefault(rule.event_type, _Builder(rule.event_type)).add(rule)
    by_type = {event_type: builder.build() for event_type, builder in builders.items()}
    return Program(ordered, MappingProxyType(by_type))


@dataclass(slots=True)
class _Builder:
    event_type: int
    plans: list[Plan] = field(default_factory=list)
    fallbacks: list[Plan] = field(default_factory=list)
    tags: dict[str, int] = field(default_factory=dict)
    numeric: set[int] = field(default_factory=set)
    totals: dict[str, int] = field(default_factory=dict)

    def build(self) -> TypeProgram:
        return TypeProgram(
            plans=tuple(self.plans),
            fallbacks=tuple(self.fallbacks),
            has_layers=any(plan.layer_only for plan in self.plans),
            fields=tuple(reader(tag) for tag in self.tags),
            numeric=tuple(sorted(self.numeric)),
            totals=tuple((f"{self.event_type}:{tag}", self.tags[tag]) for tag in self.totals),
        )

    def add(self, rule: Rule) -> None:
        relation = rule.hit_condition.relation
        fallback = relation is Relation.RESERVED
        conditions: tuple[Condition, ...] = (Constant(value=True),)
        if not fallback:
            conditions = tuple(self._condition(rule, tag) for tag in rule.hit_condition.tags)
        alone = conditions[0] if len(conditions) == 1 and isinstance(conditions[0], Found) else None
        plan = Plan(
            rule=rule,
            conditions=conditions,
            any_of=relation is Relation.OR,
            search=alone.search if alone else None,
            field=alone.field if alone else 0,
            scenes=frozenset(rule.enabled_scenes),
            layer_only=rule.trigger.reply_mode is ReplyMode.SHOW_LAYER,
            window_ms=max(rule.trigger.time_window * _MS, -1),
            cooldown_ms=round(rule.livecue.per_user_cooldown_s * _MS),
            max_age_ms=None if rule.livecue.max_age_s is None else round(rule.livecue.max_age_s * _MS),
            texts=rule.texts,
            audios=rule.audios,
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
                return Found(at, search_for(tag.value))
            except PatternError as error:
                raise RuleError(f"rule {rule.rule_index!r}: REGEX {tag.value!r}: {error}") from error
        self.numeric.add(at)
        value = threshold(tag.value)
        return Constant(value=False) if value is None else Compared(at, COMPARE[tag.match], value)

    def _totalled(self, rule: Rule, tag: Tag, at: int) -> Condition:
        if tag.operation is not Operation.COUNT:
            self.numeric.add(at)
        total = self.totals.setdefault(tag.tag, len(self.totals))
        value = threshold(tag.value)
        if value is None or tag.match is Match.REGEX:  # a total is a number: there is no text to search
            return Constant(value=False)
        return Totalled(total, tag.operation, COMPARE[tag.match], value, rule.livecue.aggregate.level)
