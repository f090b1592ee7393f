"""`livecue sandbox` as a process."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import httpx
import pytest
from huaweicloudsdkmetastudio import v1 as sdk

from livecue.sandbox import Sandbox, SandboxOptions
from livecue.sandbox.command import SAMPLE_ROOM, serve
from sandbox.support import Vendor, token_request


async def process(port: int, faults: Path | None = None) -> Process:
    given = None if faults is None else str(faults)
    code = f"from pathlib import Path; from livecue.sandbox.command import serve; f = {given!r}; "
    code += f"raise SystemExit(serve({port}, faults=Path(f) if f else None))"
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


async def test_faults_come_from_a_file_and_again_when_it_changes_and_a_wrong_one_changes_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults: [{target: create_token, effect: refuse, status: 503}]")
    running = await process(0, file)
    assert running.stdout
    first = (await asyncio.wait_for(running.stdout.readline(), 20)).decode().split()[1]

    async def said() -> str:
        assert running.stderr
        return (await asyncio.wait_for(running.stderr.readline(), 10)).decode().strip()

    async with httpx.AsyncClient(base_url=first, trust_env=False) as client:

        async def status() -> int:
            body = token_request(Sandbox(SandboxOptions(sk="s")))
            return (await client.post("/v3/auth/tokens", json=body)).status_code

        admitted = await status()
        file.write_text("faults: [{target: list_rooms, effect: refuse, status: 200}]")
        assert await said() == f"{file}:1: faults.0.status: 200 is not a whole number from 400 to 599"
        assert await said() == "livecue sandbox: the faults before it stay in force"
        assert await status() == admitted == 503
        file.write_text("faults: []")
        assert await said() == f"livecue sandbox: {file}: 0 faults in force"
        assert await status() != 503
    running.terminate()
    await asyncio.wait_for(running.communicate(), 10)


def test_a_wrong_file_of_faults_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults:\n  - target: stopp\n    effect: hang\n")
    assert serve(0, faults=file) == 1
    assert capsys.readouterr() == (
        "",
        f"{file}:2: faults.0.target: 'stopp' is unknown; did you mean `stop`?\n",
    )
