"""Who speaks when, in virtual time. One character takes 0.24 s."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecue.sandbox.scripts import DEFAULT, Script, parse
from livecue.sandbox.voice import Finished, Heard, Insert, ScriptOver, Switched, Voice

T0 = 1_790_000_000.0


def script(*texts: str) -> Script:
    shoots = [
        {"sequence_no": i, "title": f"第{i}段", "text_config": {"text": t}} for i, t in enumerate(texts, 1)
    ]
    return parse([{"script_name": "场景", "shoot_scripts": shoots}])


def voice(*texts: str, **options: Any) -> Voice:
    return Voice(script(*texts) if texts else None, T0, **options)


def reply(name: str, play_type: str, seconds: float = 2.0) -> Insert:
    return Insert(name, "INSERT_PLAY_SCRIPT", {}, play_type, seconds)


def story(heard: list[Heard]) -> list[tuple[float, str]]:
    """What was heard, in seconds since the start."""

    def word(event: Heard) -> str:
        if isinstance(event, Switched):
            return event.segment.title
        return event.command_id if isinstance(event, Finished) else "over"

    return [(round(event.at_s - T0, 2), word(event)) for event in heard]


# Two sentences of 10 characters (2.4 s each), then a segment of 5 characters (1.2 s).
LONG, SHORT = "一二三四五六七八九。一二三四五六七八九。", "一二三四。"


def test_the_script_is_spoken_in_a_loop() -> None:
    heard = voice(LONG, SHORT).advance(T0 + 13)
    assert story(heard) == [(0, "第1段"), (4.8, "第2段"), (6, "第1段"), (10.8, "第2段"), (12, "第1段")]


def test_a_script_has_as_many_rounds_as_asked() -> None:
    heard = voice(LONG, SHORT, rounds=1).advance(T0 + 100)
    assert story(heard) == [(0, "第1段"), (4.8, "第2段"), (6, "over")]
    assert isinstance(heard[-1], ScriptOver)


def test_play_now_cuts_the_sentence_and_the_rest_follows() -> None:
    speaker = voice(LONG, SHORT)
    speaker.advance(T0 + 1)
    heard = speaker.insert(reply("a", "PLAY_NOW"), T0 + 1)
    assert story(heard + speaker.advance(T0 + 7)) == [(3, "a"), (6.8, "第2段")]


def test_play_now_starts_even_while_another_insert_is_spoken_and_that_one_goes_on_afterwards() -> None:
    speaker = voice(LONG)
    heard = speaker.insert(reply("a", "PLAY_NOW"), T0 + 1)
    heard += speaker.insert(reply("b", "PLAY_NOW"), T0 + 2)
    assert story(heard + speaker.advance(T0 + 6))[1:] == [(4, "b"), (5, "a")]


def test_what_was_cut_last_goes_on_first() -> None:
    speaker = voice(LONG)
    heard = [e for at, name in enumerate("abc", 1) for e in speaker.insert(reply(name, "PLAY_NOW"), T0 + at)]
    assert story(heard + speaker.advance(T0 + 8))[1:] == [(5, "c"), (6, "b"), (7, "a")]


def test_a_room_may_ignore_the_rest_of_what_was_cut() -> None:
    speaker = voice(LONG, SHORT, ignore_rest=True)
    heard = speaker.insert(reply("a", "PLAY_NOW"), T0 + 1)
    heard += speaker.insert(reply("b", "PLAY_NOW"), T0 + 2)
    assert story(heard + speaker.advance(T0 + 7)) == [(0, "第1段"), (2, "a"), (4, "b"), (6.4, "第2段")]


def test_insert_waits_for_the_end_of_the_sentence() -> None:
    speaker = voice(LONG, SHORT)
    speaker.insert(reply("a", "INSERT"), T0 + 1)
    assert [item.command_id for item in speaker.unplayed()] == ["a"]
    assert story(speaker.advance(T0 + 7)) == [(4.4, "a"), (6.8, "第2段")]


def test_append_waits_for_the_end_of_the_segment() -> None:
    speaker = voice(LONG, SHORT)
    speaker.insert(reply("a", "APPEND"), T0 + 1)
    assert story(speaker.advance(T0 + 7)) == [(6.8, "a"), (6.8, "第2段")]


def test_inserts_go_before_appends_and_each_kind_in_its_order() -> None:
    speaker = voice(LONG, SHORT)
    for name, play_type in (("c", "APPEND"), ("a", "INSERT"), ("d", "APPEND"), ("b", "INSERT")):
        speaker.insert(reply(name, play_type), T0 + 1)
    assert [item.command_id for item in speaker.unplayed()] == ["a", "b", "c", "d"]
    heard = story(speaker.advance(T0 + 20))
    assert [word for _, word in heard if word in "abcd"] == ["a", "b", "c", "d"]


def test_without_a_script_everything_is_spoken_at_once_in_turn() -> None:
    speaker = voice()
    heard = [e for name in "ab" for e in speaker.insert(reply(name, "APPEND"), T0 + 1)]
    assert story(heard + speaker.advance(T0 + 9)) == [(3, "a"), (5, "b")]


def test_what_is_cleaned_up_is_never_spoken() -> None:
    speaker = voice(LONG, SHORT)
    for name in "abc":
        speaker.insert(reply(name, "INSERT"), T0 + 1)
    assert speaker.clean_up(["b", "nobody"]) == ["b"]
    assert speaker.clean_up(None) == ["a", "c"]
    assert story(speaker.advance(T0 + 5)) == [(4.8, "第2段")]


def test_what_is_being_spoken_is_not_cleaned_up() -> None:
    speaker = voice(LONG)
    speaker.insert(reply("a", "PLAY_NOW"), T0 + 1)
    assert speaker.clean_up(None) == []
    assert (3, "a") in story(speaker.advance(T0 + 4))


def test_speedup_hurries_the_script_and_not_the_replies() -> None:
    speaker = voice(LONG, SHORT, speedup=2.0)
    heard = speaker.insert(reply("a", "INSERT"), T0 + 0.5)
    assert story(heard + speaker.advance(T0 + 4.5)) == [(0, "第1段"), (3.2, "a"), (4.4, "第2段")]


def test_a_rewritten_script_begins_after_the_segment() -> None:
    speaker = voice(LONG, SHORT)
    speaker.advance(T0 + 1)
    speaker.rewrite(
        parse([{"script_name": "新", "shoot_scripts": [{"title": "新段", "text_config": {"text": "好"}}]}])
    )
    assert story(speaker.advance(T0 + 5)) == [(4.8, "新段")]


def test_a_room_without_scripts_has_a_small_one_of_several_scenes() -> None:
    heard = Voice(parse([]), T0).advance(T0 + 120)
    scenes = {event.segment.scene for event in heard if isinstance(event, Switched)}
    assert len(scenes) == 3
    assert parse([{"script_name": "空"}]) is DEFAULT


def test_an_empty_segment_cannot_make_the_loop_spin() -> None:
    heard = voice("", " ").advance(T0 + 10)
    assert len(heard) == pytest.approx(20, abs=2)


orders = st.lists(
    st.tuples(st.floats(0, 5), st.sampled_from(["PLAY_NOW", "INSERT", "APPEND"]), st.floats(0.1, 8)),
    max_size=20,
)


@settings(max_examples=60)
@given(orders=orders, speedup=st.sampled_from([1.0, 3.0, 0.5]))
def test_every_insert_is_spoken_once_and_takes_its_time(
    orders: list[tuple[float, str, float]], speedup: float
) -> None:
    speaker, now_s, heard, total_s = voice(LONG, SHORT, speedup=speedup), T0, [], 0.0
    for number, (gap_s, play_type, seconds) in enumerate(orders):
        now_s += gap_s
        total_s += seconds
        heard += speaker.insert(reply(str(number), play_type, seconds), now_s)
    heard += speaker.advance(now_s + total_s + 100)
    finished = [event.command_id for event in heard if isinstance(event, Finished)]
    assert sorted(finished, key=int) == [str(number) for number in range(len(orders))]
    assert all(earlier.at_s <= later.at_s for earlier, later in pairwise(heard))


@settings(max_examples=60)
@given(steps=st.lists(st.floats(0.001, 3), min_size=1, max_size=60))
def test_it_does_not_matter_how_often_one_looks(steps: list[float]) -> None:
    often, once = voice(LONG, SHORT), voice(LONG, SHORT)
    often.insert(reply("a", "INSERT"), T0)
    once.insert(reply("a", "INSERT"), T0)
    now_s, heard = T0, []
    for step in steps:
        now_s += step
        heard += often.advance(now_s)
    looked = story(heard + often.advance(now_s + 100))
    waited = story(once.advance(now_s + 101))[
        : len(looked)
    ]  # one second more, or rounding decides at the edge
    assert [word for _, word in looked] == [word for _, word in waited]
    assert [at for at, _ in looked] == pytest.approx([at for at, _ in waited], abs=0.02)
