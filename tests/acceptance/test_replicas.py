"""Several daemons on one bus: they share the work, and go on with each other's."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import Livecue, until
from acceptance.writing import Bus, bus_of, danmaku, pack, room, rule

STOPPED_S = float(os.environ.get("LIVECUE_STOPPED_S", "12"))
ANSWERS = tuple(rule(f"r{n}", f"第{n:03}号", f"答{n:03}") for n in range(60))
PARTITIONS = {f"p-{n}" for n in range(16)}
TOKEN = "a-token-of-the-connectors"


def rooms_of(folder: Path, count: int = 3) -> list[dict[str, Any]]:
    packs = [pack(folder / "answers", ANSWERS)]
    return [room(f"room-{n}", packs) for n in range(count)]


def replicas(daemon: MakeDaemon, url: str, rooms: Sequence[dict[str, Any]], count: int) -> list[Livecue]:
    more = {"nats": {"url": url}, "dispatch": {"max_age_s": 60}}
    made = [daemon(rooms, folder=f"replica-{n}", **more) for n in range(count)]
    for one in made:
        http = {**one.config["http"], "ingest_token": TOKEN}
        one.write({**one.config, "http": http})
        one.up_and_ready()
    return made


async def until_shared(made: Sequence[Livecue]) -> None:
    """Every lease is held by one, and partitions evenly within one."""

    def shared() -> bool:
        held = [one.leases() for one in made]
        counts = sorted(len(each & PARTITIONS) for each in held)
        whole = Counter(name for each in held for name in each)
        return whole == Counter(PARTITIONS | {"tenant"}) and counts[-1] - counts[0] <= 1

    await until(shared, 20, "the leases are not shared evenly")


def tenant_of(made: Sequence[Livecue]) -> tuple[Livecue, list[Livecue]]:
    """The holder of the tenant's lease, and the others."""
    [holder] = [one for one in made if "tenant" in one.leases()]
    return holder, [one for one in made if one is not holder]


def tenants_series(one: Livecue) -> set[str]:
    """What its metrics page shows of series that only the tenant's holder has."""
    answer = one.get("/metrics")
    assert answer is not None
    kinds = {"livecue_jobs", "livecue_airtime_queued_seconds", "livecue_breaker_open", "livecue_chat_state"}
    lines = answer.text.splitlines()
    shown = {kind for kind in kinds if any(line.startswith(f"{kind}{{") for line in lines)}
    return shown | {part for part in ('livecue_part_ok{part="cloud"',) if part in answer.text}


class Show:
    """Publishes questions to all rooms, and knows what was said of them."""

    def __init__(self, cloud: Cloud, bus: Bus, rooms: Sequence[dict[str, Any]]) -> None:
        self._cloud = cloud
        self._bus = bus
        self._rooms = rooms
        self.asked = 0

    async def ask(self) -> None:
        for one in self._rooms:
            await self._bus.publish(one["key"], danmaku(f"第{self.asked:03}号"))
        self.asked += 1

    async def until_answered(self, number: int, within: float) -> float:
        """How long it took until the question was answered in every room."""
        began = time.monotonic()
        await until(
            lambda: all(f"答{number:03}" in self._cloud.said(one["room_id"]) for one in self._rooms),
            within,
            f"question {number} was not answered",
        )
        return time.monotonic() - began

    async def check(self, *, lost: int) -> None:
        """Nothing was said twice, no second job was started, and at most `lost` answers of a room are missing."""
        await until(  # the freshest goes first
            lambda: all(len(self._cloud.said(one["room_id"])) >= self.asked - lost for one in self._rooms),
            15,
            "more than that is missing",
        )
        for one in self._rooms:
            said = self._cloud.said(one["room_id"])
            assert len(said) == len(set(said)), "a reply was said twice"
            assert len(self._cloud.of("start", one["room_id"])) == 1
            assert len(self._cloud.live(one["room_id"])) == 1
        assert not self._cloud.of("stop")


