"""Which rules of a room in the cloud answer what livecue answers, too.

The cloud's rules are put through livecue's own engine, as the packs are: for events that are likely
to hit one of the two, both are asked what they would say. What is found is certain, by an example;
what is not found may still exist.

A room's own rules are all there is to look at. It cannot refer to a rule group (S4 6.1.6): rules are
copied out of it, and `group_id` and `group_name` of a rule say where it came from (S4 6.1.1, table
6-17). A group answers nowhere, and what is changed in it changes no room.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from livecue.domain import CueKind, EventType, LiveEvent, ReportMode
from livecue.engine import Decision, Program, RoomState, Rule, RuleError, compile_rules, handle
from livecue.setups.quiet import speaks
from livecue.setups.witness import contents, times

_APART_MS: Final = 3 * 3_600_000  # beyond every time window (S4: 7200 s)


@dataclass(frozen=True)
class Twice:
    """An event that the cloud's rule and livecue's both answer; `content` is what is in it."""

    cloud: str
    local: str
    event_type: int
    content: Mapping[str, Any]

    @property
    def said(self) -> str:
        """The content without the viewer, as short as can be."""
        rest = {name: value for name, value in self.content.items() if name != "user"}
        text = rest.get("content")
        return str(text) if isinstance(text, str) and len(rest) == 1 else json.dumps(rest, ensure_ascii=False)


def cloud_rules(shown: Mapping[str, Any]) -> tuple[list[Rule], list[str]]:
    """The rules by which the cloud answers in a room, and the names of those that cannot be read.

    The name of one that was copied from a rule group names the group, too.
    """
    rules: list[Rule] = []
    unread: list[str] = []
    rows = shown.get("interaction_rules")
    for number, row in enumerate(rows if isinstance(rows, list) else [], start=1):
        if not isinstance(row, Mapping) or not speaks(row):
            continue
        plain = _without_nulls(row)
        name = _name(plain, number)
        plain |= {"rule_index": f"cloud-{number}", "rule_name": name}
        try:
            rule = msgspec.convert(plain, Rule, strict=False)
            compile_rules([rule], can_call=False, can_chat=True)
        except (msgspec.ValidationError, RuleError):
            unread.append(name)
        else:
            rules.append(rule)
    return rules, unread


def answered_twice(local: Program, cloud: Sequence[Rule], report: ReportMode) -> tuple[Twice, ...]:
    """For each of the cloud's rules an event that it and `local` both answer, if one was found.

    The cloud hears of an event only if livecue reports it, but of its own script (type 10) always.
    """
    theirs = compile_rules(cloud, can_call=False, can_chat=True)
    names = {rule.rule_index: rule.rule_name or rule.rule_index for rule in (*local.rules, *cloud)}
    found: dict[str, Twice] = {}
    for asked, others in ((cloud, local.rules), (local.rules, cloud)):
        for rule, scene, content in _tries(asked, others):
            for ours, their in _clashes(local, theirs, report, rule, scene, content):
                found.setdefault(their, Twice(names[their], names[ours], rule.event_type, content))
    return tuple(found[rule.rule_index] for rule in cloud if rule.rule_index in found)


def _name(rule: Mapping[str, Any], number: int) -> str:
    name = str(rule.get("rule_name") or rule.get("rule_index") or f"number {number}")
    group = rule.get("group_name") or rule.get("group_id")
    return f"{name} (from the rule group {group})" if group else name


def _clashes(
    local: Program, cloud: Program, report: ReportMode, rule: Rule, scene: str, content: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Pairs of rules, ours and the cloud's, that answer one and the same event."""
    ours, theirs = RoomState(scene=scene), RoomState(scene=scene)
    raw = json.dumps(content, ensure_ascii=False)
    for number in range(times(rule)):
        at_ms = (number + 1) * _APART_MS
        event = LiveEvent("room", f"{number}.0", at_ms, at_ms, rule.event_type, content, raw)
        decided = handle(local, ours, event)
        if not _heard(rule.event_type, decided, report):
            continue
        answer = handle(cloud, theirs, event)
        for mine, their in zip(_acts(decided), _acts(answer), strict=True):
            yield from ((one, other) for one in mine for other in their)


def _heard(event_type: int, decided: Decision, report: ReportMode) -> bool:
    if event_type == EventType.SCRIPT or report is ReportMode.ALL:
        return True
    return report is ReportMode.UNMATCHED and not decided.matched


def _acts(decision: Decision) -> tuple[list[str], list[str]]:
    """The rules that speak, and those that show a layer."""
    layers = [cue.rule_index for cue in decision.cues if cue.kind is CueKind.SHOW_LAYER]
    words = [cue.rule_index for cue in decision.cues if cue.kind is not CueKind.SHOW_LAYER]
    return [*words, *(ask.rule_index for ask in decision.asks), *decision.pending], layers


def _tries(rules: Sequence[Rule], others: Sequence[Rule]) -> Iterator[tuple[Rule, str, Mapping[str, Any]]]:
    """Events that may hit one of `rules`, each in the scenes where another may, too; "" is any other."""
    types = {other.event_type for other in others if other.enabled}
    for rule in rules:
        if rule.enabled and rule.event_type in types:
            named = {scene for other in others for scene in other.enabled_scenes}
            for scene in rule.enabled_scenes or ["", *sorted(named)]:
                yield from ((rule, scene, content) for content in contents(rule))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
