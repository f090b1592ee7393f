from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.making import AGES, MERGES, signal_of
from engine.naive import Naive, Verdict
from engine.naive_saying import seen
from livecue.domain import Ask, Cue, LiveEvent, SignalKind
from livecue.engine import (
    Decision,
    Limits,
    RoomState,
    Rule,
    compile_rules,
    handle,
    next_due_ms,
    signal,
    tick,
)
from livecue.engine.rules import (
    Additions,
    Aggregate,
    Combo,
    DistinctUsers,
    HitCondition,
    Match,
    Merging,
    Mode,
    Operation,
    Relation,
    ReplyAudio,
    ReplyMode,
    ReplyOrder,
    Reset,
    Scope,
    Tag,
    Trigger,
)

NUMBERS: list[Any] = [
    *(0, 1, 2, 5, 10, -3, 10**30, 0.5, 2.5, 1e300, float("inf"), float("nan"), True, False, None),
    *("1", "10", " 5 ", "2.50", "1e1", "1e999", "NaN", "", "十", "1_0", [], {}, [3]),
]
scalars = st.sampled_from(NUMBERS)
users = st.fixed_dictionaries(
    {},
    optional={
        "userId": st.sampled_from(["a", "b", "c", "0", 7]),
        "level": scalars,
        "content": st.just("深"),
        "name": st.sampled_from(["小李", "<b>&'李", "", "\u202e", "很长的名字" * 9, "{names}", "{"]),
    },
)
gifts = st.fixed_dictionaries(
    {},
    optional={
        "giftName": st.sampled_from(["火箭", "心"]),
        "totalValue": scalars,
        "level": scalars,
        "giftNum": st.sampled_from([1, "3", 0.5]),
        "repeatCount": st.sampled_from([1, 2, 9]),
        "repeatEnd": st.sampled_from([0, 1, "1", True]),
    },
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "user": users,
        "content": st.sampled_from(["价格", "价 格？", "价格呀", "多少钱", "价", "hello 10", "", 10, True]),
        "gift": gifts,
        "list": st.lists(st.fixed_dictionaries({"level": scalars}), max_size=2),
    },
)
tags = st.builds(
    Tag,
    tag=st.sampled_from(["content", "level", "user.level", "totalValue", "userId", "missing", "gift.nope"]),
    match=st.sampled_from(Match),
    value=st.sampled_from(["价", "价格|钱", "10", "1", "2.5", "true", "0", "3", "-1", "1.50"]),
    operation=st.sampled_from([Operation.NONE, *Operation]),
)
triggers = st.builds(
    Trigger,
    time_window=st.sampled_from([-1, 0, 0, 1, 2]),
    reply_mode=st.sampled_from([ReplyMode.SYSTEM_REPLY, *ReplyMode]),
    reply_texts=st.sampled_from(
        [
            *(("a",), ("a", "b", "c"), ("", "b"), ()),
            *(("谢{user.name}", "谢谢"), ("{content}!", "<speak>{content}{name}</speak>", "{nope}")),
            *(("{total}", "{combo.count}x{combo.value}"), ("{total}{gift.giftName}",)),
            *(("<b>", '<speaK>好<break time="3s"/>{content}</speaK>'), ("<speak>{name}<b>&amp;", "b")),
            *(("<speak><b>", "<speak><b/></spea>"), ("<speak>&lt;b {content}</speak", "谢 谢")),
        ]
    ),
    reply_audios=st.sampled_from([(), (ReplyAudio("https://x/1.mp3"), ReplyAudio("https://x/2.mp3"))]),
    reply_order=st.sampled_from(ReplyOrder),
    layer_config=st.sampled_from([None, {"layer_type": "TEXT"}]),
)
aggregates = st.builds(
    Aggregate,
    window_s=st.sampled_from([0, 0, 1, 2.5]),
    reset=st.sampled_from(Reset),
    scope=st.sampled_from([Scope.ROOM, *Scope]),
    mode=st.sampled_from(Mode),
)


