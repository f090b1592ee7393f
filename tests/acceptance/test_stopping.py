"""Coming to an end: SIGTERM, sessions that are over, and what must not be left behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from acceptance.cloud import Cloud, Fault
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import alive, children_of, until
from acceptance.writing import bus_of, danmaku, once, pack, room, rule


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0_and_leaves_nothing_running(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path, number: signal.Signals
) -> None:
    main = room("main", [pack(tmp_path / "p", [rule("r", "问", "答")])])
    one = daemon([main])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("问"))
        await until(lambda: cloud.said(main["room_id"]))
    children = one.children()
    assert children, "the embedded server is a child"
    assert one.child is not None
    one.send(number)
    assert one.child.wait(10) == 0
    assert not any(map(alive, children))
    assert cloud.live(main["room_id"]), "a live whose session goes on is not stopped"
    assert not cloud.of("stop")


async def test_sigterm_is_obeyed_within_ten_seconds_though_cloud_and_bus_hang(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    main = room("main", [pack(tmp_path / "p", [rule("r", "问", "答")])], report="all")
    one = daemon([main], nats={"url": server.url})
    one.up_and_ready()
    async with bus_of(server.url) as bus:
        await bus.publish("main", danmaku("问"))
        await until(lambda: cloud.said(main["room_id"]))
        hanging = ("command", "report", "show", "list")
        cloud.faults += [Fault(operation, hang=True, times=99) for operation in hanging]
        await bus.publish("main", danmaku("问"), danmaku("问"))
        await until(lambda: len(cloud.of("command")) > 1)
    server.send(signal.SIGSTOP)
    code, took = one.terminate()
    server.send(signal.SIGCONT)
    assert (code, took < 10) == (0, True)


async def test_sigterm_before_the_bus_was_ever_there_ends_it_at_once(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    one = daemon([room("main")], nats={"url": external(tmp_path / "nats").url})
    one.up()
    await until(lambda: one.parts().get("bus"))
    code, took = one.terminate()
    assert (code, took < 5) == (0, True)
    assert children_of(one.child.pid if one.child else 0) == []


async def test_when_its_session_ends_the_job_is_stopped_and_nothing_more_is_said(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    short = room("short", [pack(tmp_path / "p", [rule("r", "问", "答")])], sessions=[once(12)])
    one = daemon([short])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("short", danmaku("问"))
        await until(lambda: cloud.said(short["room_id"]) == ["答"])
        [job] = cloud.live(short["room_id"])
        await until(lambda: job.over, 20, "the job was not stopped")
        assert [call.job_id for call in cloud.of("stop")] == [job.job_id]
        await until(lambda: one.logged("job-ended"))
        await bus.publish("short", danmaku("问"))
        await until(lambda: one.metric("livecue_events_total", room="short") == 2)
    assert cloud.said(short["room_id"]) == ["答"]
    assert len(cloud.of("start")) == 1
