"""A live that its cloud room cannot have goes on in the room's standby, also over kill -9, until its session ends."""

from __future__ import annotations

import asyncio
import json
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acceptance.calling import by_head, post, switch
from acceptance.cloud import Cloud, Fault
from acceptance.conftest import MakeDaemon
from acceptance.faults import FOREVER
from acceptance.processes import BIN, Livecue, until, until_now
from acceptance.shapes import RunningJob
from acceptance.stage import START, callback
from acceptance.writing import bus_of, danmaku, once, pack, room, rule

SESSION_S = 45
RULES = (
    rule("price", "多少钱", "七十九元"),
    rule("in-b", "哪个", "场景乙的回答", enabled_scenes=["乙"]),
)


def listed(daemon: Livecue, key: str) -> Mapping[str, Any]:
    """The room's line of `livecue jobs list`."""
    command = [str(BIN / "livecue"), "jobs", "list", "--json", "-c", str(daemon.folder / "livecue.yaml")]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
    return next(line for line in told if line["room"] == key)


async def spoken(daemon: Livecue, cloud: Cloud, key: str, asked: str, where: str) -> str:
    """What the avatar in the cloud room `where` answers."""
    before = len(cloud.said(where))
    async with bus_of(daemon) as bus:
        await bus.publish(key, danmaku(asked))
        await until(lambda: len(cloud.said(where)) > before, 15, "nothing was said")
    return cloud.said(where)[-1]


def live_in(cloud: Cloud, room_id: str, within: float = 25) -> RunningJob:
    return until_now(
        lambda: next((job for job in cloud.live(room_id) if job.state == "PROCESSING"), None) or [],  # type: ignore[return-value]
        within,
        "no live there",
    )


async def test_a_blocked_live_goes_on_in_the_standby_over_kill_9_until_its_session_ends(
    tmp_path: Path, cloud: Cloud, daemon: MakeDaemon
) -> None:
    rules = [pack(tmp_path / "pack", RULES)]
    spare, gone_spare = str(uuid.uuid4()), str(uuid.uuid4())
    shop = room(
        "shop",
        rules,
        standby=spare,
        callback=callback(),
        start=START,
        report="all",
        sessions=[once(SESSION_S)],
    )
    gone = room("gone", standby=gone_spare, sessions=[once(SESSION_S)])
    for operation in ("list", "start", "show_room"):  # the room was deleted
        cloud.faults.append(Fault(operation, 404, "MSS.20010045", times=FOREVER, room_id=gone["room_id"]))
    own = shop["room_id"]
    desk = daemon([shop, gone])
    desk.up_and_ready()
    first = live_in(cloud, own)
    assert await spoken(desk, cloud, "shop", "多少钱", own) == "七十九元"
    first.end("BLOCKED")
    job = live_in(cloud, spare)
    assert (
        job.body["live_event_callback_config"]["live_event_type_callback_url"] == f"{desk.url}/callbacks/shop"
    )
    assert cloud.live(own) == []
    live_in(cloud, gone_spare)

    assert await spoken(desk, cloud, "shop", "多少钱", spare) == "七十九元"
    url = f"{desk.url}/callbacks/shop"
    answer = await asyncio.to_thread(post, url, switch(spare, job.job_id, "乙"), by_head(url))
    assert answer.status_code == 200
    assert await spoken(desk, cloud, "shop", "哪个", spare) == "场景乙的回答"
    until_now(lambda: cloud.reported(spare), 10, "nothing was reported")
    assert "goes on in the standby" in desk.parts()["lives"]
    assert desk.metric("livecue_failovers_total", room="shop", reason="blocked") == 1
    told = await asyncio.to_thread(listed, desk, "shop")
    assert (told["job_id"], told["standby"], told["ours"]) == (job.job_id, spare, True)

    desk.kill()
    desk.up_and_ready()
    assert await spoken(desk, cloud, "shop", "多少钱", spare) == "七十九元"
    assert "goes on in the standby" in desk.parts()["lives"]
    assert (len(cloud.live(spare)), cloud.live(own)) == (1, [])
    until_now(lambda: job.over, SESSION_S + 15, "the job in the standby was not stopped")
    assert job.ended == "SUCCEED"
    until_now(lambda: not cloud.live(gone_spare), 15, "nor the other one")
    until_now(lambda: desk.parts()["lives"] == "ok", 10, "the alert stays open")
    ours = {own, spare, gone["room_id"], gone_spare}
    assert sorted(one.room_id for one in cloud.jobs.values() if one.room_id in ours) == sorted(
        [own, spare, gone_spare]
    )