@st.composite
def additions(draw: st.DrawFn) -> Additions:
    """Mostly one addition at a time, sometimes many."""
    often = draw(st.sampled_from([(True, False), (False, False, False, False, True)]))

    def maybe(*values: Any) -> Any:
        return draw(st.sampled_from(values)) if draw(st.sampled_from(often)) else values[0]

    group = maybe("", "g", "h")
    return Additions(
        per_user_cooldown_s=maybe(0, 1, 3),
        group=group,
        group_cooldown_s=draw(st.sampled_from([1, 2])) if group else 0,
        wait_messages=maybe(0, 1, 2),
        distinct_users=maybe(None, DistinctUsers(2, 2), DistinctUsers(3, 1)),
        aggregate=draw(aggregates),
        combo=maybe(None, Combo(timeout_s=1), Combo(("user",), 0.5), Combo(("giftName", "level"), 2)),
        dedup_s=maybe(0, 1, 3),
        mask=maybe((), ("user.name",), ("content",)),
        speak_answer=maybe(None, True, False),
        merge=draw(st.sampled_from([None, *MERGES])),
    )


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    return [
        Rule(
            rule_index=f"r{n}",
            event_type=draw(st.sampled_from([1, 1, 4])),
            enabled=draw(st.sampled_from([True, True, True, False])),
            enabled_scenes=draw(st.sampled_from([(), (), ("A",), ("A", "B")])),
            hit_condition=HitCondition(
                relation=draw(st.sampled_from([Relation.AND, Relation.OR, Relation.OR, Relation.RESERVED])),
                priority=draw(st.sampled_from([1, 2, 500])),
                tags=tuple(draw(st.lists(tags, max_size=3))),
            ),
            trigger=draw(triggers),
            livecue=draw(additions()),
        )
        for n in range(draw(st.integers(1, 6)))
    ]


@st.composite
def streams(draw: st.DrawFn) -> list[LiveEvent]:
    at_ms, events = 1_000_000, []
    for n in range(draw(st.integers(1, 15))):
        at_ms += draw(st.sampled_from([0, 1, 400, 999, 1000, 2000]))
        events.append(
            LiveEvent("shop", f"{n}.0", at_ms, 0, draw(st.sampled_from([1, 1, 4, 9])), draw(contents), "")
        )
    return events


def stored(state: RoomState) -> RoomState:
    again = RoomState.from_json(json.loads(json.dumps(state.to_json())))
    assert again.to_json() == state.to_json()
    return again


def check(decision: Decision, wanted: Verdict) -> None:
    assert [seen(cue) for cue in decision.cues] == wanted.cues
    asks = [(ask.kind.value, ask.texts, ask.rule_index, ask.speaks) for ask in decision.asks]
    assert asks == wanted.asks
    assert (decision.matched, decision.hit_rule) == (wanted.matched, wanted.hit_rule)
    assert list(zip(decision.suppressed, decision.held, strict=True)) == wanted.held
    assert (decision.odd, decision.evicted) == (wanted.odd, 0)
    assert len({cue.id for cue in decision.cues}) == len(decision.cues)


@settings(max_examples=300, deadline=None)
@given(
    rules=rule_lists(),
    stream=streams(),
    scene=st.sampled_from(["", "A", "C"]),
    can_call=st.booleans(),
    can_chat=st.booleans(),
)
def test_the_engine_decides_what_the_meaning_says_also_when_its_state_is_stored_each_time(
    rules: list[Rule],
    stream: list[LiveEvent],
    scene: str,
    *,
    can_call: bool,
    can_chat: bool,
) -> None:
    program = compile_rules(rules, can_call=can_call, can_chat=can_chat)
    state, naive = RoomState(), Naive(rules, scene, can_call=can_call, can_chat=can_chat)
    signal(program, state, signal_of(SignalKind.SCRIPT_SWITCH, scene=scene))
    for happened in stream:
        check(handle(program, state, happened, ages=AGES), naive.decide(happened))
        state = stored(state)
    last = stream[-1].at_ms + 60_000
    check(tick(program, state, last, ages=AGES), naive.tick(last))
    assert next_due_ms(state) is None


