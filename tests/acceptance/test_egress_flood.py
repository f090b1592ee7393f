"""Thirteen rooms want three times what the tenant may say, one of them ten times as much as the others."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from acceptance.cloud import Call, Fault
from acceptance.hall import Hall, hall
from acceptance.processes import until
from acceptance.writing import danmaku, event, pack, room, rule, tag, user

LIMIT = 4
LASTS_S = 22  # four turns or so for a room: freshness may shift two of them over the edges
MAX_AGE_S = 4
GIFT_MAX_AGE_S = 4
PLAIN = [f"room-{n}" for n in range(11)]
FLOODED, HEAVY = "flooded", "heavy"
LAYER = {"layer_type": "IMAGE"}
RULES = (
    rule("ask", "问", "答{user.name}"),
    rule("gift", [tag("心", "REGEX", "giftName")], "谢{user.name}", event_type=4),
)

LATE = {"max_age_s": 60}
CALM = (
    rule(
        "layer", "图层", reply_mode="SHOW_LAYER", reply_texts=[], priority=1, layer_config=LAYER, livecue=LATE
    ),
    rule("low", "不急", "不急的", priority=900, livecue=LATE),
    rule("mid", "平常", "平常{user.name}", priority=500, livecue=LATE),
    rule("high", "要紧", "要紧的", priority=2, livecue=LATE),
    rule("gift", [tag("心", "REGEX", "giftName")], "谢谢", event_type=4, priority=999, livecue=LATE),
)


@dataclass
class Flood:
    """What was asked for, when (monotonic seconds, by the viewer's name), and what the cloud saw of it."""

    hall: Hall
    asked: dict[str, float]
    began: float
    ended: float

    def sent(self, *keys: str, kind: str = "答谢") -> list[tuple[str, Call]]:
        """The viewers that were answered, with the call that did it."""
        found = []
        for key in keys or tuple(self.hall.ids):
            for call in self.hall.commands(key):
                text = call.body["params"]["text_config"]["text"]
                if text[0] in kind:
                    found += [(name, call) for name in re.findall(r"\w\d+", text[1:])]
        return found

    def during(self, *keys: str) -> list[Call]:
        """What these rooms were let say once the first queue had formed, while the flood went on."""
        return [call for _, call in self.sent(*keys) if self.began + 2 < call.at < self.ended]


async def pour(stage: Hall) -> Flood:
    """Each room asks once a second, the flooded one ten times; a gift in two of three seconds, anywhere."""
    asked: dict[str, float] = {}
    began = time.monotonic()
    async with stage.bus() as bus:

        def viewer(letter: str) -> dict[str, Any]:
            name = f"{letter}{len(asked)}"
            asked[name] = time.monotonic()
            return user(name, name=name)

        for beat in range(LASTS_S * 2):
            await asyncio.sleep(max(0.0, began + beat / 2 - time.monotonic()))
            for number, key in enumerate((*PLAIN, HEAVY)):
                if number % 2 == beat % 2:
                    await bus.publish(key, event({"user": viewer("a"), "content": "问"}))
            await bus.report(FLOODED, [event({"user": viewer("f"), "content": "问"}) for _ in range(5)])
            if beat % 3:
                continue
            given = {"giftName": "心", "giftNum": 1, "totalValue": 1, "giftValue": 1}
            lucky = random.choice((*PLAIN, FLOODED))
            await bus.publish(lucky, event({"user": viewer("g"), "gift": given}, 4))
        ended = time.monotonic()
        await asyncio.sleep(GIFT_MAX_AGE_S + 0.5)
    return Flood(stage, asked, began, ended)


@pytest.fixture(scope="module")
def flood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flood]:
    folder = tmp_path_factory.mktemp("flood")
    packs = [pack(folder / "p", RULES)]
    rooms = [room(key, packs) for key in (*PLAIN, FLOODED)] + [room(HEAVY, packs, weight=3)]
    rooms.append(room("calm", [pack(folder / "calm", CALM)]))
    ages = {"max_age_s": MAX_AGE_S, "gift_max_age_s": GIFT_MAX_AGE_S}
    with hall(folder / "daemon", rooms, dispatch=ages) as stage:
        stage.cloud.latency_s = (0.005, 0.04)
        yield asyncio.run(pour(stage))


