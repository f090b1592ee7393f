"""How long a text holds the air."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.sandbox import speech
from livecue.sandbox.speech import MarkupError


def test_two_hundred_and_fifty_characters_take_a_minute() -> None:
    assert speech.seconds("好" * 250) == pytest.approx(60)
    assert speech.seconds("好" * 30) == pytest.approx(7.2)


def test_white_space_is_not_spoken() -> None:
    assert speech.seconds(" 好 \n 的 ") == pytest.approx(speech.seconds("好的"))


@pytest.mark.parametrize(
    ("markup", "chars", "pause_s"),
    [
        ("<speak>大家好</speak>", 3, 0),
        ('<speak>一<break time="500ms"/>二<break time="2s"/></speak>', 2, 2.5),
        ('<speak>一<break time="1ms"/><break time="99s"/></speak>', 1, 10.2),
        ('<speak>一<break strength="strong"/></speak>', 1, 0.7),
        ('<speak><sub alias="保罗保罗">Paul</sub>好</speak>', 5, 0),
        ('<speak><prosody rate="50">大家好</prosody>好</speak>', 7, 0),
        ('<speak><emotion type="HAPPY"><insert-action id="1" name="a" tag="b"/>你好</emotion></speak>', 2, 0),
        ('<speak><phoneme ph="liao3">了</phoneme>A&amp;B<!-- 读 --></speak>', 4, 0),
        ("  <speak>好</speak>\n", 1, 0),
    ],
)
def test_tags_are_not_counted_and_breaks_take_time(markup: str, chars: int, pause_s: float) -> None:
    assert speech.seconds(markup) == pytest.approx(chars * speech.SECONDS_PER_CHAR + pause_s)


@pytest.mark.parametrize(
    "markup",
    [
        "<speak>好",
        "<speak>好</speak>再来",
        "<speak>好</speak><speak>好</speak>",
        "<speak><emotion>好</speak></emotion>",
        "<speak>1 < 2</speak>",
        "<speak>A&B</speak>",
        "<speak>&nbsp;</speak>",
        '<speak><sub alias="A&B">x</sub></speak>',
        "<speak",
        "<speak>好</speak></speak>",
        "<speak ",
    ],
)
def test_markup_that_is_not_well_formed_is_refused(markup: str) -> None:
    with pytest.raises(MarkupError):
        speech.seconds(markup)


@given(st.text())
def test_any_text_has_a_length_or_is_refused(text: str) -> None:
    try:
        assert speech.seconds(text) >= 0
    except MarkupError:
        assert speech.is_markup(text)


@given(st.text())
def test_the_sentences_of_a_text_add_up_to_it(text: str) -> None:
    if not speech.is_markup(text):
        assert sum(speech.sentences(text)) == pytest.approx(speech.seconds(text))


def test_a_sentence_ends_with_its_punctuation() -> None:
    assert speech.sentences("好的。没问题！") == pytest.approx([3 * 0.24, 4 * 0.24])
