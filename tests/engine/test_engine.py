from __future__ import annotations

from typing import Any

import pytest

from engine.making import AGES, Room, at_least, equal, event, regex, rule
from livecue.domain import CueKind
from livecue.engine import NOTHING, RoomState, RuleError, compile_rules, handle
from livecue.engine.rules import Match, Operation, Relation, ReplyAudio, ReplyMode, ReplyOrder, Tag


def gift(value: Any, user: str = "7") -> dict[str, Any]:
    return {"user": {"userId": user}, "gift": {"giftName": "火箭", "totalValue": value}}


def test_a_cue_carries_everything_the_sender_needs() -> None:
    room = Room(rule("price", regex("多少钱"), priority=9, rule_name="价格", max_age_s=2.5))
    room.state.job_id = "job"
    (cue,) = room.see("这个多少钱啊", at_s=10).cues
    assert (cue.id, cue.room, cue.job_id, cue.rule_index) == ("1.0:price", "shop", "job", "price")
    assert (cue.kind, cue.text, cue.play_type, cue.play_role) == ("speak", "price!", "PLAY_NOW", "STREAMER")
    assert (cue.at_ms, cue.expires_ms, cue.priority, cue.rule_name) == (10_000, 12_500, 9, "价格")


def test_a_cue_without_its_own_age_gets_the_rooms() -> None:
    (cue,) = Room(rule("a", regex("."))).see("x", at_s=1).cues
    assert cue.expires_ms == 1000 + AGES.reply_ms


@pytest.mark.parametrize(
    ("mode", "own", "age_ms"),
    [
        (ReplyMode.SYSTEM_REPLY, None, AGES.gift_ms),
        (ReplyMode.SYSTEM_REPLY, 2.5, 2500),
        (ReplyMode.INTELLIGENT_REPLY, None, AGES.gift_ms),
    ],
)
def test_what_answers_a_gift_keeps_longer_unless_its_rule_says_how_long(
    mode: ReplyMode, own: float | None, age_ms: int
) -> None:
    room = Room(rule("a", regex(".", "giftName"), event_type=4, reply_mode=mode, max_age_s=own))
    decision = room.see(gift(1), at_s=1, type=4)
    assert [each.expires_ms for each in decision.cues + decision.asks] == [1000 + age_ms]


def test_one_event_gets_one_reply_by_priority_and_then_by_position() -> None:
    room = Room(
        rule("late", regex("价"), priority=5),
        rule("first", regex("价"), priority=1),
        rule("second", regex("价"), priority=1),
    )
    assert room.said("价") == ["first!"]


def test_a_hit_held_back_by_its_window_still_uses_the_event_up() -> None:
    room = Room(rule("a", regex("价"), priority=1, time_window=10), rule("b", regex("价"), priority=2))
    assert room.said("价", at_s=0) == ["a!"]
    held = room.see("价", at_s=9.999)
    assert (held.cues, held.matched, held.hit_rule, held.suppressed) == ((), True, "a", ("a",))
    assert room.said("价", at_s=10) == ["a!"]


def test_a_window_counts_from_the_last_firing_not_from_the_last_hit() -> None:
    room = Room(rule("a", regex("价"), time_window=10))
    assert [bool(room.said("价", at_s=at)) for at in (0, 6, 12, 18, 22)] == [True, False, True, False, True]


def test_window_minus_one_fires_once_in_a_live_and_zero_always() -> None:
    room = Room(rule("once", regex("一"), time_window=-1), rule("always", regex("二")))
    assert [len(room.said("一", at_s=at)) for at in (0, 9999)] == [1, 0]
    assert [len(room.said("二", at_s=0)) for _ in range(3)] == [1, 1, 1]


def test_the_fallback_answers_only_if_nothing_else_hit_whatever_its_priority() -> None:
    room = Room(
        rule("fallback", relation=Relation.RESERVED, priority=0),
        rule("price", regex("价"), time_window=60),
    )
    assert room.said("价") == ["price!"]
    assert room.said("价") == []
    assert room.said("哈") == ["fallback!"]


def test_a_layer_is_shown_beside_the_reply_and_never_uses_the_event_up() -> None:
    layer = {"layer_type": "IMAGE", "image_config": {"image_url": "https://x/y.png"}}
    show = rule("layer", regex("价"), priority=1, reply_mode=ReplyMode.SHOW_LAYER, layer_config=layer)
    alone, beside = Room(show), Room(show, rule("price", regex("价")))
    only = alone.see("价")
    assert (only.matched, only.hit_rule) == (False, "")
    assert [(cue.kind, cue.layer) for cue in only.cues] == [(CueKind.SHOW_LAYER, {"layer_config": layer})]
    assert [cue.kind for cue in beside.see("价").cues] == [CueKind.SPEAK, CueKind.SHOW_LAYER]


