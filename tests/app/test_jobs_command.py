"""`livecue jobs` against a running daemon, its bus and the sandbox; and leaving with its lives stopped."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from app.processes import livecue, write_config
from app.running import daemon
from livecue.cli.jobs import _line

PACK = """group_name: x
interaction_rules:
  - {rule_name: x, event_type: 1, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [x]}}
"""


async def jobs(config: Path, *arguments: str) -> list[dict[str, Any]]:
    code, out, err = await livecue("jobs", *arguments, "--json", "-c", str(config))
    assert code == 0, err
    told: list[dict[str, Any]] = json.loads(out)
    return told


async def test_a_live_is_listed_extended_stopped_and_started_again_by_hand(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/pack.yaml").write_text(PACK)
    async with daemon(tmp_path, tmp_path / "rules") as running:
        config = tmp_path / "livecue.yaml"
        (told,) = await jobs(config, "list")
        assert (told["room"], told["wanted"], told["ours"]) == ("shop", "now", True)
        (longer,) = await jobs(config, "extend", "shop", "30m")
        assert longer["until"] > told["until"]
        assert longer["cloud_ends"] == ""
        _, out, _ = await livecue("jobs", "extend", "shop", "5h", "-c", str(config))
        assert "the cloud ends this job by itself about 20" in out
        await running.until(lambda: bool(running.logged("handover-planned")), "the log's word of it")
        await jobs(config, "stop", "shop")
        await running.until(lambda: all(job.over for job in running.sandbox.jobs.values()), "the stop")
        await jobs(config, "start", "shop", "--for", "10m")
        await running.until(lambda: any(not job.over for job in running.sandbox.jobs.values()), "the start")
        code, _, err = await livecue("jobs", "extend", "shop", "soon", "-c", str(config))
        assert (code, "write a duration as" in err) == (2, True)
        code, _, err = await livecue("jobs", "stop", "shed", "-c", str(config))
        assert (code, "no room 'shed'; rooms: shop" in err) == (1, True)
        stored = await running.nc.jetstream().get_last_msg("LIVE_PLAN", "live.plan.order.shop")
        assert json.loads(stored.data or b"")["live_until_ms"] > 0


async def test_without_a_daemon_the_remedy_is_told(tmp_path: Path) -> None:
    code, _, err = await livecue("jobs", "list", "-c", str(write_config(tmp_path)))
    assert (code, "start `livecue run` first" in err) == (1, True)
    await asyncio.sleep(0)


@pytest.mark.parametrize(("flags", "over"), [((), False), (("--stop-lives-on-exit",), True)])
async def test_lives_go_on_at_the_end_unless_they_are_to_stop(
    tmp_path: Path, flags: tuple[str, ...], *, over: bool
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/pack.yaml").write_text(PACK)
    async with daemon(tmp_path, tmp_path / "rules", *flags) as running:
        jobs_then = running.sandbox.jobs
        running.child.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.child.wait(), 25)
        assert [job.over for job in jobs_then.values()] == [over]


def test_the_list_says_which_job_runs_in_the_standby() -> None:
    told = dict.fromkeys(("until", "since", "trouble"), "") | dict.fromkeys(
        ("paused", "stopping", "gave_up"), False
    )
    told |= {"room": "shop", "wanted": "", "job_id": "j", "state": "PROCESSING", "ours": True}
    assert "in the standby spare-id" in _line(told | {"standby": "spare-id"})
    assert "standby" not in _line(told | {"standby": ""})
