from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.markups import inner, markups, words
from livecue.engine.markup import MarkupError, is_markup, plain_text, read_markup, said_as
from livecue.engine.speech import spoken_seconds
from livecue.sandbox import speech as cloud

anything = st.text(st.sampled_from("<>/!?-[]&;#x \"'=好ab{}0" + "speak"), max_size=40)


def complaint(text: str) -> tuple[str, str]:
    with pytest.raises(MarkupError) as caught:
        read_markup(text)
    return str(caught.value), caught.value.remedy


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("<speak>好<b></speak>", "mismatched tag (line 1, character 14)", "close the tags in reverse order"),
        ("<speaK>好</speak>", "mismatched tag (line 1, character 11)", "each spelled as it was opened"),
        ("<speak>\n好", "no element found (line 2, character 2)", "close every tag, the first one last"),
        ("<speak", "unclosed token", "close every tag, the first one last"),
        ("<speak>a & b</speak>", "not well-formed (invalid token)", "write &amp; for & and &lt; for <"),
        ("<speak>1 < 2</speak>", "not well-formed (invalid token)", "write &amp; for & and &lt; for <"),
        ("<speak a=b>好</speak>", "not well-formed", "put every attribute in quotes"),
        ("<speak>&nbsp;</speak>", "undefined entity", "write the character itself"),
        ("<speak>好</speak>完", "junk after document element", "move what follows the last tag into it"),
        ("<speaker>好</speaker>", "the first tag is <speaker>", "write <speak>…</speak> around the text"),
        ("<speak><![CDATA[好]]></speak>", "CDATA in the text", "leave it out"),
        ("<speak><?x y?></speak>", "a processing instruction in the text", "leave it out"),
        ("<speak><!-- {content} --></speak>", "a variable in a comment", "leave the comment out"),
        ("<speak>\ud800</speak>", "half a character", "write the character in full"),
    ],
)
def test_markup_that_is_not_well_formed_is_told_with_its_place_and_remedy(
    text: str, message: str, remedy: str
) -> None:
    said, wanted = complaint(text)
    assert message in said
    assert remedy in wanted
    assert not is_markup(said_as(text))


def test_a_bomb_of_entities_is_never_read() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE speak [<!ENTITY e0 "好">{entities}]><speak>&e9;</speak>'
    assert complaint(bomb) == ("a DOCTYPE in the text", "leave it out: S4 12.7 has tags alone")


def test_tags_that_the_vendor_does_not_have_are_named_once() -> None:
    assert list(read_markup("<speak><b>好</b><b/><say-as>1</say-as></speak>").unknown) == ["b"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("一句话<b>&amp;", "一句话<b>&amp;"),
        ("  <SPEAK>\n  好\n  <break time='1s'/>的</SPEAK>", "好 的"),
        ('<speak>用<sub alias="保罗">Paul</sub>&amp;&#x4f60;</speak>', "用Paul&你"),
        ('<speak>用<sub alias="a>b">好</sub><!-- x --></speak>', "用好"),
        ("<speak>&lt;speak&gt;好</speak>", "speak好"),
        ("<speak>好<b>的", "好的"),
        ("<speak>3 < 5 & 7 <b>x</b", "3 5 & 7 x"),
        ('<speak>你好<break time="200ms" 世界</speak>', "你好世界"),
        ("<speak><!-- 不 --><![CDATA[好]]><?x y?></speak>", "好"),
        ("<speak><b/>", ""),
    ],
)
def test_plain_text_is_what_is_between_the_tags(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@given(markups)
def test_plain_text_of_well_formed_markup_holds_its_words_and_no_tag(text: str) -> None:
    plain = plain_text(text)
    assert not {"<", ">"} & set(plain)
    wanted = "".join(read_markup(text).words).replace("<", "").replace(">", "")
    assert plain == " ".join(wanted.split())
    assert plain_text(plain) == plain


@given(anything)
@example("<<b>speak>")
def test_nothing_that_a_plain_text_holds_begins_a_tag(text: str) -> None:
    plain = plain_text(f"<speak>{text}")
    assert not {"<", ">"} & set(plain)
    said = said_as(f"<speak>{text}")
    assert said == plain or read_markup(said).words is not None


@given(markups)
def test_our_reading_lasts_as_long_as_the_clouds(text: str) -> None:
    assert spoken_seconds(text) == pytest.approx(cloud.seconds(text))


@given(inner, words)
def test_what_is_added_takes_its_time(text: str, more: str) -> None:
    one, two = (
        f"<speak>{text}</speak>",
        f"<speak>{text}<word>{more.replace('<', '').replace('&', '')}</word></speak>",
    )
    assert spoken_seconds(two) >= spoken_seconds(one)