def test_a_layer_does_not_keep_the_fallback_from_speaking() -> None:
    show = rule("layer", regex("价"), reply_mode=ReplyMode.SHOW_LAYER, layer_config={"layer_type": "IMAGE"})
    assert [cue.kind for cue in Room(show, rule("fallback", relation=Relation.RESERVED)).see("价").cues] == [
        CueKind.SPEAK,
        CueKind.SHOW_LAYER,
    ]


def test_a_reply_with_a_layer_makes_two_cues_with_two_ids() -> None:
    room = Room(rule("a", regex("价"), layer_config={"layer_type": "IMAGE"}))
    spoken, shown = room.see("价").cues
    assert (spoken.kind, shown.kind) == (CueKind.SPEAK, CueKind.SHOW_LAYER)
    assert spoken.id != shown.id


def test_a_dynamic_layer_says_what_the_viewer_wrote_and_a_static_one_stays() -> None:
    dynamic = {"layer_type": "TEXT", "text_config": {"text_context": "占位", "font_size": 20}}
    static = {"layer_type": "TEXT", "text_config": {"text_type": "STATIC", "text_context": "不变"}}
    show = rule(
        "l",
        regex("."),
        reply_mode=ReplyMode.SHOW_LAYER,
        layer_config=dynamic,
        extra_layer_config=static,
    )
    (cue,) = Room(show).see("想看红色").cues
    assert cue.layer is not None
    assert cue.layer["layer_config"]["text_config"] == {
        "text_type": "STATIC",
        "text_context": "想看红色",
        "font_size": 20,
    }
    assert cue.layer["extra_layer_config"] == static


def test_without_text_the_audio_plays_and_with_both_the_text_wins() -> None:
    audio = (ReplyAudio("https://x/a.mp3"),)
    (played,) = Room(rule("a", regex("."), reply_texts=(), reply_audios=audio)).see("x").cues
    assert (played.kind, played.audio_url, played.text) == (CueKind.PLAY_AUDIO, "https://x/a.mp3", "")
    (spoken,) = Room(rule("a", regex("."), reply_audios=audio)).see("x").cues
    assert (spoken.kind, spoken.audio_url) == (CueKind.SPEAK, "")


def test_order_goes_round_and_random_says_the_same_in_a_replay() -> None:
    texts = ("一", "二", "三")
    ordered = Room(rule("a", regex("."), reply_texts=texts, reply_order=ReplyOrder.ORDER))
    assert [ordered.said("x")[0] for _ in range(5)] == ["一", "二", "三", "一", "二"]
    shuffled = rule("a", regex("."), reply_texts=texts, reply_order=ReplyOrder.RANDOM)
    first, again = Room(shuffled), Room(shuffled)
    said = [first.said("x")[0] for _ in range(50)]
    assert said == [again.said("x")[0] for _ in range(50)]
    assert set(said) == set(texts)


def test_a_rule_with_scenes_hits_in_them_alone() -> None:
    room = Room(rule("a", regex("."), enabled_scenes=("护肤",)))
    assert room.see("x") == NOTHING
    room.state.scene = "护肤"
    assert room.said("x") == ["a!"]
    room.state.scene = "彩妆"
    assert room.said("x") == []


@pytest.mark.parametrize("mode", [ReplyMode.CALLBACK, ReplyMode.INTELLIGENT_REPLY])
def test_a_rule_that_has_nobody_to_ask_leaves_the_event_to_the_cloud(mode: ReplyMode) -> None:
    asking = rule("a", regex("."), reply_mode=mode)
    program = compile_rules([asking], can_call=False, can_chat=False)
    assert handle(program, RoomState(), event("x")) is NOTHING


def test_a_disabled_rule_never_hits() -> None:
    assert Room(rule("a", regex("."), enabled=False)).see("x") == NOTHING


def test_reply_and_callback_answers_with_its_texts_also_where_no_callback_can_be_made() -> None:
    program = compile_rules(
        [rule("a", regex("."), reply_mode=ReplyMode.SYSTEM_REPLY_AND_CALLBACK)], can_call=False
    )
    decision = handle(program, RoomState(), event("x"))
    assert ([cue.text for cue in decision.cues], decision.asks) == (["a!"], ())


def test_regex_searches_and_equal_compares_the_whole_text() -> None:
    room = Room(rule("regex", regex("价格$")), rule("equal", equal("content", "价")))
    assert room.said("问下价格") == ["regex!"]
    assert room.said("价") == ["equal!"]
    assert room.said("价 ") == []


def test_regex_classes_are_ascii_as_in_java() -> None:
    assert Room(rule("a", regex(r"^\d+$"))).said("１２") == []


@pytest.mark.parametrize(("value", "text"), [(10, "10"), (True, "true"), (1.5, "1.5"), ("10", "10")])
def test_equal_compares_numbers_and_booleans_by_their_json_text(value: object, text: str) -> None:
    assert Room(rule("a", equal("level", text))).said({"user": {"level": value}}) == ["a!"]


