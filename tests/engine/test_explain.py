from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.making import AGES, Room, at_least, equal, event, regex, rule, signal_of
from engine.test_meaning_property import rule_lists, streams
from livecue.domain import LiveEvent, SignalKind
from livecue.engine import RoomState, Rule, compile_rules, handle, signal, tick
from livecue.engine.explain import Explanation, Verdict, explain
from livecue.engine.rules import Operation, Relation, ReplyMode

TOOK_PART = {Verdict.ANSWERED, Verdict.SHOWN, Verdict.GATHERED, Verdict.SUPPRESSED}


def of(room: Room, content: object, *, at_s: float = 0, type: int = 1) -> Explanation:  # noqa: A002
    happened = event(content, at_ms=round(at_s * 1000), type=type, id="9.0")
    return explain(room.program, room.state, happened, ages=AGES)


def told(found: Explanation) -> dict[str, tuple[str, str]]:
    return {each.rule_index: (each.verdict.value, each.reason) for each in found.rules}


def test_each_rule_of_the_type_says_why_it_did_or_did_not_answer() -> None:
    room = Room(
        rule("off", regex("价"), enabled=False, priority=1),
        rule("cloud", regex("价"), priority=2, reply_mode=ReplyMode.INTELLIGENT_REPLY, reply_texts=()),
        rule("scene", regex("价"), priority=3, enabled_scenes=("商品1",)),
        rule("size", regex("尺码"), priority=4),
        rule("level", regex("价"), at_least("level", "30"), priority=5),
        rule("price", regex("价"), priority=6),
        rule("again", equal("content", "价格"), priority=7),
        rule("gift", regex("价"), event_type=4),
        rule("rest", relation=Relation.RESERVED, priority=0),
    )
    room.program = compile_rules(room.program.rules, can_chat=False)
    found = of(room, "价格")
    assert [each.rule_index for each in found.rules][-2:] == ["again", "rest"]  # fallbacks are tried last
    assert told(found) == {
        "off": ("disabled", "enabled is false"),
        "cloud": ("left to the cloud", "INTELLIGENT_REPLY is not answered here"),
        "scene": ("wrong scene", "no scene is known yet, not 商品1"),
        "size": ("missed", 'content "价格" has no /尺码/'),
        "level": ("missed", "level is 3, wanted >= 30"),
        "price": ("answered", 'content "价格" has /价/'),
        "again": ("not reached", "price comes first"),
        "rest": ("not reached", "price comes first"),
    }


def test_a_suppressed_rule_says_by_what_and_until_when() -> None:
    room = Room(
        rule("w", regex("价"), time_window=20),
        rule("once", regex("码"), time_window=-1),
        rule("user", regex("退"), per_user_cooldown_s=60),
    )
    for said in ("价", "码", "退"):
        room.see(said, at_s=100)
    window = of(room, "价", at_s=105).of("w")
    assert window is not None
    assert (window.verdict, window.reason) == (
        Verdict.SUPPRESSED,
        "time_window 20: may speak again in 15 s",
    )
    assert window.until_ms == 120_000
    once = of(room, "码", at_s=7000).of("once")
    assert once is not None
    assert (once.reason, once.until_ms) == ("time_window -1: once per live", None)
    user = of(room, "退", at_s=130).of("user")
    assert user is not None
    assert user.reason == "per_user_cooldown_s 60: may speak again in 30 s"


@pytest.mark.parametrize(
    ("value", "reason"),
    [("100", "SUM of level >= 100 is not so yet"), ("4", "SUM of level >= 4 is now so")],
)
def test_a_total_says_whether_it_is_so(value: str, reason: str) -> None:
    room = Room(rule("sum", at_least("level", value, Operation.SUM)))
    room.see("x")
    assert told(of(room, "x"))["sum"][1] == reason


def test_a_total_that_was_so_before_says_that_it_fires_once() -> None:
    room = Room(rule("sum", at_least("level", "3", Operation.SUM)))
    room.see("x")
    assert told(of(room, "x"))["sum"] == (
        "missed",
        "SUM of level >= 3 was so before: it fires when it becomes so",
    )


def test_explaining_changes_nothing() -> None:
    room = Room(rule("sum", at_least("level", "3", Operation.SUM)), rule("w", regex("价"), time_window=20))
    room.see("价")
    before = room.state.to_json()
    of(room, "价")
    assert room.state.to_json() == before


@settings(max_examples=150, deadline=None)
@given(rules=rule_lists(), stream=streams(), scene=st.sampled_from(["", "A", "C"]))
def test_the_explanation_agrees_with_the_decision(
    rules: list[Rule], stream: list[LiveEvent], scene: str
) -> None:
    program, state = compile_rules(rules), RoomState()
    signal(program, state, signal_of(SignalKind.SCRIPT_SWITCH, scene=scene))
    for happened in stream:
        found = explain(program, deepcopy(state), happened, ages=AGES)
        tick(program, state, happened.at_ms, ages=AGES)
        decision = handle(program, state, happened, ages=AGES)
        assert found.decision == decision
        took_part = {each.rule_index for each in found.rules if each.verdict in TOOK_PART}
        asked = {ask.rule_index for ask in decision.asks}
        used = {cue.rule_index for cue in decision.cues} | asked | set(decision.suppressed + decision.pending)
        assert took_part == used | ({decision.hit_rule} - {""})
        _check_order(found)
        state = RoomState.from_json(json.loads(json.dumps(state.to_json())))


def _check_order(found: Explanation) -> None:
    """Whoever would have hit but was not reached stands behind the rule that won, and there is one."""
    order = [each.rule_index for each in found.rules]
    for each in found.rules:
        if each.verdict is Verdict.NOT_REACHED:
            assert found.decision.hit_rule
            assert order.index(each.rule_index) > order.index(found.decision.hit_rule)
