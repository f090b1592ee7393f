from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.making import Room, at_least, regex, rule
from livecue.domain import Merge
from livecue.engine.markup import read_markup
from livecue.engine.rules import Combo, Merging, Operation, ReplyAudio, ReplyMode

THANKS = Merging("感谢{names}的{giftName}！")


def gift(name: object = "小李", gift: str = "火箭", user: object = "7", **more: Any) -> dict[str, Any]:
    return {"user": {"userId": user, "name": name}, "gift": {"giftName": gift} | more}


def merged(content: dict[str, Any], merging: Merging = THANKS, **more: Any) -> Merge | None:
    room = Room(rule("a", regex(".", "userId"), event_type=4, merge=merging, **more))
    (cue,) = room.see(content, type=4).cues
    return cue.merge


def test_a_merge_has_everything_filled_in_but_the_names_and_their_count() -> None:
    assert merged(gift()) == Merge("感谢{names}的火箭！", "小李", 5)
    found = merged(gift(), Merging("{count}位：{names}的{gift.giftName}{ names}", 20))
    assert found == Merge("{count}位：{names}的火箭{ names}", "小李", 20)


def test_gifts_of_one_kind_merge_and_others_do_not() -> None:
    found = [merged(each) for each in (gift("甲"), gift("乙"), gift("丙", "跑车"))]
    texts = [each.text for each in found if each]
    assert texts == ["感谢{names}的火箭！", "感谢{names}的火箭！", "感谢{names}的跑车！"]


@pytest.mark.parametrize("name", [None, "", " \n", "<>", "{}", ["x"]])
def test_a_viewer_without_a_name_merges_with_nobody(name: object) -> None:
    assert merged(gift(name)) is None


@pytest.mark.parametrize("user", ["0", "111111", 0])
def test_a_viewer_without_an_identity_merges_with_nobody(user: object) -> None:
    assert merged(gift(user=user)) is None


def test_a_text_that_cannot_be_filled_merges_nothing() -> None:
    assert merged(gift(), Merging("{names}{nope}")) is None
    assert merged(gift(), Merging("大家的{giftName}")) is None
    assert merged(gift(), Merging("{names}" + "长" * 10_001)) is None


def test_figures_may_stand_in_it() -> None:
    room = Room(
        rule(
            "a",
            regex(".", "giftName"),
            event_type=4,
            merge=Merging("{names}的{combo.count}个"),
            combo=Combo(),
        )
    )
    (cue,) = room.see(gift(giftNum=3, repeatEnd=1), type=4).cues
    assert cue.merge == Merge("{names}的3个", "小李", 5)
    total = at_least("totalValue", "1", Operation.SUM)
    room = Room(rule("a", total, event_type=4, merge=Merging("{names}共{total}")))
    (cue,) = room.see(gift(totalValue=9), type=4).cues
    assert cue.merge == Merge("{names}共9", "小李", 5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{names}", "names"),
        ("{count}李", "count李"),
        ("{{names}}", "names"),
        ("<b>李", "b李"),
        ("长" * 99, "长" * 20),
    ],
)
def test_a_name_is_cleaned_of_all_that_could_be_filled_in(name: str, said: str) -> None:
    assert merged(gift(name)) == Merge("感谢{names}的火箭！", said, 5)


def test_so_is_everything_else_that_is_filled_in() -> None:
    assert merged(gift(gift="{count}{names}")) == Merge("感谢{names}的countnames！", "小李", 5)
    assert merged(gift(gift="{}")) is None


def test_a_masked_name_keeps_its_first_character() -> None:
    for mask in ("user.name", "name"):
        assert merged(gift("{小李"), mask=(mask,)) == Merge("感谢{names}的火箭！", "小**", 5)


def test_in_markup_the_name_is_escaped_and_broken_markup_is_left() -> None:
    for root in ("speak", "speaK"):
        marked = Merging(f'<{root}>感谢<sub alias="{{names}}">大家</sub>的{{giftName}}</{root}>')
        text = f'<{root}>感谢<sub alias="{{names}}">大家</sub>的火&amp;箭</{root}>'
        assert merged(gift('a<"b', "火&箭"), marked) == Merge(text, "a&lt;&quot;b", 5)
    assert merged(gift("a<b"), Merging("<speak>感谢<b>{names}</speak>")) == Merge("感谢{names}", "ab", 5)
    assert merged(gift(), Merging('<speak>谢<sub alias="{names}">大家</speak>')) is None


def test_only_a_text_of_the_rules_own_merges() -> None:
    audio: dict[str, Any] = {"reply_texts": (), "reply_audios": (ReplyAudio("https://x/1.mp3"),)}
    assert merged(gift(), **audio) is None
    assert merged(gift(), reply_mode=ReplyMode.SYSTEM_REPLY_AND_CALLBACK) is not None
    assert merged(gift(), merging=False) is None  # type: ignore[arg-type]


@given(name=st.text(max_size=30), thing=st.text(min_size=1, max_size=30), marked=st.booleans())
def test_whatever_a_viewer_is_called_the_dispatcher_fills_in_names_and_count_once(
    name: str, thing: str, *, marked: bool
) -> None:
    text = "谢{names}等{count}位的{giftName}"
    found = merged(gift(name, thing), Merging(f"<speak>{text}</speak>" if marked else text))
    if found is None:
        return
    assert found.text.count("{names}") == found.text.count("{count}") == 1
    assert not {"{", "}"} & set(found.name)
    said = found.text.replace("{count}", "2").replace("{names}", f"{found.name}、{found.name}")
    assert not {"{", "}"} & set(said)
    if marked:
        assert read_markup(said).words
    else:
        assert not {"<", ">"} & set(said)