async def test_replicas_share_the_work_and_one_that_is_killed_or_leaves_is_followed_by_another(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    rooms = rooms_of(tmp_path)
    made = replicas(daemon, server.url, rooms, 3)
    await until_shared(made)
    async with bus_of(server.url) as bus:
        show = Show(cloud, bus, rooms)
        await show.ask()
        await show.until_answered(0, 15)
        holder, others = tenant_of(made)
        assert "cloud" not in others[0].parts()  # its own business are events
        assert others[0].metric("livecue_leases_held", kind="tenant") == 0
        assert holder.metric("livecue_jobs", state="PROCESSING") == len(rooms)
        assert not tenants_series(others[0])
        assert {"livecue_jobs", "livecue_breaker_open", 'livecue_part_ok{part="cloud"'} <= tenants_series(
            holder
        )
        readiness = others[0].get("/readyz?parts=bus,inbox,cloud")
        assert readiness is not None
        assert (readiness.status_code, readiness.json()["parts"]["cloud"]) == (200, "not done here")
        url = f"{others[0].url}/api/rooms/room-0/events"
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            assert (await client.post(url, json=danmaku("第059号"))).status_code == 202
        await until(lambda: "答059" in cloud.said(rooms[0]["room_id"]))

        await show.ask()
        holder.kill()
        await show.ask()
        assert await show.until_answered(show.asked - 1, 20) < 12  # ten, and this machine's load
        await until_shared(others)
        assert sum(one.metric("livecue_lease_changes_total", reason="evicted") for one in others) == 1
        await show.check(lost=1)  # a call that was out when it was killed

        holder.up_and_ready()
        await until_shared(made)
        holder, others = tenant_of(made)
        began = time.monotonic()
        holder.send(signal.SIGTERM)
        await until(lambda: any("tenant" in one.leases() for one in others), 10)
        assert time.monotonic() - began < 4  # two, and this machine's load
        await show.ask()
        await show.until_answered(show.asked - 1, 15)
        assert holder.child is not None
        assert holder.child.wait(15) == 0
        await show.check(lost=1)


async def test_a_holder_that_was_stopped_and_wakes_says_nothing_twice_and_gives_way(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    rooms = rooms_of(tmp_path, 2)
    made = replicas(daemon, server.url, rooms, 2)
    await until_shared(made)
    async with bus_of(server.url) as bus:
        show = Show(cloud, bus, rooms)
        await show.ask()
        await show.until_answered(0, 15)
        zombie, [other] = tenant_of(made)
        await show.ask()  # on its way when it stops
        zombie.send(signal.SIGSTOP)
        stopped = time.monotonic()
        while time.monotonic() < stopped + STOPPED_S:
            await show.ask()
            await asyncio.sleep(0.8)
        assert other.leases() == PARTITIONS | {"tenant"}
        zombie.send(signal.SIGCONT)
        for _ in range(3):
            await show.ask()
            await asyncio.sleep(0.4)
        await show.until_answered(show.asked - 1, 20)
        await until_shared(made)
        assert "tenant" in other.leases()
        assert zombie.logged("leases-lost")
        assert not tenants_series(zombie)
        assert "livecue_jobs" in tenants_series(other)
        await show.check(lost=1)  # at most the call that was out when it was stopped
    assert zombie.running
    assert not zombie.logged("crashed")


async def test_a_second_daemon_on_one_data_dir_is_refused_and_says_why(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    rooms = rooms_of(tmp_path, 1)
    shared = str(tmp_path / "shared")
    one = daemon(rooms, folder="one", nats={"url": server.url}, data_dir=shared)
    two = daemon(rooms, folder="two", nats={"url": server.url}, data_dir=shared)
    one.up_and_ready()
    name = one.get("/readyz").json()["replica"]  # type: ignore[union-attr]
    two.up()
    await until(lambda: not two.running, 20, "both run")
    assert two.child is not None
    assert two.child.returncode == 1
    assert "in use by another livecue" in two.words()
    assert one.ready()
    one.kill()
    began = time.monotonic()
    one.up_and_ready()
    assert one.get("/readyz").json()["replica"] == name  # type: ignore[union-attr]
    assert one.leases() == PARTITIONS | {"tenant"}
    assert not one.logged("replica-evicted")
    assert time.monotonic() - began < 15
