"""What the avatar is made to say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from acceptance.cloud import Cloud
from acceptance.processes import Livecue, until
from acceptance.stage import START
from acceptance.writing import Bus, danmaku, event, gift, user


async def spoken(cloud: Cloud, room_id: str, before: int, wanted: int = 1) -> list[str]:
    """What was said since `before`, once it is `wanted` replies and stays so for a moment."""
    await until(lambda: len(cloud.said(room_id)) >= before + wanted, 10, "not answered")
    await asyncio.sleep(0.3)
    return cloud.said(room_id)[before:]


def test_a_session_starts_its_job_with_the_rooms_own_body(
    desk: Livecue, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    [call] = shared_cloud.of("start", room_ids["answers"])
    config = call.body["live_event_callback_config"]
    assert config["live_event_type_callback_url"] == f"{desk.url}/callbacks/answers"
    assert config["auth_type"] == "MSS_A_HEAD"
    assert len(config["key"]) == 32
    assert set(config["callback_event_type"]) == {
        "SHOOT_SCRIPT_SWITCH",
        "RTMP_STREAM_STATE_CHANGE",
        "REPLY_COMMAND_FINISH",
    }
    assert call.body["job_run_config"]["single_job_in_room"] is True
    assert {key: call.body[key] for key in START} == START


def test_a_room_without_callback_starts_without_one(shared_cloud: Cloud, room_ids: Mapping[str, str]) -> None:
    [call] = shared_cloud.of("start", room_ids["windows"])
    assert "live_event_callback_config" not in call.body


async def test_a_reply_carries_its_rule_index_and_explicit_play_type_and_role(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    before = len(shared_cloud.of("command", room_id))
    await bus.publish("answers", danmaku("你好"))
    await until(lambda: len(shared_cloud.of("command", room_id)) > before)
    await bus.publish("answers", danmaku("这个多少钱呀"))
    await until(lambda: len(shared_cloud.of("command", room_id)) > before + 1)
    first, second = (call.body for call in shared_cloud.of("command", room_id)[before:])
    assert first == {
        "command": "INSERT_PLAY_SCRIPT",
        "params": {
            "text_config": {"text": "欢迎光临"},
            "play_type": "APPEND",
            "play_role": "CO_STREAMER",
            "rule_index": "greet",
        },
    }
    assert second["params"] == {
        "text_config": {"text": "七十九元"},
        "play_type": "PLAY_NOW",
        "play_role": "STREAMER",
        "rule_index": "price",
    }


async def test_an_audio_reply_is_played(bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]) -> None:
    await bus.publish("answers", danmaku("放音乐"))
    calls = await until(
        lambda: [
            call
            for call in shared_cloud.of("command", room_ids["answers"])
            if call.body["command"] == "INSERT_PLAY_AUDIO"
        ]
    )
    assert calls[0].body["params"] == {
        "audio_url": "https://a.example/b.mp3",
        "play_type": "PLAY_NOW",
        "play_role": "STREAMER",
        "rule_index": "audio",
    }


CASES: list[tuple[str, dict[str, Any], str | None]] = [
    ("EQUAL wants the whole text", danmaku("你好呀"), None),
    ("REGEX searches", danmaku("请问 价 格 是"), "七十九元"),
    ("numbers may come as text", danmaku("我是高手"), "欢迎高手"),
    ("AND wants every tag", event({"user": user(level="19"), "content": "高手"}), None),
    ("a dotted path is a field", danmaku("看我的徽章"), "好徽章"),
    ("less than", danmaku("低于五"), "低于五"),
    ("a text that is no number is no hit", event({"user": user(level="很高"), "content": "高手"}), None),
    ("OR takes either", danmaku("绿"), "颜色都有"),
    ("the lower priority wins", danmaku("抢答"), "排前面的"),
    ("a rule that is off says nothing", danmaku("关掉的"), None),
    ("content may be an object", danmaku("多少钱", as_text=False), "七十九元"),
    ("type 2, a viewer enters", event({"user": user()}, 2), "欢迎进来"),
    ("type 3, a like", event({"user": user()}, 3), "谢谢点赞"),
    ("type 4, a gift", gift(30, "玫瑰"), "谢谢玫瑰"),
    ("type 5, a follow", event({"user": user()}, 5), "谢谢关注"),
    ("type 6, viewers", event({"numberOfViewers": "1001"}, 6), "破千了"),
    ("type 6, not enough viewers", event({"numberOfViewers": 1000}, 6), None),
]


async def test_every_kind_of_condition_answers_as_documented(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    before = len(shared_cloud.said(room_id))
    for _, message, _ in CASES:
        await bus.publish("answers", message)
    wanted = [reply for _, _, reply in CASES if reply]
    assert sorted(await spoken(shared_cloud, room_id, before, len(wanted))) == sorted(wanted)


async def test_a_batch_of_events_in_one_message_is_decided_event_by_event(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    before = len(shared_cloud.said(room_id))
    await bus.report("answers", [danmaku("多少钱"), danmaku("别的", as_text=False), danmaku("红")])
    assert sorted(await spoken(shared_cloud, room_id, before, 2)) == sorted(["七十九元", "颜色都有"])


async def test_time_window_zero_always_minus_one_once_and_n_seconds(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["windows"]
    for text in ("常问", "只一次", "两秒", "常问", "只一次", "两秒"):
        await bus.publish("windows", danmaku(text))
    said = await spoken(shared_cloud, room_id, 0, 4)
    assert sorted(said) == sorted(["常答", "常答", "就一次", "两秒一次"])
    await asyncio.sleep(2)
    await bus.report("windows", [danmaku("只一次"), danmaku("两秒")])
    assert await spoken(shared_cloud, room_id, 4) == ["两秒一次"]


async def test_replies_in_order_go_round_and_random_ones_come_from_the_list(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["orders"]
    await bus.report("orders", [danmaku("轮流")] * 4)
    assert await spoken(shared_cloud, room_id, 0, 4) == ["一", "二", "三", "一"]
    await bus.report("orders", [danmaku("随便")] * 6)
    said = await spoken(shared_cloud, room_id, 4, 6)
    assert len(said) == 6
    assert set(said) <= {"甲", "乙", "丙"}
    assert len(set(said)) > 1


async def test_sum_and_count_answer_once_when_they_are_reached(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["totals"]
    await bus.publish("totals", gift(400), gift("599"), gift("很多"), gift("1"), gift(5000), gift(1))
    assert await spoken(shared_cloud, room_id, 0) == ["满一千啦"]
    await bus.report("totals", [event({"user": user(f"u{n}")}, 2) for n in range(6)])
    assert await spoken(shared_cloud, room_id, 1) == ["三位进来了"]


async def test_the_reserved_rule_answers_only_what_no_other_rule_answers(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["fallback"]
    await bus.publish("fallback", danmaku("认得吗"), danmaku("随口一句"))
    assert sorted(await spoken(shared_cloud, room_id, 0, 2)) == sorted(["认得的", "其它都答这句"])


@pytest.mark.parametrize(("key", "text", "reply"), [("-", "短名", "短名房间"), ("0-9-", "长名", "长名房间")])
async def test_room_keys_may_be_as_odd_and_long_as_documented(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str], key: str, text: str, reply: str
) -> None:
    [(whole, room_id)] = [
        one for one in room_ids.items() if one[0] == key or (len(key) > 1 and one[0].startswith(key))
    ]
    await bus.publish(whole, danmaku(text))
    assert await spoken(shared_cloud, room_id, 0) == [reply]


async def test_an_event_with_a_known_message_id_is_answered_once(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    before = len(shared_cloud.said(room_id))
    for _ in range(3):
        await bus.publish("answers", danmaku("多少钱"), msg_id="douyin-7301")
    assert await spoken(shared_cloud, room_id, before) == ["七十九元"]