@settings(max_examples=200, deadline=None)
@given(
    trigger=triggers,
    merge=st.sampled_from(MERGES),
    mask=st.sampled_from([(), ("user.name",)]),
    combo=st.sampled_from([None, Combo(timeout_s=1)]),
    content=st.builds(lambda content, user: content | {"user": user}, contents, users),
)
def test_a_fallback_says_what_the_meaning_says(
    trigger: Trigger,
    merge: Merging | Literal[False],
    mask: tuple[str, ...],
    combo: Combo | None,
    content: dict[str, Any],
) -> None:
    """The same again where something is said each time."""
    own = Additions(merge=merge, mask=mask, combo=combo)
    condition = HitCondition(Relation.RESERVED)
    one = Rule("r", 4, enabled_scenes=("A",), hit_condition=condition, trigger=trigger, livecue=own)
    state, naive = RoomState(scene="A"), Naive([one], "A")
    program = compile_rules([one])
    for n in range(3):
        happened = LiveEvent("shop", f"{n}.0", 1_000_000 + n, 0, 4, content, "")
        check(handle(program, state, happened, ages=AGES), naive.decide(happened))
    check(tick(program, state, 2_000_000, ages=AGES), naive.tick(2_000_000))


@settings(max_examples=100, deadline=None)
@given(
    rules=rule_lists(), stream=streams(), ticks=st.lists(st.sampled_from([0, 1, 399, 500, 999]), min_size=15)
)
def test_when_the_time_is_told_changes_nothing_but_when_it_is_heard(
    rules: list[Rule], stream: list[LiveEvent], ticks: list[int]
) -> None:
    program = compile_rules(rules)
    seldom, often = RoomState(), RoomState()
    said: tuple[list[Cue], list[Cue]] = ([], [])
    asked: tuple[list[Ask], list[Ask]] = ([], [])
    held: tuple[list[str], list[str]] = ([], [])

    def note(which: int, decision: Decision) -> None:
        said[which].extend(decision.cues)
        asked[which].extend(decision.asks)
        held[which].extend(decision.suppressed)

    for happened, before in zip(stream, ticks, strict=False):
        now_ms = max(happened.at_ms - before, 0)
        due = next_due_ms(often)
        if now_ms >= stream[0].at_ms and due is not None and due <= now_ms:
            note(1, tick(program, often, now_ms, ages=AGES))
        note(0, handle(program, seldom, happened, ages=AGES))
        note(1, handle(program, often, happened, ages=AGES))
    assert (said[0], asked[0], held[0]) == (said[1], asked[1], held[1])
    assert seldom.to_json() == often.to_json()


@settings(max_examples=50, deadline=None)
@given(rules=rule_lists(), one=streams(), other=streams())
def test_rooms_do_not_hear_one_another(
    rules: list[Rule], one: list[LiveEvent], other: list[LiveEvent]
) -> None:
    program = compile_rules(rules)

    def decide(stream: list[LiveEvent], state: RoomState) -> Iterator[Decision]:
        return (handle(program, state, each, ages=AGES) for each in stream)

    alone = list(decide(one, RoomState()))
    first, second, together = decide(one, RoomState()), decide(other, RoomState()), []
    for _ in range(max(len(one), len(other))):
        next(second, None)
        together += [decision for decision in (next(first, None),) if decision is not None]
    assert together == alone


@settings(max_examples=100, deadline=None)
@given(rules=rule_lists(), stream=streams())
def test_the_state_stays_within_its_limits(rules: list[Rule], stream: list[LiveEvent]) -> None:
    program, state = compile_rules(rules), RoomState()
    limits = Limits(users_per_room=2, distinct_users=2, dedup_entries=1, combos=1)
    for happened in stream:
        handle(program, state, happened, ages=AGES, limits=limits)
        kept = state.rules.values()
        assert sum(len(rule.users) for rule in kept) <= 2
        assert sum(len(shelf) for shelf in state.user_totals.values()) <= 2
        assert sum(len(rule.voices) for rule in kept) <= 2
        assert sum(len(rule.asked) for rule in kept) <= 1
        assert len(state.combos) <= 1
