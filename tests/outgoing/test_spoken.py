from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.outgoing.spoken import cleaned, cut, declined, holds_banned, plain


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**大码**有货", "大码有货"),
        ("# 标题\n- 一\n- 二", "标题 一 二"),
        ("看[详情页](https://x.example/a)吧", "看详情页吧"),
        ("去 https://x.example/a?b=1 看", "去 看"),
        ("<speak>您好<break time='1s'/></speak>", "您好"),
        ("1 < 2 > 0", "1 2 0"),
        ("```json\n{}\n```", "{}"),
        ("<think>很长\n的思考</think>有货", "有货"),
        ("<think>从不结束", ""),
        ("一行\r\n\t二行\u200b\u202e", "一行 二行"),
        ("价格是3.5元。", "价格是3.5元。"),
        ("2_000 个", "2_000 个"),
    ],
)
def test_markup_is_gone_and_words_stay(written: str, spoken: str) -> None:
    assert cleaned(written) == spoken


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [
        ("短", 5, "短"),
        ("一二三。四五六。七八九", 8, "一二三。四五六。"),
        ("一二三，四五六七八九", 6, "一二三"),
        ("一二三四五六七八九", 4, "一二三四"),
        ("It is 3.5 kg. And more of it", 16, "It is 3.5 kg."),
        ("他说“好。”然后走了", 6, "他说“好。”"),
        ("，一二三四五六", 4, "，一二三"),
    ],
)
def test_a_long_answer_is_cut_where_a_speaker_would_stop(text: str, most: int, left: str) -> None:
    assert cut(text, most) == left


@given(st.text(), st.integers(1, 80))
def test_what_is_left_is_a_beginning_and_not_too_long(text: str, most: int) -> None:
    left = cut(text, most)
    assert text.startswith(left)
    assert len(left) <= most
    assert left or not text


@given(st.text(st.characters()))
def test_nothing_that_would_be_read_as_ssml_or_break_a_line_is_left(text: str) -> None:
    spoken = cleaned(text)
    assert not set(spoken) & set("<>*`\n\r\t\0")
    spoken.encode()
    assert plain(spoken) == spoken


@pytest.mark.parametrize("text", ["全 网-最低 价", "全网最低价", "SOLD out", "ｓｏｌｄ"])
def test_a_banned_word_is_found_however_it_is_written(text: str) -> None:
    assert holds_banned(text, ["全网最低价", "Sold"])


def test_other_words_are_not_banned() -> None:
    assert not holds_banned("全网都有，价格低", ["全网最低价", "!!", ""])


def test_an_apology_for_being_out_of_stock_is_an_answer() -> None:
    assert not declined("抱歉，这款已经卖完了")
    assert declined("对不起，我不能回答")
