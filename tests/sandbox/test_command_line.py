"""`livecue sandbox` as a process."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process

import pytest
from huaweicloudsdkmetastudio import v1 as sdk

from livecue.sandbox import Sandbox, SandboxOptions
from livecue.sandbox.command import SAMPLE_ROOM, serve
from sandbox.support import Vendor


async def process(port: int) -> Process:
    code = f"from livecue.sandbox.command import serve; raise SystemExit(serve({port}))"
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, stderr=PIPE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_prints_what_a_client_needs_and_serves_until_it_is_told_to_stop(
    number: signal.Signals,
) -> None:
    running = await process(0)
    assert running.stdout
    lines = [(await asyncio.wait_for(running.stdout.readline(), 20)).decode().strip() for _ in range(5)]
    names = [line.split(": ", 1)[0] for line in lines]
    values = dict(line.split(": ", 1) for line in lines)
    assert names == ["endpoint", "project_id", "ak", "sk", "room_id"]
    assert values["endpoint"].startswith("http://127.0.0.1:")

    # A sandbox of the same identity only lends its names here; the process is what answers.
    twin = Sandbox(SandboxOptions(project_id=values["project_id"], ak=values["ak"], sk=values["sk"]))
    twin._port = int(values["endpoint"].rsplit(":", 1)[1])
    rooms = await Vendor(twin)("list_smart_live_rooms", sdk.ListSmartLiveRoomsRequest())
    assert [room.room_id for room in rooms.smart_live_rooms] == [SAMPLE_ROOM]

    running.send_signal(number)
    _, complaints = await asyncio.wait_for(running.communicate(), 10)
    assert (running.returncode, complaints) == (0, b"")


def test_a_taken_port_is_named_with_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serve(port) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"livecue sandbox: 127.0.0.1:{port} is taken; choose another port with --port, or --port 0 for any free one\n"
    )


def test_a_wrong_region_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(0, "mars-1") == 1
    assert "region: 'mars-1' is unknown; use one of cn-north-4" in capsys.readouterr().err
