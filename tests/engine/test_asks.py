"""Replies that are asked for outside, their answers, and the script that is being spoken."""

from __future__ import annotations

from typing import Any

import pytest

from engine.making import AGES, Room, regex, rule
from livecue.domain import Ask, AskKind, CueKind, SignalKind
from livecue.engine import compile_rules
from livecue.engine.rules import PlayType, ReplyMode, ReplyOrder, ReplyRole, Rule

ASKING = {
    ReplyMode.CALLBACK: AskKind.CALLBACK,
    ReplyMode.SYSTEM_REPLY_AND_CALLBACK: AskKind.CALLBACK,
    ReplyMode.INTELLIGENT_REPLY: AskKind.CHAT,
}


def asking(mode: ReplyMode = ReplyMode.CALLBACK, **more: Any) -> Room:
    room = Room(rule("a", regex("."), reply_mode=mode, priority=7, **more))
    room.told(SignalKind.JOB_STARTED, job_id="j")
    return room


def answer(room: Room, ask: Ask, *, at_s: float = 1, **more: Any) -> list[str]:
    data: dict[str, Any] = {
        "ask_id": ask.id,
        "job_id": ask.job_id,
        "rule_index": ask.rule_index,
        "text": "十块",
        "fallback": False,
        "event_id": ask.event_id,
        "at_ms": ask.at_ms,
        "expires_ms": ask.expires_ms,
    }
    return [cue.text for cue in room.told(SignalKind.ANSWERED, at_s=at_s, **(data | more)).cues]


def test_an_ask_carries_everything_that_the_question_needs() -> None:
    room = asking(
        callback_url="https://x/y", max_age_s=4, rule_name="问", reply_texts=("{nope}", "{content}?")
    )
    room.told(SignalKind.SCRIPT_SWITCH, job_id="j", scene="护肤")
    decision = room.see("价", at_s=2)
    assert (decision.cues, decision.matched, decision.hit_rule) == ((), True, "a")
    assert decision.asks == (
        Ask(
            id="1.0:a:ask",
            room="shop",
            job_id="j",
            rule_index="a",
            kind=AskKind.CALLBACK,
            event_id="1.0",
            event_type=1,
            content={"user": {"userId": "7", "name": "小李", "level": 3}, "content": "价"},
            at_ms=2000,
            expires_ms=6000,
            texts=("价?",),
            speaks=True,
            scene="护肤",
            rule_name="问",
            url="https://x/y",
        ),
    )


@pytest.mark.parametrize(
    ("mode", "own", "said", "speaks"),
    [
        (ReplyMode.CALLBACK, None, [], True),
        (ReplyMode.CALLBACK, False, [], False),
        (ReplyMode.SYSTEM_REPLY_AND_CALLBACK, None, ["a!"], False),
        (ReplyMode.SYSTEM_REPLY_AND_CALLBACK, True, ["a!"], True),
        (ReplyMode.INTELLIGENT_REPLY, None, [], True),
    ],
)
def test_every_mode_asks_whom_it_names(
    mode: ReplyMode,
    own: bool | None,  # noqa: FBT001
    said: list[str],
    speaks: bool,  # noqa: FBT001
) -> None:
    decision = asking(mode, speak_answer=own).see("x")
    assert [cue.text for cue in decision.cues] == said
    assert [(ask.kind, ask.speaks, ask.texts) for ask in decision.asks] == [(ASKING[mode], speaks, ("a!",))]


def test_the_fallback_texts_stand_in_the_order_of_choice() -> None:
    order = {"reply_texts": ("1", "2", "3"), "reply_order": ReplyOrder.ORDER}
    room = asking(ReplyMode.INTELLIGENT_REPLY, **order)
    assert [room.see("x").asks[0].texts for _ in range(2)] == [("1", "2", "3"), ("2", "3", "1")]


def test_a_held_back_rule_asks_nobody() -> None:
    room = asking(time_window=10)
    assert [len(room.see("x", at_s=at).asks) for at in (0, 9, 10)] == [1, 0, 1]


def test_an_answer_is_spoken_the_rules_way_as_of_its_event() -> None:
    room = asking(play_type=PlayType.APPEND, reply_role=ReplyRole.CO_STREAMER, rule_name="问")
    (ask,) = room.see("x", at_s=1).asks
    data: dict[str, Any] = {"rule_index": "a", "job_id": "j", "text": " 十块 ", "event_id": ask.event_id}
    times: dict[str, Any] = {"at_ms": ask.at_ms, "expires_ms": ask.expires_ms}
    (cue,) = room.told(SignalKind.ANSWERED, at_s=3, **data, **times).cues
    assert (cue.id, cue.kind, cue.text, cue.job_id, cue.room) == (
        "1.0:a:answer",
        CueKind.SPEAK,
        "十块",
        "j",
        "shop",
    )
    assert (cue.at_ms, cue.expires_ms, cue.priority) == (1000, 1000 + AGES.reply_ms, 7)
    assert (cue.play_type, cue.play_role, cue.rule_name) == ("APPEND", "CO_STREAMER", "问")


