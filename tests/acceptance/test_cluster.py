"""A cluster of three nats-servers, one of which dies: the one that matters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from acceptance.cloud import Cloud
from acceptance.cluster import Cluster
from acceptance.conftest import MakeDaemon
from acceptance.processes import until, until_listening
from acceptance.writing import Bus, danmaku, pack, room, rule

RULES = (rule("call", "^第[0-9]+号$", "答{content}"), rule("once", "只一次", "就一次", time_window=-1))
WITHIN_S = 20
"""From the kill to the reply to an event that came after it: an election of up to 9 s, and a request sent before it waits 5 s."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    one = Cluster(tmp_path / "cluster")
    one.up()
    yield one
    one.kill()


async def ask(bus: Bus, number: int) -> None:
    """Publish as a connector does: again, with the same id, until it is stored."""
    for _ in range(200):
        try:
            await bus.publish("main", danmaku(f"第{number}号"), msg_id=f"main-{number}")
        except (JetStreamError, NatsError, TimeoutError):
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("the cluster takes nothing")


async def test_the_show_goes_on_within_seconds_when_the_leader_of_a_stream_is_killed(
    cloud: Cloud, daemon: MakeDaemon, cluster: Cluster, tmp_path: Path
) -> None:
    """First the leader of what comes in, then that of what was decided."""
    main = room("main", [pack(tmp_path / "p", RULES)])
    one = daemon([main], nats={"url": cluster.url, "replicas": 3}, dispatch={"max_age_s": 60})
    one.up_and_ready()
    await until(lambda: one.logged("job-started"), 15)
    nc = await nats.connect(cluster.url.split(","), max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    try:
        bus = Bus(nc)
        await ask(bus, 0)
        await bus.publish("main", danmaku("只一次"))
        await until(lambda: len(cloud.said(main["room_id"])) == 2)
        for number, stream in enumerate(("LIVE_IN", "LIVE_OUT"), 1):
            info = await bus.js.stream_info(stream)
            assert info.config.num_replicas == 3
            assert info.cluster is not None
            leader = cluster.members[info.cluster.leader or ""]
            leader.kill()
            began = time.monotonic()
            await ask(bus, number)
            reply = f"答第{number}号"
            await until(lambda reply=reply: reply in cloud.said(main["room_id"]), WITHIN_S, stream)  # type: ignore[misc]
            print(f"{stream}: {time.monotonic() - began:.1f} s")  # noqa: T201 - how long it took, for who looks
            leader.up()
            until_listening(leader.port)
            await until(one.ready, 15)
        await ask(bus, 0)  # known, by every member
        await ask(bus, 3)
        await bus.publish("main", danmaku("只一次"))
        await until(lambda: len(cloud.said(main["room_id"])) >= 5)
        await asyncio.sleep(0.5)
    finally:
        await nc.close()
    assert sorted(cloud.said(main["room_id"])) == sorted(["就一次", *(f"答第{n}号" for n in range(4))])
    assert len(cloud.of("start")) == 1
