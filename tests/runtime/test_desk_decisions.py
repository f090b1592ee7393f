"""A desk hands on all that a decision holds: asks, combos closed by the time, the script's text."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.making import regex, rule
from livecue.domain import Ask, SignalKind
from livecue.engine import Rule, compile_rules
from livecue.engine.rules import Combo, Relation, ReplyMode
from livecue.runtime.desk import Desk, DeskRules
from livecue.runtime.ports import Delivery, Lane


def desk(*rules: Rule) -> Desk:
    script = {("护肤", "1"): "这款面膜"}
    return Desk("shop", DeskRules(compile_rules(rules), script=script), None)


def delivery(lane: Lane, at_ms: int, body: dict[str, Any]) -> Delivery:
    return Delivery(at_ms + 1, at_ms, lane, "shop", msgspec.json.encode(body))


def event(at_ms: int, event_type: int, content: dict[str, Any]) -> Delivery:
    return delivery(Lane.EVENTS, at_ms, {"timestamp": at_ms, "type": event_type, "content": content})


def told(at_ms: int, kind: SignalKind, **data: Any) -> Delivery:
    return delivery(Lane.SIGNALS, at_ms, {"v": 1, "kind": kind, "data": data})


def test_the_asks_of_a_round_are_handed_on() -> None:
    room = desk(rule("ask", regex("价"), reply_mode=ReplyMode.CALLBACK))
    room.take(event(5, 1, {"content": "价"}))
    done, commit = room.finish()
    assert [ask.rule_index for ask in done.asks] == ["ask"]
    assert commit.asks == done.asks
    assert isinstance(done.asks[0], Ask)


def test_a_tick_answers_the_combo_that_the_desk_waits_for() -> None:
    room = desk(rule("thanks", event_type=4, relation=Relation.RESERVED, combo=Combo()))
    room.take(event(0, 4, {"gift": {"giftName": "火箭"}}))
    assert room.next_due_ms == 3000
    assert room.finish()[1].cues == []
    room.take(told(3000, SignalKind.TICK))
    assert [cue.text for cue in room.finish()[1].cues] == ["thanks!"]


def test_a_switch_of_the_script_is_decided_by_its_text() -> None:
    room = desk(rule("mask", regex("面膜"), event_type=10))
    room.take(told(1, SignalKind.SCRIPT_SWITCH, scene="护肤", sequence_no=1))
    assert [cue.text for cue in room.finish()[1].cues] == ["mask!"]
