from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.engine.markup import is_markup
from livecue.engine.speech import MAX_SPOKEN, spoken_characters, spoken_seconds, too_long

plain = st.text(max_size=50).filter(lambda text: not is_markup(text))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("好" * 250, 60),
        (" 好\n的\u3000", 0.48),
        ("", 0),
        ("<b>", 0.72),
        ('<speak>好好<break time="2s"/>好好好<break time="500ms"/></speak>', 5 * 0.24 + 2.5),
        (
            '<speak><break time="1ms"/><break time="99s"/><break/><break strength="strong"/></speak>',
            0.2 + 10 + 0.7,
        ),
        ('<speak><sub alias="保罗">Paul<break time="9s"/></sub></speak>', 0.48),
        ('<speak><prosody rate="50">好</prosody><prosody rate="200">好</prosody></speak>', 0.48 + 0.12),
        ('<speak><prosody rate="1">好<prosody rate="400">好</prosody></prosody></speak>', 0.48 + 0.12),
        ("<speaK>好&amp;</speaK>", 0.48),
        ("<speak>好<b>的", 0.48),
    ],
)
def test_a_text_holds_the_air_for_as_long_as_it_takes_to_say(text: str, seconds: float) -> None:
    assert spoken_seconds(text) == pytest.approx(seconds)


@given(plain, plain)
def test_a_longer_text_takes_no_less(text: str, more: str) -> None:
    assert spoken_seconds(text + more) >= spoken_seconds(text) - 1e-9
    assert spoken_seconds(text) == pytest.approx(spoken_characters(text) * 0.24)


def test_a_reply_has_at_most_ten_thousand_spoken_characters() -> None:
    assert not too_long("好" * MAX_SPOKEN + " " * 99)
    assert too_long("好" * (MAX_SPOKEN + 1))
    tags = '<break time="200ms"/>' * 1000
    assert not too_long(f"<speak>{tags}{'好' * MAX_SPOKEN}</speak>")
    assert too_long(f"<speak>{tags}{'好' * MAX_SPOKEN}的</speak>")
    assert too_long(f'<speak><sub alias="{"好" * (MAX_SPOKEN + 1)}">短</sub></speak>')