@pytest.mark.parametrize(
    ("value", "hit", "odd"),
    [
        (10, True, 0),
        ("10", True, 0),
        (" 10.0 ", True, 0),
        (9.99, False, 0),
        ("十", False, 1),
        (None, False, 1),
        (True, False, 1),
        (float("nan"), False, 1),
        (float("inf"), False, 1),
        ("1e999", False, 1),
        ([10], False, 1),
        (10**400, False, 1),
        ("9" * 5000, False, 1),
    ],
)
def test_math_compares_numbers_and_counts_what_is_none_as_odd(value: object, hit: bool, odd: int) -> None:  # noqa: FBT001
    decision = Room(rule("a", at_least("level", "10"))).see({"user": {"level": value}})
    assert (decision.matched, decision.odd) == (hit, odd)


def test_numbers_beyond_a_double_are_compared_exactly() -> None:
    tag = Tag("userId", Match.MATH_EQ, "900719925474099301")
    assert Room(rule("a", tag)).said({"user": {"userId": "900719925474099301"}}) == ["a!"]
    assert Room(rule("a", tag)).said({"user": {"userId": "900719925474099300"}}) == []


def test_and_wants_every_tag_or_wants_one_and_no_tag_never_hits() -> None:
    content = {"content": "价", "level": 5}
    both = (regex("价"), at_least("level", "10"))
    assert not Room(rule("a", *both)).see(content).matched
    assert Room(rule("a", *both, relation=Relation.OR)).see(content).matched
    assert not Room(rule("a"), rule("b", relation=Relation.OR)).see(content).matched


def test_a_sum_fires_on_crossing_and_not_on_every_later_gift() -> None:
    room = Room(rule("sum", at_least("totalValue", "1000", Operation.SUM), event_type=4))
    said = [room.said(gift(value), type=4) for value in (400, "599.5", 0.5, 5000, 1)]
    assert said == [[], [], ["sum!"], [], []]


def test_a_level_fires_on_every_event_that_adds_while_it_holds() -> None:
    room = Room(rule("sum", at_least("totalValue", "1000", Operation.SUM), event_type=4, level=True))
    said = [bool(room.said(gift(value), type=4)) for value in (999, 1, 1, "?", 1)]
    assert said == [False, True, True, False, True]


def test_a_total_grows_also_when_another_rule_answers() -> None:
    room = Room(
        rule("thanks", regex("火箭", "giftName"), event_type=4, priority=2),
        rule("sum", at_least("totalValue", "10", Operation.SUM), event_type=4, priority=1),
    )
    assert [room.said(gift(4), type=4)[0] for _ in range(4)] == ["thanks!", "thanks!", "sum!", "thanks!"]


def test_count_counts_events_that_have_the_field_and_an_average_of_nothing_is_none() -> None:
    count = Room(rule("count", at_least("userId", "2", Operation.COUNT), event_type=3))
    seen = [{"user": {"userId": "a"}}, {}, {"user": {"userId": None}}, {"user": {"userId": "b"}}]
    assert [bool(count.said(like, type=3)) for like in seen] == [False, False, False, True]
    mean = Room(
        rule("avg", Tag("level", Match.MATH_LE, "5", Operation.AVG), event_type=2),
        rule("fallback", relation=Relation.RESERVED, event_type=2),
    )
    said = [mean.said({"level": level}, type=2)[0] for level in ("?", 9, 2, 1)]
    assert said == ["fallback!", "fallback!", "fallback!", "avg!"]


def test_a_viewer_is_answered_once_in_the_cooldown_and_others_are_not_held_back() -> None:
    room = Room(rule("a", regex("."), per_user_cooldown_s=60))

    def ask(user: object, at_s: float) -> bool:
        return bool(room.said({"user": {"userId": user}, "content": "x"}, at_s=at_s))

    asked = [ask("甲", 0), ask("乙", 1), ask("甲", 59.9), ask("甲", 60)]
    assert asked == [True, True, False, True]
    assert [ask("111111", 0), ask("111111", 1)] == [True, True]


def test_events_of_other_types_are_none_of_our_business() -> None:
    program, state = compile_rules([rule("a", regex("."))]), RoomState()
    assert handle(program, state, event("x", type=6)) is NOTHING
    assert program.event_types == {1}


def test_rules_that_cannot_be_compiled_are_named() -> None:
    with pytest.raises(RuleError, match="'a': REGEX"):
        compile_rules([rule("a", regex("("))])
    with pytest.raises(RuleError, match="'a' stands twice"):
        compile_rules([rule("a"), rule("a")])


@pytest.mark.parametrize(
    ("java", "text"),
    [
        (r"(?<n>价)\k<n>", "价价"),
        (r"\Q1+1\E", "1+1=2"),
        (r"\x{4ef7}", "价"),
        (r"价\z", "价"),
        (r"\\d", r"\d"),
    ],
)
def test_java_spellings_are_understood(java: str, text: str) -> None:
    assert Room(rule("a", regex(java))).said(text) == ["a!"]