def test_an_answer_that_comes_too_late_or_for_another_live_is_not_spoken() -> None:
    room = asking()
    (ask,) = room.see("x").asks
    assert answer(room, ask, at_s=7.9) == ["十块"]
    assert answer(room, ask, at_s=8) == []
    assert answer(room, ask, rule_index="gone") == []
    assert answer(room, ask, text="") == []
    assert answer(room, ask, expires_ms="soon") == []
    room.told(SignalKind.JOB_STARTED, job_id="j2")
    assert answer(room, ask) == []
    assert answer(asking(speak_answer=False), ask) == []
    assert answer(Room(rule("a", regex("."))), ask, job_id="") == []


def test_what_a_model_says_is_no_markup_but_a_rules_own_text_and_a_shops_answer_may_be() -> None:
    chat, call = asking(ReplyMode.INTELLIGENT_REPLY), asking()
    (asked,), (called,) = chat.see("x").asks, call.see("x").asks
    markup = "<speak>贵\n<break/></speak>"
    assert answer(chat, asked, text=markup) == ["speak贵 break//speak"]
    assert answer(chat, asked, text=markup, fallback=True) == [markup]
    assert answer(call, called, text=markup) == [markup]


def test_a_firing_whose_only_reply_never_came_gives_its_window_back() -> None:
    for mode, late, heard in (
        (ReplyMode.INTELLIGENT_REPLY, {"text": ""}, True),
        (ReplyMode.CALLBACK, {"at_s": 60}, True),
        (ReplyMode.CALLBACK, {"text": ""}, False),  # the callback was made: that was the reply
    ):
        room = asking(mode, time_window=-1)
        (ask,) = room.see("x").asks
        assert answer(room, ask, **late) == []
        assert bool(room.see("x").asks) is heard


def test_a_rule_without_a_room_to_ask_has_its_own_url() -> None:
    rules = [
        rule("own", reply_mode=ReplyMode.CALLBACK, callback_url="https://x/y"),
        rule("none", reply_mode=ReplyMode.CALLBACK),
        rule("both", reply_mode=ReplyMode.SYSTEM_REPLY_AND_CALLBACK, reply_texts=()),
        rule("chat", reply_mode=ReplyMode.INTELLIGENT_REPLY),
        Rule("tomorrow", 1, unknown=(("trigger.reply_mode", "HOLOGRAM"),)),
    ]
    assert set(compile_rules(rules, can_call=False, can_chat=False).plans) == {"own"}
    assert set(compile_rules(rules).plans) == {"own", "none", "both", "chat"}


SCRIPT = {("护肤", "1"): "欢迎来到直播间", ("护肤", "面膜"): "这款面膜", ("彩妆", "1"): "口红"}


def switch(room: Room, **data: Any) -> list[str]:
    cues = room.told(SignalKind.SCRIPT_SWITCH, script=SCRIPT, job_id="", **data).cues
    return [cue.text for cue in cues]


def test_a_switch_of_the_script_is_an_event_of_type_10_with_the_segments_text() -> None:
    room = Room(
        rule("mask", regex("面膜"), event_type=10, reply_texts=("{title}:{content}",)),
        rule("hello", regex("欢迎"), event_type=10, enabled_scenes=("护肤",)),
        rule("by-title", regex("未知", "title"), event_type=10),
        rule("chat", regex("面膜"), event_type=1),
    )
    assert switch(room, scene="护肤", sequence_no=1, title="开场") == ["hello!"]
    assert switch(room, scene="护肤", sequence_no=2, title="面膜") == ["面膜:这款面膜"]
    assert switch(room, scene="彩妆", sequence_no=1, title="x") == []
    assert switch(room, scene="彩妆", sequence_no=9, title="未知") == ["by-title!"]


def test_each_switch_told_is_one_event_and_late_news_is_none() -> None:
    room = Room(rule("mask", regex("面膜"), event_type=10))
    first = room.told(SignalKind.SCRIPT_SWITCH, script=SCRIPT, scene="护肤", title="面膜")
    assert (first.matched, first.hit_rule, first.cues[0].id) == (True, "mask", "script-s0:mask")
    assert switch(room, scene="护肤", title="面膜") == ["mask!"]
    room.told(SignalKind.JOB_STARTED, job_id="j")
    late = room.told(SignalKind.SCRIPT_SWITCH, script=SCRIPT, job_id="old", scene="护肤", title="面膜")
    assert late.cues == ()
