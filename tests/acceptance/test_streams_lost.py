"""Somebody purges or deletes what livecue keeps on the bus: told once, made again, and never a hot loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from nats.js.errors import Error as JetStreamError

from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import until
from acceptance.writing import Bus, bus_of, danmaku, pack, room, rule

STREAMS = ("LIVE_IN", "LIVE_OUT", "LIVE_AUDIT", "LIVE_DEAD", "LIVE_PLAN", "KV_livecue_owned")
HEALED_S = 20
CALM_S = 1.5
FEW_CALLS = 60
FEW_LINES = 100
RULES = (rule("call", "^第[0-9]+号$", "答{content}"), rule("once", "只一次", "就一次", time_window=-1))


async def purge(bus: Bus, stream: str) -> None:
    await bus.js.purge_stream(stream)


async def delete(bus: Bus, stream: str) -> None:
    await bus.js.delete_stream(stream)


async def delete_readers(bus: Bus, stream: str) -> None:
    for one in await bus.js.consumers_info(stream):
        await bus.js.delete_consumer(stream, one.name)


Deed = Callable[[Bus, str], Awaitable[None]]
DEEDS: dict[str, tuple[Deed, tuple[str, ...]]] = {
    "LIVE_IN purged": (purge, ("LIVE_IN",)),
    "LIVE_OUT purged": (purge, ("LIVE_OUT",)),
    "readers deleted": (delete_readers, ("LIVE_IN", "LIVE_OUT")),
    "LIVE_IN deleted": (delete, ("LIVE_IN",)),
    "LIVE_OUT deleted": (delete, ("LIVE_OUT",)),
    "the notes deleted": (delete, ("LIVE_PLAN", "KV_livecue_owned", "LIVE_DEAD")),
    "all deleted": (delete, STREAMS),
}


async def ask(bus: Bus, number: int) -> None:
    """Publish as a connector does: again, with the same id, until it is stored."""
    for _ in range(200):
        try:
            await bus.publish("main", danmaku(f"第{number}号"), msg_id=f"main-{number}")
        except (JetStreamError, TimeoutError):
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("the stream was not made again")


async def test_whatever_is_purged_or_deleted_it_is_told_and_healed_and_the_show_goes_on(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    """One daemon for all deeds, one after the other: none may leave anything behind."""
    server = external(tmp_path / "nats")
    server.up()
    main = room("main", [pack(tmp_path / "p", RULES)])
    one = daemon([main], nats={"url": server.url}, dispatch={"max_age_s": 60})
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    async with bus_of(server.url) as bus:
        await bus.publish("main", danmaku("只一次"))
        await until(lambda: cloud.said(main["room_id"]))
        number = 0
        for name, (deed, streams) in DEEDS.items():
            lines = len(one.lines())
            for stream in streams:
                await deed(bus, stream)
            for _ in range(3):
                number += 1
                await ask(bus, number)
                await until(
                    lambda n=number: f"答第{n}号" in cloud.said(main["room_id"]),  # type: ignore[misc]
                    HEALED_S,
                    f"not answered after: {name}",
                )
            await until(one.ready, HEALED_S, name)
            told = [line for line in one.lines()[lines:] if line["level"] in {"warning", "error"}]
            assert len(told) <= FEW_LINES, (name, told[:5])
            calls = await bus.overhear("$JS.API.>")
            await asyncio.sleep(CALM_S)
            assert len(calls) < FEW_CALLS, (name, calls[:20])
    said = cloud.said(main["room_id"])
    assert len(said) == len(set(said)), "said twice"
    assert len(cloud.jobs) == 1
    assert not any(job.over for job in cloud.jobs.values())
