"""No room left: in the stream that holds the state, and on the disk itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import BIN, Nats, children_of, until, until_listening
from acceptance.writing import Bus, bus_of, danmaku, pack, room, rule

RULES = (rule("call", "^第[0-9]+号$", "答{content}"), rule("once", "只一次", "就一次", time_window=-1))
TOKEN = "a-token-of-the-disk"
DISK_MB, LEFT_MB = 12, 3
FEW_LINES = 120


async def test_with_no_room_for_state_it_decides_nothing_tells_it_and_goes_on_where_it_was(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    main = room("main", [pack(tmp_path / "p", RULES)])
    one = daemon([main], nats={"url": server.url}, dispatch={"max_age_s": 60})
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    async with bus_of(server.url) as bus:
        await bus.publish("main", danmaku("只一次"), danmaku("第0号"))
        await until(lambda: len(cloud.said(main["room_id"])) == 2)
        config = (await bus.js.stream_info("LIVE_OUT")).config
        roomy = config.max_bytes
        config.max_bytes = 1
        await bus.js.update_stream(config)
        for number in range(1, 5):
            await bus.publish("main", danmaku(f"第{number}号"))
        await until(lambda: one.logged("inbox-interrupted"))
        assert "maximum bytes" in one.logged("inbox-interrupted")[0]["error"]
        await until(lambda: not one.ready(), 5, "/readyz says so")
        await asyncio.sleep(3)
        assert len(cloud.said(main["room_id"])) == 2, "nothing is said that could not be noted"
        assert len(one.logged("inbox-interrupted")) < 20, "no hot loop"
        config.max_bytes = roomy
        await bus.js.update_stream(config)
        await until(lambda: len(cloud.said(main["room_id"])) == 6, 15)
        await bus.publish("main", danmaku("只一次"), danmaku("第5号"))
        await until(lambda: len(cloud.said(main["room_id"])) == 7)
        await until(one.ready)
    assert sorted(cloud.said(main["room_id"])) == sorted(["就一次", *(f"答第{n}号" for n in range(6))])


class SmallDisk(Nats):
    """A nats-server whose store is a small disk: a tmpfs in a user and mount namespace of its own."""

    def up(self) -> None:
        store = self.folder / "store"
        store.mkdir(exist_ok=True)
        config = {
            "listen": f"127.0.0.1:{self.port}",
            "jetstream": {"store_dir": str(store), "max_file_store": 4 << 30},
        }
        file = self.folder / "nats.conf"
        file.write_text(json.dumps(config))
        server = f"{BIN / 'nats-server'} -c {file}"
        # A second server in the same namespace would find the same disk: so the shell stays, and starts it again.
        script = f"mount -t tmpfs -o size={DISK_MB}m none {store} && while true; do {server}; sleep 0.2; done"
        self.spawn("unshare", "-Urm", "--kill-child", "sh", "-c", script)
        until_listening(self.port)

    @property
    def store(self) -> Path:
        """The disk, as it is seen from here."""
        assert self.child is not None
        return Path(f"/proc/{self.child.pid}/root{self.folder / 'store'}")

    def fill(self) -> None:
        with suppress(OSError), (self.store / "others").open("wb", buffering=0) as others:
            for _ in range((DISK_MB - LEFT_MB) << 8):
                others.write(bytes(4096))

    def restart(self) -> None:
        """nats-server 2.15 writes no more to a stream that met a full disk; its operator restarts it."""
        assert self.child is not None
        for shell in (self.child.pid, *children_of(self.child.pid)):
            for pid in children_of(shell):
                if Path(f"/proc/{pid}/comm").read_text().strip() == "nats-server":
                    os.kill(pid, signal.SIGTERM)

    def clear(self) -> None:
        (self.store / "others").unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs user namespaces, which this machine does not allow")
    one = SmallDisk(tmp_path / "nats")
    yield one
    one.kill()


async def stored(bus: Bus, number: int) -> bool:
    """Whether the bus has acknowledged this event."""
    with suppress(NatsError, JetStreamError, TimeoutError):
        await bus.js.publish(
            "live.events.main",
            json.dumps(danmaku(f"第{number}号") | {"pad": "x" * 200_000}).encode(),
            headers={"Nats-Msg-Id": f"main-{number}"},
            timeout=1,
        )
        return True
    return False


async def test_a_full_disk_is_told_and_what_was_acknowledged_is_there_and_said_when_there_is_room_again(
    cloud: Cloud, daemon: MakeDaemon, small_disk: SmallDisk, tmp_path: Path
) -> None:
    small_disk.up()
    main = room("main", [pack(tmp_path / "p", RULES)])
    one = daemon([main], nats={"url": small_disk.url}, dispatch={"max_age_s": 90})
    one.config["http"]["ingest_token"] = TOKEN
    one.write(one.config)
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    async with bus_of(small_disk.url) as bus:
        await bus.publish("main", danmaku("只一次"))
        await until(lambda: len(cloud.said(main["room_id"])) == 1)
        small_disk.fill()
        number = 0
        acknowledged: list[int] = []
        while len(acknowledged) == number and number < 40:
            if await stored(bus, number):
                acknowledged.append(number)
            number += 1
        assert number < 40, "the disk never was full"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{one.url}/api/rooms/main/events"
        answer = await asyncio.to_thread(
            httpx.post, url, json=danmaku("第999号"), headers=headers, trust_env=False, timeout=10
        )
        assert answer.status_code == 503, "a connector is told"
        assert one.logged("bus-refused"), "the log too"
        await asyncio.sleep(3)
        alive = one.get("/livez")
        assert alive is not None
        assert alive.status_code == 200
        assert len([line for line in one.lines() if line["level"] != "info"]) < FEW_LINES
        small_disk.clear()
        small_disk.restart()
        await ask(bus, number)
        wanted = {f"答第{n}号" for n in (*acknowledged, number)}
        await until(lambda: wanted <= set(cloud.said(main["room_id"])), 30, "what was acknowledged was lost")
        await bus.publish("main", danmaku("只一次"))
        await until(one.ready)
        await asyncio.sleep(0.5)
    said = cloud.said(main["room_id"])
    assert len(said) == len(set(said)), "said twice"


async def ask(bus: Bus, number: int) -> None:
    """Publish as a connector does: again, with the same id, until it is stored."""
    for _ in range(100):
        if await stored(bus, number):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the server takes nothing though there is room again")
