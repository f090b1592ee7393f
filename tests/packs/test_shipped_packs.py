"""The packs under `rules/` load without a word and answer what a shop's viewers ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecue.domain import LiveEvent
from livecue.engine import Decision, RoomState, compile_rules, handle
from livecue.packs import load_packs

FOLDERS = sorted(folder for folder in (Path(__file__).parents[2] / "rules").iterdir() if folder.is_dir())
LOADED = load_packs(FOLDERS)
PROGRAM = compile_rules(LOADED.rules)


def decide(event_type: int, content: dict[str, Any], state: RoomState | None = None) -> Decision:
    event = LiveEvent("shop", "1.0", 1_000, 0, event_type, content, "")
    return handle(PROGRAM, state or RoomState(), event)


def test_all_packs_load_together_without_a_warning() -> None:
    assert {pack.folder.name for pack in LOADED.packs} >= {"ecommerce", "gifts-and-likes", "welcome"}
    assert LOADED.warnings == ()


def test_every_reply_can_be_spoken_in_ten_seconds() -> None:
    long = [text for rule in LOADED.rules for text in rule.trigger.reply_texts if len(text) > 40]
    assert long == []


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("这个多少钱呀", "ec-price"),
        ("身高165体重110穿多大", "ec-size"),
        ("165cm 110斤", "ec-size"),
        ("今天拍什么时候发货", "ec-shipping"),
        ("新疆包邮吗", "ec-postage"),
        ("不喜欢可以退吗", "ec-returns"),
        ("有优惠券吗", "ec-coupon"),
        ("还有货吗", "ec-stock"),
        ("怎么下单", "ec-order"),
        ("3号链接讲一下", "ec-order"),
        ("是正品吗", "ec-authentic"),
        ("能开发票吗", "ec-invoice"),
        ("会起球吗", "ec-material"),
        ("联系不上客服", "ec-service"),
        ("主播多高", "ec-question"),
        ("哈哈哈哈", ""),
        ("666", ""),
    ],
)
def test_a_viewers_question_gets_the_rule_for_it(said: str, rule: str) -> None:
    decision = decide(1, {"user": {"userId": "7"}, "content": said})
    assert decision.hit_rule == rule
    assert len(decision.cues) == bool(rule)


def test_gifts_are_thanked_big_ones_and_milestones_first() -> None:
    def gift(total: object, name: str = "小心心") -> dict[str, Any]:
        return {"user": {"userId": "7"}, "gift": {"giftName": name, "giftNum": 1, "totalValue": total}}

    state = RoomState()
    gifts = [gift("1"), gift(1, "火箭"), gift(600), gift("500"), gift(1), gift(9000)]
    assert [decide(4, each, state).hit_rule for each in gifts] == [
        *("gift-thanks", "gift-big", "gift-big", "gift-sum-1000", "gift-thanks", "gift-sum-10000")
    ]


def test_thanks_for_the_same_gift_merge_and_milestones_do_not() -> None:
    def texts(total: int, name: str) -> list[str]:
        gifts = [{"user": {"name": who}, "gift": {"giftName": name, "totalValue": total}} for who in "甲乙"]
        cues = [decide(4, gift).cues[0] for gift in gifts]
        return [cue.merge.text.replace("{names}", cue.merge.name) for cue in cues if cue.merge]

    assert texts(1, "小心心") == ["谢谢甲送的小心心，爱你们哟！", "谢谢乙送的小心心，爱你们哟！"]
    assert texts(1, "火箭") == ["哇，感谢甲的大礼物，太给力了！", "哇，感谢乙的大礼物，太给力了！"]
    assert texts(1000, "小心心") == []


def test_likes_are_thanked_at_the_hundredth() -> None:
    state = RoomState()
    hits = [decide(3, {"user": {"userId": str(n)}}, state).hit_rule for n in range(120)]
    assert [n for n, hit in enumerate(hits, start=1) if hit] == [100]


def test_high_levels_and_fans_are_welcomed_before_everybody_else() -> None:
    entering = [{"level": "35", "badgeLevel": 9}, {"level": 3, "badgeLevel": "6"}, {"level": 1}]
    assert [decide(2, {"user": user}).hit_rule for user in entering] == [
        *("welcome-vip", "welcome-fan", "welcome-all")
    ]
    assert decide(6, {"numberOfViewers": 1200}).hit_rule == "viewers-1000"
    assert decide(6, {"numberOfViewers": "999"}).hit_rule == ""
