"""Odd moments: events before the live, backlogs, bursts, two rooms with the same ids, the end of a session."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import Livecue, until
from acceptance.writing import Bus, bus_of, danmaku, event, once, pack, room, rule, user


async def test_replies_come_quickly_at_50_events_and_2_hits_a_second(desk: Livecue, bus: Bus) -> None:
    heard = await bus.hear("live.audit.windows")
    hits = 0
    for n in range(400):
        hit = n % 25 == 12
        hits += hit
        await bus.publish("windows", danmaku("常问" if hit else f"路人 {n}", f"u{n}"))
        await asyncio.sleep(0.02)
    done = await until(
        lambda: (sent := [one for one in heard if one["outcome"] == "sent"])[hits - 1 :] and sent
    )
    assert len(done) == hits
    assert statistics.median(one.get("latency_ms", 0) for one in done) < 250


async def test_a_backlog_from_before_the_start_is_counted_and_not_spoken_late(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    main = room(
        "main", [pack(tmp_path / "p", [rule("r", "旧", "旧答"), rule("n", "新", "新答")])], report="all"
    )
    one = daemon([main], nats={"url": server.url}, dispatch={"max_age_s": 3})
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    assert one.terminate()[0] == 0
    async with bus_of(server.url) as bus:
        for _ in range(10):
            await bus.report("main", [danmaku(f"旧 {n}") for n in range(500)])
        await asyncio.sleep(3)
        one.up_and_ready()
        deadline = time.monotonic() + 15
        while "新答" not in cloud.said(main["room_id"]):
            assert time.monotonic() < deadline, "the backlog blocks what is new"
            await bus.publish("main", danmaku("新"))
            await asyncio.sleep(0.5)
    assert "旧答" not in cloud.said(main["room_id"])
    assert one.metric("livecue_events_total", room="main") > 5_000


async def test_an_event_shortly_before_the_live_is_answered_once_it_is_on_and_only_once_per_live(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    rules = [rule("r", "早", "早上好"), rule("once", "只一次", "就一次", time_window=-1)]
    main = room("main", [pack(tmp_path / "p", rules)], sessions=[once(600, start_in=4)])
    one = daemon([main])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("早"), danmaku("只一次"))
        await until(lambda: len(cloud.said(main["room_id"])) == 2, 15)
        await bus.publish("main", danmaku("只一次"), danmaku("早"))
        await until(lambda: len(cloud.said(main["room_id"])) >= 3)
        await asyncio.sleep(0.7)
    assert cloud.said(main["room_id"]).count("就一次") == 1


async def test_late_and_shuffled_platform_times_change_nothing(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    before = len(shared_cloud.said(room_id))
    for stamp in (4_102_415_999_000, 0, 1_690_819_199_000):
        await bus.publish("answers", danmaku("多少钱") | {"timestamp": stamp})
    await until(lambda: len(shared_cloud.said(room_id)) == before + 3)


async def test_one_busy_room_does_not_starve_another(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    folder = pack(tmp_path / "p", [rule("r", "问", "答")])
    busy, calm = room("busy", [folder]), room("calm", [folder])
    one = daemon([busy, calm])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("calm", danmaku("问"))
        await until(lambda: cloud.said(calm["room_id"]))
        await bus.report("busy", [danmaku("问")] * 400)
        await until(lambda: len(cloud.said(busy["room_id"])) >= 3)
        await bus.publish("calm", danmaku("问"))
        await until(
            lambda: len(cloud.said(calm["room_id"])) == 2, 2.5, "the calm room waits behind the busy one"
        )


async def test_content_of_every_odd_kind_is_passed_through_or_put_aside_but_never_stops_the_room(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    before = len(shared_cloud.said(room_id))
    odd = [
        event({"user": None, "content": None}),
        event({"content": {"content": ["多少钱?"]}}),
        event({"user": user(level=float(10**30)), "content": "高手"}),
        event({"user": user(level=True), "content": "高手"}),
        event({"user": user(level="२३"), "content": "高手"}),
        event({"user": user(), "content": "\u0000\ud83d\ude00" * 2000}),
        event({}, 0),
        event({"numberOfViewers": "13.2万"}, 6),
        event({"user": user(), "gift": []}, 4),
    ]
    await bus.publish("answers", json.dumps({"total": len(odd), "events": odd}).encode())
    await bus.publish("answers", danmaku("多少钱"))
    await until(lambda: len(shared_cloud.said(room_id)) > before)
    assert shared_cloud.said(room_id)[before:] == ["七十九元"]
