"""The rooms of the shared daemon, each with the rules of one topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acceptance.writing import CALLBACK_KEY, STREAM_KEY, pack, room, rule, tag

ANSWERS = (
    rule("greet", [tag("你好", "EQUAL")], "欢迎光临", play_type="APPEND", reply_role="CO_STREAMER"),
    rule("price", r"多少钱|价\s?格", "七十九元"),
    rule("level", [tag("20", "MATH_GE", "level"), tag("高手", "REGEX")], "欢迎高手"),
    rule("badge", [tag("4", "MATH_EQ", "user.badgeLevel"), tag("徽章")], "好徽章"),
    rule("less", [tag("5", "MATH_LT", "badgeLevel"), tag("低于五")], "低于五"),
    rule("either", [tag("红", "EQUAL"), tag("绿", "EQUAL")], "颜色都有", relation="OR"),
    rule("late", "抢答", "排后面的", priority=600),
    rule("early", "抢答", "排前面的", priority=100),
    rule("off", "关掉的", "不该说", enabled=False),
    rule("audio", "放音乐", reply_texts=[], reply_audios=[{"audio_url": "https://a.example/b.mp3"}]),
    rule("enter", [tag("23", "EQUAL", "level")], "欢迎进来", event_type=2),
    rule("like", [tag("小明", "EQUAL", "name")], "谢谢点赞", event_type=3),
    rule("rose", [tag("玫瑰", "EQUAL", "giftName")], "谢谢玫瑰", event_type=4),
    rule("follow", [tag(".", "REGEX", "userId")], "谢谢关注", event_type=5),
    rule("crowd", [tag("1000", "MATH_GT", "numberOfViewers")], "破千了", event_type=6),
)
WINDOWS = (
    rule("often", "常问", "常答", time_window=0),
    rule("once", "只一次", "就一次", time_window=-1),
    rule("seldom", "两秒", "两秒一次", time_window=2),
)
ORDERS = (
    rule("turns", "轮流", "一", "二", "三", reply_order="ORDER"),
    rule("any", "随便", "甲", "乙", "丙", reply_order="RANDOM"),
)
SCENES = (
    rule("in-b", "哪个", "场景乙的回答", enabled_scenes=["乙"], priority=1),
    rule("in-any", "哪个", "哪里都行", priority=2),
)
TOTALS = (
    rule("sum", [tag("1000", "MATH_GE", "totalValue", "SUM")], "满一千啦", event_type=4),
    rule("count", [tag("3", "MATH_GE", "userId", "COUNT")], "三位进来了", event_type=2),
)
FALLBACK = (
    rule("known", "认得", "认得的"),
    rule("reserve", [], "其它都答这句", relation="RESERVED"),
)
REPORTS = (rule("known", "认得", "认得的"), rule("rare", "难得", "难得的", time_window=7200))
START = {"output_urls": ["rtmp://push.example.com/live"], "stream_keys": [STREAM_KEY]}


def callback(auth_type: str = "MSS_A_HEAD") -> dict[str, str]:
    return {"auth_type": auth_type, "key": CALLBACK_KEY}


def rooms_of_the_shared_daemon(folder: Path) -> list[dict[str, Any]]:
    packs = folder / "packs"
    reports = pack(packs / "reports", REPORTS)
    return [
        room("answers", [pack(packs / "answers", ANSWERS)], callback=callback(), start=START),
        room("windows", [pack(packs / "windows", WINDOWS)]),
        room("orders", [pack(packs / "orders", ORDERS)]),
        room("scenes", [pack(packs / "scenes", SCENES)], callback=callback()),
        room("query", [], callback=callback("MSS_A")),
        room("totals", [pack(packs / "totals", TOTALS)]),
        room("fallback", [pack(packs / "fallback", FALLBACK)]),
        room("all", [reports], report="all"),
        room("unmatched", [reports], report="unmatched"),
        room("none", [reports], report="none"),
        room("burst", [reports], report="unmatched"),
        room("0-9-" + "z" * 59, [pack(packs / "long", [rule("long", "长名", "长名房间")])]),
        room("-", [pack(packs / "dash", [rule("dash", "短名", "短名房间")])]),
    ]
