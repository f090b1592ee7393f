"""kill -9, and the daemon that comes after."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from acceptance.cloud import Cloud, Fault
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import alive, until, until_now
from acceptance.writing import bus_of, danmaku, event, once, pack, room, rule, tag, user

RULES = (
    rule("often", "常问", "常答"),
    rule("once", "只一次", "就一次", time_window=-1),
    rule("hour", "一小时", "一小时一次", time_window=3600),
    rule("turns", "轮流", "一", "二", "三", reply_order="ORDER"),
    rule("count", [tag("3", "MATH_GE", "userId", "COUNT")], "三位", event_type=2),
)


async def test_after_kill_9_the_same_job_goes_on_and_nothing_is_started_or_said_twice(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    main = room("main", [pack(tmp_path / "p", RULES)], report="all")
    ends = time.monotonic() + 25  # all that comes before the kill, on a machine with other things to do
    ended = room("ended", sessions=[once(25)])
    one = daemon([main, ended])
    one.up_and_ready()
    await until(lambda: len(one.logged("job-started")) == 2)  # totals are those of the live
    enter = event({"user": user("a")}, 2)
    async with bus_of(one) as bus:
        await bus.publish("main", *map(danmaku, ("常问", "只一次", "一小时", "轮流", "轮流")), enter, enter)
        await until(lambda: len(cloud.said(main["room_id"])) == 5, 12)
        await until(lambda: len(cloud.reported(main["room_id"])) == 7)
    await until(lambda: cloud.live(ended["room_id"]))
    [first] = cloud.live(main["room_id"])
    [orphan] = cloud.live(ended["room_id"])
    children = one.children()
    one.kill()
    until_now(lambda: not any(map(alive, children)), 10, "the embedded server outlives its daemon")
    await asyncio.sleep(max(ends - time.monotonic(), 0))

    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", *map(danmaku, ("只一次", "一小时", "轮流")), enter, danmaku("常问"))
        await until(lambda: len(cloud.said(main["room_id"])) == 8, 12)
        await until(lambda: orphan.over, 30, "the job of a session that ended meanwhile was not stopped")
    said = cloud.said(main["room_id"])
    assert sorted(said[:5]) == sorted(["常答", "就一次", "一小时一次", "一", "二"])
    assert sorted(said[5:]) == sorted(["三", "三位", "常答"])
    assert [job.job_id for job in cloud.live(main["room_id"])] == [first.job_id]
    assert len(cloud.of("start", main["room_id"])) == 1
    assert len(cloud.of("start", ended["room_id"])) == 1
    assert [call.job_id for call in cloud.of("stop")] == [orphan.job_id]


async def test_killed_again_and_again_under_load_it_says_each_reply_at_most_once(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    answers = [rule(f"r{n}", f"第{n:03}号", f"答{n:03}") for n in range(60)]
    rooms = [room(key, [pack(tmp_path / key, answers)], report="all") for key in ("one", "two")]
    daemon_ = daemon(rooms, nats={"url": server.url}, dispatch={"max_age_s": 60})
    daemon_.up_and_ready()
    async with bus_of(server.url) as bus:
        for n in range(24):
            for key in ("one", "two"):
                await bus.publish(key, danmaku(f"第{n:03}号"), msg_id=f"{key}-{n}")
            if n % 8 == 5:
                await asyncio.sleep(0.6)
                daemon_.kill()
                daemon_.up()
        await until(lambda: sum(len(cloud.said(one["room_id"])) for one in rooms) >= 44, 40)
        await asyncio.sleep(1)
    for one in rooms:
        said = cloud.said(one["room_id"])
        assert len(said) == len(set(said)), "a reply was said twice"
        assert len(said) >= 24 - 3, "more was lost than the calls that were out at each kill"
        texts = [event["content"] for event in cloud.reported(one["room_id"])]
        assert len(texts) == len(set(texts)), "an event was reported twice"
        assert len(cloud.of("start", one["room_id"])) == 1


async def test_killed_while_a_reply_is_on_its_way_it_does_not_say_it_again(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    main = room("main", [pack(tmp_path / "p", RULES)])
    one = daemon([main])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("只一次"))
        await until(lambda: cloud.said(main["room_id"]))
        cloud.faults.append(Fault("command", hang=True, happens=True))
        await bus.publish("main", danmaku("常问"))
        await until(lambda: len(cloud.of("command")) == 2)
    one.kill()
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("轮流"))
        await until(lambda: "一" in cloud.said(main["room_id"]))
    assert [call.body["params"]["rule_index"] for call in cloud.of("command")] == ["once", "often", "turns"]


async def test_killed_between_asking_for_a_start_and_its_answer_it_finds_the_job_and_starts_no_other(
    cloud: Cloud, daemon: MakeDaemon
) -> None:
    main = room("main", sessions=[once(20)])
    cloud.faults.append(Fault("start", hang=True, happens=True))
    one = daemon([main])
    one.up()
    await until(lambda: cloud.jobs)
    one.kill()
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    assert len(cloud.jobs) == 1
    [job] = cloud.jobs.values()
    await until(lambda: job.over, 30, "nobody stopped it")


async def test_restarted_with_other_rules_it_answers_by_the_new_ones_and_keeps_what_still_counts(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    folder = pack(tmp_path / "p", RULES)
    main = room("main", [folder])
    one = daemon([main])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", *map(danmaku, ("只一次", "常问")))
        await until(lambda: len(cloud.said(main["room_id"])) == 2)
    assert one.terminate()[0] == 0
    pack(tmp_path / "p", [rule("once", "只一次", "改了词", time_window=-1), rule("fresh", "常问", "新答")])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", *map(danmaku, ("只一次", "常问")))
        await until(lambda: len(cloud.said(main["room_id"])) == 3)
        await asyncio.sleep(0.3)
    assert sorted(cloud.said(main["room_id"])) == sorted(["就一次", "常答", "新答"])
