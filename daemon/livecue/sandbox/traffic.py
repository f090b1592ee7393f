"""What viewers do in a shop's live: a seeded stream of events in the form of live-event-report (S4 6.2.7). Pure.

The proportions are those of a busy e-commerce room: mostly people coming in and liking, then danmaku,
of which about one in ten asks something a rule can answer; gifts and follows are rare. As on the real
platforms, numbers sometimes come as strings, some viewers are anonymous, and a gift's total is not
always number × value.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

DANMAKU, ENTER, LIKE, GIFT, FOLLOW, VIEWERS = 1, 2, 3, 4, 5, 6
SHARES = {ENTER: 38, LIKE: 28, DANMAKU: 26, GIFT: 3, FOLLOW: 3, VIEWERS: 2}
QUESTION_SHARE = 0.10
REGULARS = 400
REGULAR_SHARE = 0.6
ANONYMOUS_SHARE = 0.02
STRING_NUMBER_SHARE = 0.3

QUESTIONS = (
    "多少钱",
    "这个多少钱呀",
    "价格多少？",
    "怎么卖的",
    "有没有优惠券",
    "优惠券在哪里领",
    "还能便宜点吗",
    "什么尺码",
    "我160斤穿什么码",
    "165 110斤选什么尺码",
    "有大码吗",
    "什么时候发货",
    "包邮吗",
    "新疆包邮吗",
    "发什么快递",
    "几天能到",
    "还有货吗",
    "什么时候补货",
    "{n}号链接还有库存吗",
    "{n}号链接多少钱",
    "能退货吗",
    "有运费险吗",
    "是正品吗",
    "有几个颜色",
)
CHATTER = (
    "来了来了",
    "主播好",
    "晚上好",
    "666",
    "哈哈哈哈",
    "好看",
    "主播皮肤真好",
    "支持支持",
    "已拍",
    "拍了两件",
    "刚到家就来看你了",
    "这个颜色绝了",
    "上次买的收到了，质量不错",
    "我家也有一个",
    "声音好听",
    "扣1",
    "1",
    "11111",
    "？？？",
    "[玫瑰][玫瑰]",
    "👍👍👍",
    "主播讲慢一点",
    "网卡了",
    "想看{n}号",
    "{n}号讲一下",
    "等{n}号好久了",
    "老粉来报到",
    "今天人好多",
    "抢到了抢到了",
    "手慢无",
    "冲冲冲",
    "妈妈说好用",
    "还在犹豫",
    "隔壁直播间过来的",
    "主播吃饭了吗",
    "能不能唱首歌",
    "第一次来",
    "关注了",
    "点赞点赞",
    "求抽奖",
)
# name, value of one, how often
GIFTS = (
    ("小心心", 1, 50),
    ("玫瑰", 1, 40),
    ("棒棒糖", 9, 20),
    ("大啤酒", 2, 15),
    ("亲吻", 99, 6),
    ("热气球", 520, 2),
    ("跑车", 1200, 1),
    ("嘉年华", 30000, 0.1),
)
COMBOS = (1, 1, 1, 1, 1, 5, 10, 10, 66, 99)
BADGES = ("", "", "", "真爱粉", "小棉袄", "铁粉团", "掌柜的")
_SURNAMES = "赵钱孙李周吴郑王冯陈林黄何郭马罗"
_NAMES = (
    "小满",
    "阿宁",
    "大橘",
    "云朵",
    "七七",
    "果果",
    "北北",
    "一粒米",
    "甜妈",
    "阿杰",
    "爱喝茶",
    "慢慢来",
)
_TAILS = ("", "", "呀", "同学", "的日常", "2026", "🌸", "(努力版)", "不熬夜")


class Traffic:
    """An endless stream over `rooms`; the same seed and calls give the same events."""

    def __init__(self, seed: int, rooms: Sequence[str]) -> None:
        if not rooms:
            raise ValueError("rooms: at least one room is needed")
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose, guards nothing
        self._rooms = tuple(rooms)
        # A few rooms draw most of the viewers, as in any fleet of shops.
        self._weights = [1 / (place + 1) ** 0.7 for place in range(len(self._rooms))]
        self._viewers = {room: self._random.randint(80, 4_000) for room in self._rooms}
        self._regulars = [self._user() for _ in range(REGULARS)]

    def next(self, now_ms: int) -> tuple[str, dict[str, Any]]:
        """The next event at `now_ms`: its room, and `{"timestamp", "type", "content"}`."""
        source = self._random
        room = source.choices(self._rooms, self._weights)[0]
        kind = source.choices(tuple(SHARES), tuple(SHARES.values()))[0]
        content = json.dumps(self._content(room, kind), ensure_ascii=False, separators=(",", ":"))
        return room, {"timestamp": now_ms, "type": kind, "content": content}

    def _content(self, room: str, kind: int) -> dict[str, Any]:
        if kind == VIEWERS:
            return {"numberOfViewers": self._audience(room)}
        content: dict[str, Any] = {"user": self._someone()}
        if kind == DANMAKU:
            asks = self._random.random() < QUESTION_SHARE
            line = self._random.choice(QUESTIONS if asks else CHATTER)
            content["content"] = line.format(n=self._random.randint(1, 20))
        elif kind == GIFT:
            content["gift"] = self._gift()
        return content

    def _audience(self, room: str) -> int:
        drift = self._random.gauss(0, 0.03)
        self._viewers[room] = max(1, round(self._viewers[room] * (1 + drift) + self._random.randint(-3, 3)))
        return self._viewers[room]

    def _someone(self) -> dict[str, Any]:
        source = self._random
        if source.random() < ANONYMOUS_SHARE:
            return {"userId": "111111", "name": "***", "level": 0, "badge": "", "badgeLevel": 0}
        user = source.choice(self._regulars) if source.random() < REGULAR_SHARE else self._user()
        if source.random() < STRING_NUMBER_SHARE:
            return {**user, "level": str(user["level"]), "badgeLevel": str(user["badgeLevel"])}
        return user

    def _user(self) -> dict[str, Any]:
        source = self._random
        badge = source.choice(BADGES)
        name = (
            source.choice(_SURNAMES) * (source.random() < 0.3) + source.choice(_NAMES) + source.choice(_TAILS)
        )
        return {
            "userId": f"douyin_{source.randrange(10**10, 10**11)}",
            "name": name,
            "level": min(60, int(source.expovariate(0.08))),
            "badge": badge,
            "badgeLevel": source.randint(1, 20) if badge else 0,
        }

    def _gift(self) -> dict[str, Any]:
        source = self._random
        name, value, _ = source.choices(GIFTS, [share for _, _, share in GIFTS])[0]
        number = source.choice(COMBOS) if value < 100 else 1
        # As in the documentation's own sample, the total is sometimes the platform's, not the product.
        total = number * value if source.random() < 0.9 else number
        gift: dict[str, Any] = {"giftName": name, "giftNum": number, "totalValue": total, "giftValue": value}
        if source.random() < STRING_NUMBER_SHARE:
            gift["totalValue"] = str(total)
        return gift
