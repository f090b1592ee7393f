"""`livecue check` and `livecue run` as processes: exit codes, probes, and what they say."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path

import pytest

from app.processes import livecue, running, write_config
from bus.servers import nats_server
from livecue.bus.embedded import EmbeddedServer
from livecue.sandbox import Sandbox, SandboxOptions

PACK = """group_name: 好
interaction_rules:
  - {rule_name: 兜底, event_type: 1, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [好]}}
"""


async def test_check_says_fine_and_the_plan_and_exits_0(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/pack.yaml").write_text(PACK)
    config = write_config(
        tmp_path,
        rooms=[
            {
                "key": "flagship",
                "room_id": "r1",
                "rules": ["pack"],
                "start": {"output_urls": ["rtmp://push.example.com/1"], "stream_keys": ["KEY-GEHEIM"]},
                "sessions": [{"name": "s", "cron": "0 20 * * *", "duration": "4h"}],
            }
        ],
    )
    code, out, err = await livecue("check", "-c", str(config))
    assert (code, "flagship: 1 rules, 1 sessions, now " in out, out.endswith("fine\n")) == (0, True, True), (
        err
    )
    assert "GEHEIM" not in out + err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"log_level": "loud"}, "livecue.yaml:4: log_level: "),
        ({"rooms": [{"key": "a", "room_id": "r", "rules": ["nowhere"]}]}, "there is no such pack folder"),
    ],
)
async def test_check_names_the_place_on_stderr_and_exits_1(
    more: dict[str, object], said: str, tmp_path: Path
) -> None:
    code, out, err = await livecue("check", "-c", str(write_config(tmp_path, **more)))
    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err


async def test_a_mistake_in_the_use_of_a_command_exits_2() -> None:
    assert (await livecue("check", "--no-such-option"))[0] == 2


async def test_a_taken_port_is_a_clear_error_and_exit_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = write_config(tmp_path, http={"port": taken.getsockname()[1]})
        code, _, err = await livecue("run", "-c", str(config))
    assert code == 1
    assert "set another http.port" in err.splitlines()[-1]
    assert "Traceback" not in err


async def test_a_bus_that_cannot_serve_is_named_with_its_remedy_by_probe_and_log(tmp_path: Path) -> None:
    async with (
        nats_server(tmp_path, jetstream=False) as url,
        running(write_config(tmp_path, nats={"url": url})) as daemon,
    ):
        status, body = await daemon.until_answer("/readyz", "start nats-server with `-js`")
        assert status == 503
        assert "JetStream" in json.loads(body)["parts"]["bus"]
        assert await daemon.end() == 0
    [line] = [json.loads(line) for line in daemon.lines if '"bus-unfit"' in line]
    assert "it is off on this server" in line["error"]
    assert line["level"] == "error"


async def test_without_a_bus_the_daemon_lives_is_not_ready_and_stops_when_told(tmp_path: Path) -> None:
    config = write_config(tmp_path, nats={"url": "nats://127.0.0.1:9"})
    async with running(config) as daemon:
        assert await daemon.get("/livez") == (200, "ok\n")
        status, body = await daemon.until_answer("/readyz", "no NATS server at nats://127.0.0.1:9")
        assert status == 503
        assert json.loads(body)["ready"] is False
        assert await daemon.end(within_s=10) == 0
    assert "Traceback" not in "".join(daemon.lines)


async def test_wrong_credentials_are_said_once_and_never_shown(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "bus")
    await server.start()
    try:
        config = write_config(tmp_path, nats={"url": server.url, "token": "TOKEN-GEHEIM"})
        async with running(config) as daemon:
            await daemon.until_answer("/readyz", "503", "Authorization Violation")
            await asyncio.sleep(7)  # more than one attempt of 5 s: what is watched for must not happen
            assert (await daemon.get("/livez"))[0] == 200
            assert await daemon.end() == 0
    finally:
        await server.stop()
    said = [line for line in daemon.lines if "Authorization" in line]
    assert len(said) == 1
    assert len(daemon.lines) <= 4
    assert "GEHEIM" not in "".join(daemon.lines)


async def test_the_whole_daemon_comes_up_ready_is_measured_and_leaves_nothing_running(tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(room_ids=("r1",))).running() as sandbox:
        auth = {"ak": sandbox.ak, "sk": sandbox.sk}
        cloud = {"endpoint": sandbox.endpoint, "project_id": sandbox.project_id, "auth": auth}
        config = write_config(tmp_path, metastudio=cloud, log_level="debug")
        async with running(config) as daemon:
            _, body = await daemon.until_answer("/readyz", "200")
            shown = json.loads(body)
            assert shown.pop("replica")
            assert sorted(shown.pop("leases")) == sorted(["tenant", *(f"p-{n}" for n in range(16))])
            assert shown == {
                "ready": True,
                "parts": {"bus": "ok", "leases": "ok", "inbox": "ok", "cloud": "ok", "rules": "ok"},
            }
            await daemon.until_answer(
                "/metrics", "livecue_cloud_calls_total", 'livecue_inbox_lag{partition="15"}'
            )
            assert await daemon.end(signal.SIGINT) == 0
    output = "".join(daemon.lines)
    assert sandbox.sk not in output
    assert sandbox.ak not in output
    assert "Traceback" not in output
    assert not _servers_of(tmp_path)


def _servers_of(folder: Path) -> list[str]:
    """Processes whose command line names the folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found