def jain(shares: list[int]) -> float:
    """1 if all have the same, 1/n if one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def test_the_limit_is_never_exceeded_in_any_second_of_the_cloud(flood: Flood) -> None:
    assert flood.hall.cloud.gate.refusals["command"] == []
    assert flood.hall.cloud.gate.violations == []
    arrivals = flood.hall.cloud.gate.arrivals["command"]
    assert all(later - earlier >= 1 for earlier, later in zip(arrivals, arrivals[LIMIT:], strict=False))


def test_almost_all_of_the_quota_is_used_while_there_is_something_to_say(flood: Flood) -> None:
    arrivals = flood.hall.cloud.gate.arrivals["command"]
    used = sum(flood.began + 1 < at < flood.ended for at in arrivals)
    assert used >= 0.87 * LIMIT * (flood.ended - flood.began - 1)


def test_rooms_that_always_had_something_to_say_got_the_same_and_the_flooded_one_no_more(
    flood: Flood,
) -> None:
    shares = [len(flood.during(key)) for key in (*PLAIN, FLOODED)]
    assert min(shares) >= 1, shares
    assert jain(shares) >= 0.8, shares


def test_a_room_of_weight_3_gets_about_three_times_as_much(flood: Flood) -> None:
    plain = sum(len(flood.during(key)) for key in PLAIN) / len(PLAIN)
    assert 1.8 <= len(flood.during(HEAVY)) / plain <= 4.5


def test_gift_thanks_hardly_wait_though_replies_do(flood: Flood) -> None:
    waits = sorted(call.at - flood.asked[name] for name, call in flood.sent(kind="谢"))
    assert len(waits) == sum(name[0] == "g" for name in flood.asked), "every gift is thanked for"
    assert waits[len(waits) // 2] < 1, waits
    assert waits[-1] < 2, waits


def test_nothing_is_said_twice_and_nothing_later_than_it_is_worth(flood: Flood) -> None:
    said = Counter(name for name, _ in flood.sent())
    assert {name: times for name, times in said.items() if times > 1} == {}
    late = {name: call.at - flood.asked[name] for name, call in flood.sent(kind="答")}
    assert max(late.values()) < MAX_AGE_S + 0.2, late


def test_what_was_said_in_a_room_was_said_by_one_call_after_the_other(flood: Flood) -> None:
    for key in (*PLAIN, FLOODED, HEAVY):
        assert all(earlier.done_at <= later.at for earlier, later in pairwise(flood.hall.commands(key))), key


def test_whatever_was_not_said_is_counted_as_expired_or_overflow(flood: Flood) -> None:
    said = len(flood.sent())
    daemon = flood.hall.daemon
    dropped = sum(daemon.metric("livecue_cues_total", reason=reason) for reason in ("expired", "overflow"))
    assert said + dropped == len(flood.asked)
    assert daemon.metric("livecue_cues_total", reason="sent") == said


async def test_gifts_go_before_replies_before_layers_then_by_priority_then_the_fresher(
    flood: Flood,
) -> None:
    stage = flood.hall
    given = {"giftName": "心", "giftNum": 1, "totalValue": 1, "giftValue": 1}
    async with stage.bus() as bus:
        stage.cloud.faults.append(Fault("command", status=429, code="APIGW.0308", retry_after="5"))
        await bus.publish("calm", danmaku("不急"))
        await asyncio.sleep(0.5)
        await bus.publish("calm", event({"user": user(name="旧"), "content": "平常"}))
        await asyncio.sleep(2.5)
        for name in ("一", "二", "三"):
            await bus.publish("calm", event({"user": user(name=name), "content": "平常"}))
        await bus.publish("calm", danmaku("图层"), danmaku("要紧"), event({"user": user(), "gift": given}, 4))
        await until(lambda: len(stage.commands("calm")) == 9, 12)
    said = stage.said("calm")
    assert said == ["谢谢", "要紧的", "平常一", "平常二", "平常三", "平常旧", "不急的"]
    assert stage.commands("calm")[-1].body["command"] == "SHOW_LAYER"
    first, second = stage.commands("calm")[:2]
    assert second.at - first.at >= 5, "Retry-After is kept"
