"""Packets that go nowhere, to the bus and to the cloud: no error tells of it, only time does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from acceptance.blackhole import Proxy
from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import until
from acceptance.writing import bus_of, danmaku, once, pack, room, rule

RULES = (
    *(rule(f"r{n}", f"第{n}问", f"第{n}答") for n in range(8)),
    rule("once", "只一次", "就一次", time_window=-1),
)
NOTICED_S = 16


@pytest.fixture
def proxy() -> Iterator[Callable[[int], Proxy]]:
    """Makes proxies."""
    with ExitStack() as stack:

        def make(target: int) -> Proxy:
            one = Proxy(target)
            one.up()
            stack.callback(one.down)
            return one

        yield make


async def test_a_bus_behind_a_black_hole_is_noticed_and_left_and_nothing_is_lost_or_said_twice(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path, proxy: Callable[[int], Proxy]
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    hole = proxy(server.port)
    main = room("main", [pack(tmp_path / "p", RULES)], report="all")
    one = daemon([main], nats={"url": f"nats://127.0.0.1:{hole.port}"}, dispatch={"max_age_s": 60})
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    async with bus_of(server.url) as bus:
        await bus.publish("main", danmaku("只一次"), danmaku("第0问"))
        await until(lambda: len(cloud.said(main["room_id"])) == 2)
        await until(lambda: len(cloud.reported(main["room_id"])) == 2)
        hole.swallow()
        began = time.monotonic()
        await bus.publish("main", *(danmaku(f"第{n}问") for n in range(1, 5)), danmaku("只一次"))
        await asyncio.sleep(3)
        answer = one.get("/livez")
        assert answer is not None
        assert answer.status_code == 200
        hole.heal()  # what was connected stays silent: livecue itself has to notice
        await until(lambda: len(cloud.said(main["room_id"])) == 6, NOTICED_S + 5, "it never came back")
        assert time.monotonic() - began < NOTICED_S + 5
        await until(one.ready)
        await until(lambda: len(cloud.reported(main["room_id"])) == 7)
        await asyncio.sleep(0.5)
    assert sorted(cloud.said(main["room_id"])) == sorted(["就一次", *(f"第{n}答" for n in range(5))])
    assert len(cloud.of("start")) == 1
    troubles = [line for line in one.lines() if line["level"] in {"warning", "error"}]
    assert 1 <= len(troubles) <= 80, "told, but not without end"


async def test_a_cloud_behind_a_black_hole_gets_no_reply_twice_few_tries_and_its_stop_when_it_is_back(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path, proxy: Callable[[int], Proxy]
) -> None:
    hole = proxy(cloud.port)
    packs = [pack(tmp_path / "p", RULES)]
    main, short = room("main", packs), room("short", packs, sessions=[once(9)])
    one = daemon([main, short])
    config = one.config
    config["metastudio"]["endpoint"] = f"http://127.0.0.1:{hole.port}"
    one.write(config)
    one.up_and_ready()
    await until(lambda: len(one.logged("job-started")) == 2)
    [job] = cloud.live(short["room_id"])
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("第0问"))
        await until(lambda: cloud.said(main["room_id"]) == ["第0答"])
        hole.swallow()
        for n in range(1, 8):
            await bus.publish("main", danmaku(f"第{n}问"))
            await asyncio.sleep(1.5)
        assert hole.dropped < 200_000, "asked less and less"
        answer = one.get("/livez")
        assert answer is not None
        assert answer.status_code == 200
        assert not job.over
        hole.heal()
        await until(lambda: job.over, 20, "the stop was due all the while")
        await until(one.ready, 20)
        await bus.publish("main", danmaku("只一次"))
        await until(lambda: "就一次" in cloud.said(main["room_id"]), 20)
    said = [call.body["params"]["text_config"]["text"] for call in cloud.of("command")]
    assert len(said) == len(set(said)), "said twice"
    assert len(cloud.jobs) == 2
    assert one.metric("livecue_cues_total", reason="unknown") >= 1
