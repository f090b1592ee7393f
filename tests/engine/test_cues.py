"""What a cue carries for the dispatcher beyond what is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.making import Room, regex, rule
from engine.markups import inner
from engine.test_asks import answer
from livecue.domain import CueKind, SignalKind
from livecue.engine.markup import is_markup, plain_text, read_markup
from livecue.engine.rules import Combo, ReplyAudio, ReplyMode, ReplyOrder
from livecue.engine.speech import AUDIO_SECONDS, MAX_SPOKEN
from livecue.engine.template import template_of

REVIEW = {"no_need_review": True}
LAYER = {"layer_type": "TEXT"}


def test_every_cue_carries_where_it_may_be_said_and_the_rules_review() -> None:
    told: dict[str, Any] = {
        "event_type": 6,
        "enabled_scenes": ("护肤", "彩妆"),
        "review_config": REVIEW,
        "layer_config": LAYER,
    }
    room = Room(rule("a", regex("."), reply_texts=("好 的{content}", "谢谢"), **told))
    room.state.scene = "护肤"
    spoken, layer = room.see({"content": "价格"}, type=6).cues
    assert (spoken.kind, layer.kind) == (CueKind.SPEAK, CueKind.SHOW_LAYER)
    for cue in (spoken, layer):
        assert (cue.event_type, cue.scenes, cue.review_config) == (6, ("护肤", "彩妆"), REVIEW)
    assert (layer.seconds, layer.other_text, layer.merge) == (0, "", None)


def test_seconds_are_those_of_what_is_said() -> None:
    marked = '<speak>好{content}<break time="2s"/></speak>'
    for text, seconds in (("好 的", 0.48), ("好{content}", 0.72), (marked, 2.72), ("<speak>好<b>", 0.24)):
        (cue,) = Room(rule("a", regex("."), reply_texts=(text,))).see("价格").cues
        assert cue.seconds == pytest.approx(seconds)


def test_an_audio_lasts_a_constant_time() -> None:
    audio = (ReplyAudio("https://x/1.mp3"),)
    (cue,) = Room(rule("a", regex("."), reply_texts=(), reply_audios=audio)).see("x").cues
    assert (cue.seconds, cue.other_text) == (AUDIO_SECONDS, "")


def test_the_other_text_is_the_next_in_the_order_of_choice() -> None:
    texts = ("一{user.name}", "二{nope}", "三")
    room = Room(rule("a", regex("."), reply_texts=texts, reply_order=ReplyOrder.ORDER))
    said = [(cue.text, cue.other_text) for _ in range(3) for cue in room.see("x").cues]
    assert said == [("一小李", "三"), ("三", "一小李"), ("一小李", "三")]
    assert Room(rule("a", regex("."))).see("x").cues[0].other_text == ""


def test_a_combo_that_runs_out_is_an_event_of_its_type() -> None:
    room = Room(rule("a", regex(".", "giftName"), event_type=4, combo=Combo()))
    room.see({"gift": {"giftName": "火箭"}}, type=4)
    (cue,) = room.tick(60).cues
    assert cue.event_type == 4


def test_an_answer_carries_what_its_rule_says() -> None:
    told: dict[str, Any] = {"event_type": 4, "enabled_scenes": ("护肤",), "review_config": REVIEW}
    room = Room(rule("a", regex(".", "giftName"), reply_mode=ReplyMode.CALLBACK, **told))
    room.state.scene = "护肤"
    (ask,) = room.see({"gift": {"giftName": "火箭"}}, type=4).asks
    data: dict[str, Any] = {"rule_index": "a", "event_id": ask.event_id, "text": "十块钱"}
    times: dict[str, Any] = {"at_ms": ask.at_ms, "expires_ms": ask.expires_ms}
    (cue,) = room.told(SignalKind.ANSWERED, **data, **times).cues
    assert (cue.event_type, cue.seconds, cue.scenes, cue.review_config) == (4, 0.72, ("护肤",), REVIEW)
    assert (cue.other_text, cue.merge) == ("", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<speak>十<break time='1s'/>块</speak>", ["<speak>十<break time='1s'/>块</speak>"]),
        ("<speak>十<break>块</speak>", ["十块"]),
        ("<speak><break></speak>", []),
        ("1 < 2", ["1 < 2"]),
        ("长" * MAX_SPOKEN, ["长" * MAX_SPOKEN]),
        ("长" * (MAX_SPOKEN + 1), []),
    ],
)
def test_an_answer_is_spoken_plain_if_its_markup_is_broken_and_never_if_it_is_too_long(
    text: str, said: list[str]
) -> None:
    room = Room(rule("a", regex("."), reply_mode=ReplyMode.CALLBACK, time_window=-1))
    (ask,) = room.see("x").asks
    assert answer(room, ask, text=text) == said
    assert bool(room.see("x").asks) is not bool(said)  # unspoken, its window is given back


def test_a_text_that_its_variables_make_too_long_is_passed_over() -> None:
    texts = ("{content}" * 101, "短")
    room = Room(rule("a", regex("."), reply_texts=texts, reply_order=ReplyOrder.ORDER))
    assert room.said("长" * 100) == ["短"]
    assert Room(rule("a", regex("."), reply_texts=("长" * (MAX_SPOKEN + 1), "短"))).said("x") == ["短"]


@pytest.mark.parametrize("root", ["speak", "speaK"])
def test_broken_markup_is_said_as_plain_text_with_its_variables(root: str) -> None:
    room = Room(rule("a", regex("."), reply_texts=(f"<{root}>嗨<b>{{user.name}}&amp;</{root}>",)))
    assert room.said({"user": {"name": "<b>小&李"}, "content": "x"}) == ["嗨b小&李&"]
    fine = Room(rule("a", regex("."), reply_texts=(f"<{root}>嗨{{user.name}}</{root}>",)))
    assert fine.said({"user": {"name": "<b>小&李"}, "content": "x"}) == [
        f"<{root}>嗨&lt;b&gt;小&amp;李</{root}>"
    ]


def test_broken_markup_around_nothing_is_no_text_at_all() -> None:
    assert Room(rule("a", regex("."), reply_texts=("<speak><b/>", "好"))).said("x") == ["好"]
    assert Room(rule("a", regex("."), reply_texts=("<speak><b/>",))).see("x").held == ("reply_texts",)


@given(inner, st.text(max_size=30))
def test_no_value_breaks_markup_that_was_well_formed(text: str, value: str) -> None:
    markup = f'<speak>{{content}}<sub alias="{{content}}">x</sub>{text}</speak>'
    filled = template_of(markup).fill({"content": value}, {})
    assert filled is None or (is_markup(filled) and read_markup(filled).words)
    assert filled is None or not {"<", ">"} & set(plain_text(filled))
