"""The generator of viewers' events."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from livecue.sandbox import Traffic
from livecue.sandbox.traffic import QUESTIONS

ROOMS = ("flagship", "outlet", "food")


def stream(count: int, seed: int = 7) -> list[tuple[str, dict[str, Any]]]:
    traffic = Traffic(seed, ROOMS)
    return [traffic.next(1_790_000_000_000 + number) for number in range(count)]


def test_the_same_seed_gives_the_same_stream() -> None:
    assert stream(300) == stream(300)
    assert stream(300) != stream(300, seed=8)


def test_every_event_has_the_documented_form() -> None:
    users = {"userId", "name", "level", "badge", "badgeLevel"}
    extra = {1: {"content"}, 2: set(), 3: set(), 4: {"gift"}, 5: set()}
    for number, (room, event) in enumerate(stream(5_000)):
        assert room in ROOMS
        assert set(event) == {"timestamp", "type", "content"}
        assert event["timestamp"] == 1_790_000_000_000 + number
        content = json.loads(event["content"])
        if event["type"] == 6:
            assert set(content) == {"numberOfViewers"}
            assert content["numberOfViewers"] >= 1
        else:
            assert set(content) == {"user"} | extra[event["type"]]
            assert set(content["user"]) == users
            assert isinstance(content["user"]["userId"], str)
            assert int(content["user"]["level"]) >= 0
        if event["type"] == 4:
            assert set(content["gift"]) == {"giftName", "giftNum", "totalValue", "giftValue"}


def test_people_mostly_come_and_like_and_one_danmaku_in_ten_asks_something() -> None:
    events = [event for _, event in stream(20_000)]
    kinds = Counter(event["type"] for event in events)
    assert [kind for kind, _ in kinds.most_common(3)] == [2, 3, 1]
    assert set(kinds) == {1, 2, 3, 4, 5, 6}
    said = [json.loads(event["content"])["content"] for event in events if event["type"] == 1]
    plain = {line for line in QUESTIONS if "{" not in line}
    asked = sum(1 for line in said if line in plain or line.endswith(("还有库存吗", "号链接多少钱")))
    assert 0.07 < asked / len(said) < 0.13


def test_numbers_sometimes_come_as_strings_and_totals_do_not_always_add_up() -> None:
    contents = [json.loads(event["content"]) for _, event in stream(20_000)]
    levels = {type(content["user"]["level"]) for content in contents if "user" in content}
    gifts = [content["gift"] for content in contents if "gift" in content]
    assert levels == {int, str}
    assert any(int(gift["totalValue"]) != gift["giftNum"] * gift["giftValue"] for gift in gifts)


def test_the_first_room_is_the_busiest_and_none_is_empty() -> None:
    rooms = Counter(room for room, _ in stream(5_000))
    assert [room for room, _ in rooms.most_common()] == list(ROOMS)


def test_no_rooms_no_traffic() -> None:
    with pytest.raises(ValueError, match="rooms: at least one room is needed"):
        Traffic(1, ())
