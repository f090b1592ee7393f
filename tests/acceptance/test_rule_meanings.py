"""What rules mean, played through one daemon: a room per topic, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon
from acceptance.processes import until
from acceptance.writing import bus_of, danmaku, event, pack, room, rule, tag, user

LAYER = {"layer_type": "TEXT", "text_config": {"text_type": "DYNAMIC", "text_context": "原来的"}}
HOSTILE = "<speak>\"小&红'</speak>"


def levelled(level: Any) -> dict[str, Any]:
    return event({"user": user(level=level), "content": "等级"})


def gift(total: Any, user_id: str = "u1", **more: Any) -> dict[str, Any]:
    given = {"giftName": "玫瑰", "giftNum": 1, "totalValue": total}
    return event({"user": user(user_id, name=user_id), "gift": given | more}, 4)


def named(text: str, name: str, user_id: str = "u1") -> dict[str, Any]:
    return event({"user": user(user_id, name=name), "content": text})


def total(value: str, name: str, operation: str, match: str = "MATH_GE") -> list[dict[str, str]]:
    return [tag(value, match, name, operation)]


@dataclass(frozen=True)
class Case:
    """A room: its rules, what comes in, what is said (in any order), what is left to the cloud."""

    rules: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    said: Sequence[str]
    reported: int | None = None


CASES = {
    "numbers": Case(
        [
            rule("level", [tag("20", "MATH_GE", "user.level"), tag("等级")], "{user.level}级"),
            rule("gift", [tag("30", "MATH_EQ", "gift.totalValue")], "三十", event_type=4),
        ],
        [
            *map(levelled, ("23", " 20 ", "2e1", 20.5, "1e999", "", None, "２５", "NaN", "-Infinity", True)),
            *map(levelled, ([30], {"level": "很高"}, "0x20", "25级", 10**18, "9" * 500, "19.99")),
            gift("30"),
            event({"user": user(), "totalValue": 30}, 4),
        ],
        ["23级", "20级", "2e1级", "20.5级", "三十"],
    ),
    "crossing": Case(
        [
            rule("sum", total("1000", "totalValue", "SUM"), "满{total}", event_type=4),
            rule("avg", total("30", "user.level", "AVG"), "平均{total}", event_type=2),
            rule("count", total("3", "userId", "COUNT"), "第{total}个", event_type=3),
        ],
        [
            *map(gift, (400, "599.5", "1e999", "很多", None, "0.5", 1, 5000)),
            *(event({"user": user(level=one)}, 2) for one in ("很高", 10, 50, "10", 90, 90)),
            *(event({"user": user(f"u{n}")}, 3) for n in range(6)),
        ],
        ["满1000", "平均30", "平均40", "第3个"],
    ),
    "aggregates": Case(
        [
            rule(
                "big",
                total("500", "totalValue", "SUM"),
                "{user.name}送了{total}",
                livecue={"aggregate": {"scope": "user", "reset": "on_fire"}},
                event_type=4,
            ),
            rule(
                "level",
                total("2", "userId", "COUNT"),
                "赞{total}",
                event_type=3,
                livecue={"aggregate": {"mode": "level"}},
            ),
        ],
        [
            *(gift(300, one) for one in ("甲", "乙")),
            *(gift(250, "甲"), gift(300, "甲"), gift(200, "甲"), gift("200", "乙"), gift(9, "乙")),
            *(event({"user": user()}, 3) for _ in range(4)),
        ],
        ["甲送了550", "甲送了500", "乙送了500", "赞2", "赞3", "赞4"],
    ),
    "cooldown": Case(
        [rule("r", "问", "答", livecue={"per_user_cooldown_s": 3600})],
        [danmaku("问", one) for one in ("0", "0", "111111", "111111", "", "", "u1", "u1", "u2")],
        ["答"] * 8,
        reported=0,
    ),
    "groups": Case(
        [
            rule("a", "物流", "物流答", livecue={"group": "g", "group_cooldown_s": 3600}),
            rule("b", "快递", "快递答", livecue={"group": "g", "group_cooldown_s": 3600}),
            rule("c", "快", "不该说", priority=600),
        ],
        [danmaku("物流"), danmaku("快递"), danmaku("物流")],
        ["物流答"],
        reported=0,
    ),
    "waiting": Case(
        [rule("r", "等", "{content}", livecue={"wait_messages": 2})],
        [*map(danmaku, ("等一", "等二", "等三", "等四", "路人", "等五", "路人", "等六"))],
        ["等一", "等四", "等六"],
        reported=2,
    ),
    "crowd": Case(
        [
            rule("many", "券", "这么多人要", livecue={"distinct_users": {"users": 3, "within_s": 60}}),
            rule("later", "券", "后面的", priority=600, time_window=-1),
        ],
        [danmaku("券", one) for one in ("a", "a", "0", "111111", "", "b", "c", "d", "e")],
        ["后面的", "这么多人要"],
        reported=0,
    ),
    "dedup": Case(
        [rule("r", ".", "{content}", livecue={"dedup_s": 3600})],
        [*map(danmaku, ("Ab多少钱", "ａＢ 多少钱？！", "ab多少钱呀啊😀", "多少钱", "？？", "？？"))],
        ["Ab多少钱", "多少钱", "？？", "？？"],
    ),
    "combos": Case(
        [
            rule(
                "combo",
                [tag("玫瑰", "EQUAL", "giftName")],
                "谢{user.name}{combo.count}个，值{combo.value}",
                livecue={"combo": {"timeout_s": 1}},
                event_type=4,
            )
        ],
        [
            *(gift(10 * n, "甲", repeatCount=n, repeatEnd=0) for n in (1, 3, 2)),
            *(gift(5, "乙", giftNum="2"), gift("很多", "乙", giftNum="x"), gift(5, "丙", repeat_end="1")),
            gift(40, "甲", repeatCount=4, repeatEnd=1),
        ],
        ["谢甲4个，值40", "谢乙3个，值5", "谢丙1个，值5"],
        reported=0,
    ),
    "names": Case(
        [
            rule("ssml", "语", "<speak>{user.name}</speak>"),
            rule("plain", "名", "欢迎{user.name}"),
            rule("mask", "藏", "欢迎{user.name}", livecue={"mask": ["user.name"]}),
            rule("next", "空", "叫{user.name}", "宝宝", reply_order="ORDER"),
            rule("none", "缺", "有{nothing.here}"),
            rule("braces", "括", "{ 不是变量 } {}"),
        ],
        [
            *(named(one, HOSTILE) for one in "语名藏"),
            *(named("空", "匿名", one) for one in ("0", "111111", "")),
            *(named("空", "小\x00王\u202e"), named("名", "长" * 50), danmaku("缺"), danmaku("括")),
            named("名", "{content}{userId}"),
        ],
        [
            "<speak>&lt;speak&gt;&quot;小&amp;红&#x27;&lt;/speak&gt;</speak>",
            "欢迎speak\"小&红'/speak",
            "欢迎s**",
            *["宝宝"] * 3,
            "叫小王",
            f"欢迎{'长' * 20}",
            "{ 不是变量 } {}",
            "欢迎{content}{userId}",
        ],
        reported=0,
    ),
    "fallback": Case(
        [
            rule("reserve", [], "兜底", relation="RESERVED", priority=0),
            rule("held", "只一次", "就一次", time_window=-1, priority=900),
            rule("layer", "看", reply_mode="SHOW_LAYER", reply_texts=[], layer_config=LAYER),
        ],
        [*map(danmaku, ("只一次", "只一次", "看", "别的")), event({"user": user()}, 2)],
        ["就一次", "兜底", "兜底"],
        reported=1,
    ),
    "patterns": Case(
        [
            rule("quote", r"\Q1+1=?\E", "引"),
            rule("ci", "(?i)vip[A-Z&&[^X]]", "大小写"),
            rule("han", r"^\p{IsHan}+$", "汉"),
            rule("group", r"(?<n>ab)\k<n>", "叠"),
            rule("digit", r"号\d", "数字"),
            rule("possessive", "x++y", "占"),
        ],
        [
            *map(danmaku, ("问1+1=?吗", "11111=", "VIPa", "vIPx", "全是汉字", "汉字a", "abab!", "abxab")),
            *map(danmaku, ("2号3", "2号３", "xxxy", "xxx1")),
        ],
        ["引", "大小写", "汉", "叠", "数字", "占"],
        reported=6,
    ),
    "age": Case(
        [rule("brief", "旧", "不该说", livecue={"max_age_s": 0.1}), rule("r", "新", "新答")],
        [*map(danmaku, ["新"] * 8), danmaku("旧")],
        ["新答"] * 8,
    ),
}


def _short(cloud: Cloud, rooms: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether some room has not yet said all it is to say."""
    return any(len(cloud.said(rooms[key]["room_id"])) < len(case.said) for key, case in CASES.items())


async def test_each_limit_total_variable_and_pattern_means_what_is_documented(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    rooms = {
        key: room(key, [pack(tmp_path / key, case.rules)], report="unmatched") for key, case in CASES.items()
    }
    one = daemon(list(rooms.values()), dispatch={"max_age_s": 60})
    one.up_and_ready()
    await until(lambda: len(one.logged("job-started")) == len(rooms), 20)
    async with bus_of(one) as bus:
        for key, case in CASES.items():
            await bus.publish(key, *case.messages)
        with suppress(AssertionError):  # what differs is told room by room below
            await until(lambda: not _short(cloud, rooms), 40)
        await asyncio.sleep(1.5)
    for key, case in CASES.items():
        assert sorted(cloud.said(rooms[key]["room_id"])) == sorted(case.said), key
    reported = {key: len(cloud.reported(rooms[key]["room_id"])) for key, case in CASES.items()}
    assert {key: reported[key] for key, case in CASES.items() if case.reported is not None} == {
        key: case.reported for key, case in CASES.items() if case.reported is not None
    }
