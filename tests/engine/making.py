"""Rules, events and signals for tests, in few words."""

from __future__ import annotations

import json
from typing import Any

from livecue.domain import LiveEvent, Signal, SignalKind
from livecue.engine import (
    Ages,
    Decision,
    Limits,
    Program,
    RoomState,
    Rule,
    Script,
    compile_rules,
    handle,
    signal,
    tick,
)
from livecue.engine.rules import (
    Additions,
    Aggregate,
    HitCondition,
    Match,
    Merging,
    Mode,
    Operation,
    Relation,
    ReplyMode,
    Tag,
    Trigger,
)

OWN = ("enabled", "enabled_scenes", "rule_name", "review_config")
AGES = Ages(reply_ms=8000, gift_ms=9000)

MERGES = (
    Merging("谢{names}的{giftName}"),
    Merging("{combo.count}谢{names}等{count}位", 3),
    Merging("{total}{names}{content}{nope}"),
    Merging("{names}{user.name}"),
    False,
)


def regex(value: str, tag: str = "content") -> Tag:
    return Tag(tag, Match.REGEX, value)


def equal(tag: str, value: str) -> Tag:
    return Tag(tag, Match.EQUAL, value)


def at_least(tag: str, value: str, operation: Operation = Operation.NONE) -> Tag:
    return Tag(tag, Match.MATH_GE, value, operation)


def rule(index: str, *tags: Tag, event_type: int = 1, **more: Any) -> Rule:
    """A SYSTEM_REPLY rule that answers `<index>!`; `more` fills whichever part has that field."""
    relation = more.pop("relation", Relation.AND)
    priority = more.pop("priority", 500)
    mode = Mode.LEVEL if more.pop("level", False) else Mode.CROSSING
    additions = {name: more.pop(name) for name in Additions.__struct_fields__ if name in more}
    additions.setdefault("aggregate", Aggregate(mode=mode))
    own = {name: more.pop(name) for name in OWN if name in more}
    if more.get("reply_mode") is not ReplyMode.SHOW_LAYER:
        more.setdefault("reply_texts", (f"{index}!",))
    return Rule(
        rule_index=index,
        event_type=event_type,
        hit_condition=HitCondition(relation, priority, tags),
        trigger=Trigger(**more),
        livecue=Additions(**additions),
        **own,
    )


def event(content: Any, *, at_ms: int = 0, type: int = 1, id: str = "1.0", room: str = "shop") -> LiveEvent:  # noqa: A002
    if isinstance(content, str):
        content = {"user": {"userId": "7", "name": "小李", "level": 3}, "content": content}
    return LiveEvent(room, id, at_ms, at_ms, type, content, json.dumps(content))


def signal_of(kind: SignalKind, **data: Any) -> Signal:
    return Signal("shop", "s.1", 0, kind, data)


class Room:
    """A room whose rules are fed one event after the other, a millisecond id each."""

    def __init__(self, *rules: Rule) -> None:
        self.program: Program = compile_rules(rules)
        self.state = RoomState()
        self.limits = Limits()
        self.count = 0

    def see(self, content: Any, *, at_s: float = 0, type: int = 1) -> Decision:  # noqa: A002
        self.count += 1
        happened = event(content, at_ms=round(at_s * 1000), type=type, id=f"{self.count}.0")
        return handle(self.program, self.state, happened, ages=AGES, limits=self.limits)

    def tick(self, at_s: float) -> Decision:
        return tick(self.program, self.state, round(at_s * 1000), ages=AGES)

    def told(
        self, kind: SignalKind, *, at_s: float = 0, script: Script | None = None, **data: Any
    ) -> Decision:
        heard = Signal("shop", f"s{self.count}", round(at_s * 1000), kind, data)
        return signal(self.program, self.state, heard, script=script or {}, ages=AGES)

    def said(self, content: Any, *, at_s: float = 0, type: int = 1) -> list[str]:  # noqa: A002
        return [cue.text for cue in self.see(content, at_s=at_s, type=type).cues]
