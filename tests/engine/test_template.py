from __future__ import annotations

from typing import Any

import pytest

from engine.making import Room, at_least, regex, rule
from livecue.engine.rules import Match, Operation, ReplyAudio, ReplyOrder, Tag
from livecue.engine.template import template_of


def filled(text: str, content: dict[str, Any], *mask: str) -> str | None:
    return template_of(text, mask).fill(content, {})


def of(name: object, user: object = "7") -> dict[str, Any]:
    return {"user": {"userId": user, "name": name}, "gift": {"giftName": "火箭", "giftNum": 3}}


def test_variables_are_leaf_names_and_paths_and_other_braces_are_text() -> None:
    assert filled("{user.name}的{gift.giftNum}个{giftName}", of("小李")) == "小李的3个火箭"
    assert filled("{a/b} {} {1} { x }", {}) == "{a/b} {} {1} { x }"


@pytest.mark.parametrize(
    ("name", "plain", "ssml"),
    [
        ("<speak>x</speak>", "嗨speakx/speak", "嗨&lt;speak&gt;x&lt;/speak&gt;"),
        ("a&b\"'", "嗨a&b\"'", "嗨a&amp;b&quot;&#x27;"),
        ("小\x00\u202e李\n\t四", "嗨小李 四", "嗨小李 四"),
        ("长" * 99, "嗨" + "长" * 20, "嗨" + "长" * 20),
        ("{content}", "嗨{content}", "嗨{content}"),
        (12, "嗨12", "嗨12"),
    ],
)
def test_what_a_viewer_writes_never_becomes_markup(name: object, plain: str, ssml: str) -> None:
    assert filled("嗨{name}", of(name)) == plain
    assert filled("<speak>嗨{name}</speak>", of(name)) == f"<speak>{ssml}</speak>"


@pytest.mark.parametrize("content", [{}, of(""), of(" \n"), of("\u200b"), of("<>"), of(None), of(["x"])])
def test_a_text_whose_variable_the_event_lacks_cannot_be_spoken(content: dict[str, Any]) -> None:
    assert filled("嗨{user.name}", content) is None


@pytest.mark.parametrize("user", ["", "0", 0, "111111"])
def test_nobody_is_not_called_by_name(user: object) -> None:
    assert filled("嗨{name}", of("神秘人", user)) is None
    assert filled("谢谢{giftName}", of("神秘人", user)) == "谢谢火箭"
    assert filled("嗨{name}", {"user": {"name": "小李"}}) == "嗨小李"


def test_a_masked_variable_keeps_its_first_character() -> None:
    assert filled("{user.name}{name}{giftName}", of("欧阳小李"), "user.name") == "欧**欧**火箭"


def test_the_next_text_that_can_be_filled_is_taken_in_both_orders() -> None:
    texts = ("谢{user.name}", "谢谢", "谢{nope}", "多谢")
    for order in ReplyOrder:
        room = Room(rule("a", regex("."), reply_texts=texts, reply_order=order))
        said = [room.said({"content": "x"})[0] for _ in range(20)]
        assert set(said) == {"谢谢", "多谢"}
        if order is ReplyOrder.ORDER:
            assert said[:4] == ["谢谢", "多谢", "谢谢", "多谢"]


def test_a_rule_whose_texts_cannot_be_filled_plays_its_audio_or_is_held_back() -> None:
    audio = (ReplyAudio("https://x/a.mp3"),)
    unfilled: dict[str, Any] = {"reply_texts": ("谢{nope}",), "time_window": 60}
    (cue,) = Room(rule("a", regex("."), reply_audios=audio, **unfilled)).see("x").cues
    assert cue.audio_url == "https://x/a.mp3"
    room = Room(rule("a", regex("."), **unfilled), rule("b", regex(".")))
    decision = room.see("x")
    assert (decision.cues, decision.matched) == ((), True)
    assert (decision.suppressed, decision.held) == (("a",), ("reply_texts",))
    assert room.see({"content": "x", "nope": "!"}).cues[0].text == "谢!"  # its window was not used up


@pytest.mark.parametrize(
    ("operation", "said"),
    [(Operation.SUM, "7.5"), (Operation.COUNT, "3"), (Operation.AVG, "2.5")],
)
def test_total_is_what_the_rules_first_aggregate_comes_to(operation: Operation, said: str) -> None:
    tags = (at_least("totalValue", "2.1", operation), Tag("totalValue", Match.MATH_GE, "99", Operation.SUM))
    room = Room(rule("a", regex("y"), tags[0], reply_texts=("{total}",), level=True, event_type=4))
    seen = [
        {"gift": {"totalValue": value}, "content": text}
        for value, text in ((5, "x"), ("1.50", "x"), (1, "y"))
    ]
    assert [room.said(gift, type=4) for gift in seen] == [[], [], [said]]
