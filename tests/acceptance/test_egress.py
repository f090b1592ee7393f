"""What becomes of a cue between its decision and the avatar's mouth, as the audit tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.cloud import Cloud, Fault
from acceptance.hall import Hall, codes, fate, fates, hall
from acceptance.processes import until
from acceptance.stage import callback
from acceptance.writing import Bus, danmaku, event, pack, room, rule, tag, user

MERGE = {"text": "感谢{names}的{giftName}", "most": 5}
HEART = [tag("心", "REGEX", "giftName")]
RULES = (
    rule("plain", "常问", "常答"),
    rule("short", "过时", "过时了", livecue={"max_age_s": 1}),
    rule("heart", HEART, "谢谢{user.name}", event_type=4, livecue={"merge": MERGE}),
    rule("rose", [tag("玫瑰", "REGEX", "giftName")], "谢谢{user.name}的玫瑰", event_type=4),
    rule("review", "敏感", "最便宜的价", "很实惠的价", reply_order="ORDER"),
    rule("hopeless", "违禁", "最便宜一", "最便宜二", "实惠三", reply_order="ORDER"),
    rule("ssml", "标记", "<speak>你好<break time='300ms'/>再见</speak>"),
    rule("invalid", "无效", "无效的"),
    *(rule(f"r{n}", f"第{n}问", f"第{n}答") for n in range(6)),
)
LONG = "一二三四五六七八九十" * 2  # 4.8 s
UNHEARD = (
    rule("u0", "先", "先说这句", priority=1, play_type="INSERT"),
    rule("u1", "再", f"再{LONG}", priority=2, play_type="INSERT"),
    rule("u2", "后", f"后{LONG}", priority=3, play_type="INSERT"),
)
ROOMS = ("plain", "gifts", "review", "over", "slow", "scenes")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("egress")
    packs = [pack(folder / "p", RULES)]
    rooms = [room(key, packs, callback=callback()) for key in ROOMS]
    unheard = pack(folder / "unheard", UNHEARD)
    airtime = {"max_queued_s": 3, "max_share": 1}
    rooms.append(room("unheard", [unheard], callback=callback(), airtime=airtime))

    def prepare(cloud: Cloud) -> None:
        cloud.lists_inserts = cloud.speech.finishes = True
        cloud.speech.loses = {rooms[-1]["room_id"]: 2}
        cloud.refused_words = {"最便宜": "MSS.20010055", "<speak": "MSS.20010015"}

    with hall(folder / "daemon", rooms, before=prepare, dispatch={"max_age_s": 40}) as one:
        asyncio.run(ask_in_the_unheard_room(one))
        yield one
        assert one.cloud.gate.violations == []


async def ask_in_the_unheard_room(stage: Hall) -> None:
    """It takes its time: the last test looks at what came of it."""
    async with stage.bus() as bus:
        await bus.report("unheard", [danmaku(text) for text in ("先", "再", "后")])


@pytest.fixture
async def bus(stage: Hall) -> Any:
    async with stage.bus() as one:
        yield one


def gift_of(name: str, what: str = "心", **more: Any) -> dict[str, Any]:
    given = {"giftName": what, "giftNum": 1, "totalValue": 1, "giftValue": 1}
    return event({"user": user(name, name=name, **more), "gift": given}, 4)


async def hold(stage: Hall, bus: Bus, key: str, seconds: int = 2) -> None:
    """Make the cloud say 429 to a cue, so that what comes next has to wait for its turn."""
    tried = len(stage.commands(key))
    stage.cloud.faults.append(
        Fault("command", status=429, code="APIGW.0308", retry_after=str(seconds), room_id=stage.ids[key])
    )
    await bus.publish(key, danmaku("常问"))
    await until(lambda: len(stage.commands(key)) > tried)


async def test_a_reply_is_queued_sending_sent_and_finished_when_it_was_spoken(stage: Hall, bus: Bus) -> None:
    audit = await bus.hear("live.audit.plain")
    await bus.publish("plain", danmaku("常问"))
    await until(lambda: "finished" in fate(audit, "plain"))
    assert fate(audit, "plain") == ["queued", "sending", "sent", "finished"]
    [call] = stage.commands("plain")
    [spoken] = stage.voice("plain").said
    ids = {line["command_id"] for line in audit if line["outcome"] in {"sent", "finished"}}
    assert ids == {spoken.command_id}
    assert call.body["params"]["rule_index"] == "plain"


async def test_a_429_without_retry_after_pauses_all_rooms_for_a_second_and_the_cue_waits_and_goes(
    stage: Hall, bus: Bus
) -> None:
    audit = await bus.hear("live.audit.slow")
    stage.cloud.faults.append(Fault("command", status=429, code="APIGW.0308", room_id=stage.ids["slow"]))
    await bus.publish("slow", danmaku("第0问"))
    await until(lambda: "waiting" in fate(audit, "r0"), why="the refusal was heard")
    before = len(stage.commands("plain"))
    await bus.publish("plain", danmaku("第0问"))
    await until(lambda: len(stage.commands("plain")) > before and len(stage.commands("slow")) == 2)
    refused, again = stage.commands("slow")
    assert min(again.at, stage.commands("plain")[-1].at) - refused.at >= 1
    await until(lambda: "sent" in fate(audit, "r0"))
    assert fate(audit, "r0")[:6] == ["queued", "sending", "waiting", "sending", "sent"]
    assert stage.said("slow") == ["第0答"]


async def test_a_reply_that_waited_too_long_is_expired_and_never_spoken(stage: Hall, bus: Bus) -> None:
    audit = await bus.hear("live.audit.slow")
    await hold(stage, bus, "slow", 3)
    await bus.publish("slow", danmaku("过时"), danmaku("第1问"))
    await until(lambda: "sent" in fate(audit, "r1"))
    assert fate(audit, "short") == ["queued", "expired"]
    assert "过时了" not in stage.said("slow")


async def test_gift_thanks_that_wait_become_one_and_each_is_written_down_with_the_same_command(
    stage: Hall, bus: Bus
) -> None:
    audit = await bus.hear("live.audit.gifts")
    await hold(stage, bus, "gifts")
    for name in ("甲", "乙", "丙"):
        await bus.publish("gifts", gift_of(name))
    await bus.publish("gifts", gift_of("丁", "大心"), gift_of("戊", "玫瑰"), gift_of("己", "玫瑰"))
    await until(lambda: len(stage.said("gifts")) == 5)
    said = stage.said("gifts")
    assert "感谢甲、乙、丙的心" in said
    assert sorted(said) == sorted(["感谢甲、乙、丙的心", "谢谢丁", "谢谢戊的玫瑰", "谢谢己的玫瑰", "常答"])
    await until(lambda: sum("sent" in one for one in fates(audit, "heart").values()) == 4)
    merged = [line for line in audit if line["outcome"] == "sent" and line["rule_index"] == "heart"]
    members: dict[str, int] = {}
    for line in merged:
        members[line["command_id"]] = members.get(line["command_id"], 0) + 1
    assert sorted(members.values()) == [1, 3]


async def test_more_gifts_than_are_named_at_once_take_several_thanks_and_nobody_is_left_out(
    stage: Hall, bus: Bus
) -> None:
    before = len(stage.said("gifts"))
    await hold(stage, bus, "gifts")
    names = [f"客{n}" for n in range(7)]
    for name in names:
        await bus.publish("gifts", gift_of(name))
    await until(lambda: all(any(name in said for said in stage.said("gifts")[before:]) for name in names))
    thanks = [said for said in stage.said("gifts")[before:] if said != "常答"]
    assert len(thanks) == 2, thanks
    assert max(said.count("客") for said in thanks) == 5


async def test_a_text_that_review_refuses_gives_way_to_the_next_one_once(stage: Hall, bus: Bus) -> None:
    audit = await bus.hear("live.audit.review")
    await bus.publish("review", danmaku("敏感"), danmaku("违禁"))
    await until(lambda: "refused" in fate(audit, "hopeless") and "sent" in fate(audit, "review"))
    assert stage.said("review") == ["很实惠的价"]
    tried = [call.body["params"]["text_config"]["text"] for call in stage.commands("review")]
    assert sorted(tried) == sorted(["最便宜的价", "很实惠的价", "最便宜一", "最便宜二"])
    assert codes(audit, "hopeless")[-1] == "MSS.20010055"


async def test_markup_that_is_refused_is_said_once_more_as_plain_text(stage: Hall, bus: Bus) -> None:
    audit = await bus.hear("live.audit.review")
    before = len(stage.commands("review"))
    await bus.publish("review", danmaku("标记"))
    await until(lambda: "sent" in fate(audit, "ssml"))
    texts = [call.body["params"]["text_config"]["text"] for call in stage.commands("review")[before:]]
    assert len(texts) == 2
    assert texts[0].startswith("<speak>")
    assert "<" not in texts[1]
    assert {"你好", "再见"} <= {texts[1][:2], texts[1][-2:]}


@pytest.mark.parametrize("code", ["MSS.20010053", "MSS.20010110", "MSS.20010153"])
async def test_a_final_refusal_that_comes_as_500_is_one_call_and_the_room_goes_on(
    stage: Hall, bus: Bus, code: str
) -> None:
    audit = await bus.hear("live.audit.review")
    before = len(stage.commands("review"))
    stage.cloud.faults.append(Fault("command", status=500, code=code, room_id=stage.ids["review"]))
    await bus.publish("review", danmaku("无效"))
    await until(lambda: "refused" in fate(audit, "invalid"))
    await bus.publish("review", danmaku("第2问"))
    await until(lambda: "sent" in fate(audit, "r2"))
    assert len(stage.commands("review")) == before + 2
    assert codes(audit, "invalid") == [code]


async def test_a_job_that_is_over_closes_its_queue_with_one_call_and_the_next_job_is_answered(
    stage: Hall, bus: Bus
) -> None:
    audit = await bus.hear("live.audit.over")
    gone = stage.job("over")
    await hold(stage, bus, "over")
    for n in range(5):
        await bus.publish("over", danmaku(f"第{n}问"))
    await asyncio.sleep(0.3)
    tried = len(stage.commands("over"))
    del stage.cloud.jobs[gone.job_id]
    await until(lambda: all(fate(audit, f"r{n}")[-1:] == ["no_job"] for n in range(5)))
    # Whoever finds out first, a command or the supervisor's own look.
    assert len(stage.commands("over")) <= tried + 1
    assert stage.said("over") == []
    await until(lambda: stage.cloud.live(stage.ids["over"]), 15, "the plan still wants it live")
    await bus.publish("over", danmaku("第5问"))
    await until(lambda: stage.said("over") == ["第5答"], 15)


async def test_where_a_callback_is_lost_the_clouds_own_list_of_unspoken_inserts_is_asked(stage: Hall) -> None:
    await until(lambda: len(stage.said("unheard")) == 3, 20)
    assert stage.cloud.speech.lost >= 1
    await until(lambda: stage.daemon.metric("livecue_airtime_healed_total", room="unheard") >= 1)
    assert stage.cloud.of("list_inserts", stage.ids["unheard"])
    second, third = stage.commands("unheard")[1:]
    assert third.at - second.at < 5.04 + 2, "its time, and little more"
