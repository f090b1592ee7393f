"""Starts and stops behind their port, against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from livecue.app.cloud import CloudJobs, CloudRoom, Limits, wall_ms
from livecue.domain import Session
from livecue.metastudio import AkSkAuth, MetaStudio
from livecue.runtime.ports import Count
from livecue.sandbox import Sandbox, SandboxOptions
from livecue.supervisor import RoomPlan
from supervisor.test_by_hand import Hand

ROOM = "24bad716-87b1-45e5-8912-6102f7693265"
OUTPUT = {"output_urls": ["rtmp://push/live"], "stream_keys": ["k"]}
HOUR_MS = 3_600_000


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    options = SandboxOptions(room_ids=(ROOM,), limits={"*": 0}, start_delay_s=0, seed=3)
    async with Sandbox(options).running() as running:
        yield running


@pytest.fixture
async def studio(sandbox: Sandbox) -> AsyncIterator[MetaStudio]:
    auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, wall_ms)
    async with MetaStudio(sandbox.endpoint, sandbox.project_id, auth) as client:
        yield client


def jobs_of(studio: MetaStudio, start: dict[str, Any], room_id: str = ROOM, mode: str = "") -> CloudJobs:
    return CloudJobs(
        studio, {"a": CloudRoom(room_id, start=start, stop_mode=mode)}, Limits("cn-north-4", {"show_room": 9})
    )


async def test_a_start_brings_the_clouds_own_end_and_keeps_what_the_room_plays(
    sandbox: Sandbox, studio: MetaStudio
) -> None:
    job = await jobs_of(studio, OUTPUT, mode="SCENE_END").start("a", 4 * HOUR_MS)
    leave = sandbox.jobs[job.job_id].policy["live_exit_config"]
    assert leave == {"max_live_duration": 5, "auto_stop_mode": "SCENE_END"}


async def test_what_the_start_sets_itself_stays(sandbox: Sandbox, studio: MetaStudio) -> None:
    policy = {"live_exit_config": {"max_live_duration": 9}}
    job = await jobs_of(studio, OUTPUT | {"play_policy": policy}).start("a", 4 * HOUR_MS)
    assert sandbox.jobs[job.job_id].policy["live_exit_config"] == {"max_live_duration": 9}


@pytest.mark.parametrize(("policy", "hours"), [({}, 5), ({"live_exit_config": {"max_live_duration": 2}}, 2)])
async def test_a_start_tells_when_the_cloud_ends_its_job(
    studio: MetaStudio, policy: dict[str, Any], hours: int
) -> None:
    job = await jobs_of(studio, OUTPUT | ({"play_policy": policy} if policy else {})).start("a", 4 * HOUR_MS)
    assert job.limit_h == hours


async def test_a_session_extended_beyond_its_jobs_own_end_is_handed_over_in_the_sandbox() -> None:
    """Four hours in virtual time: the sandbox ends the job after the two hours that its start asked for."""
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    world = Hand(RoomPlan("a", [Session("evening", start=start, end=start + timedelta(hours=1))]))
    world.clock.now_ms = round(start.timestamp() * 1000)
    options = SandboxOptions(room_ids=(ROOM,), limits={"*": 0}, start_delay_s=0, script_speedup=0.01)
    async with Sandbox(options, clock=lambda: world.clock() / 1000).running() as sandbox:
        auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, world.clock)
        async with MetaStudio(sandbox.endpoint, sandbox.project_id, auth) as studio:
            world.cloud = jobs_of(studio, OUTPUT | {"play_policy": {"repeat_count": -1}})  # type: ignore[assignment]
            world.boot()
            await world.run(20)
            told = await world.ask("extend", 3, key="a")
            await world.run(4 * 3600, every_s=60)
        first, second = sorted(sandbox.jobs.values(), key=lambda job: job.created_s)
    assert told["cloud_ends"] == "2026-11-20T14:00:00+00:00"
    assert 0 <= second.created_s - (first.ended_s or 0) <= 60
    assert first.over
    assert second.over
    assert abs((second.ended_s or 0) - start.timestamp() - 4 * 3600) <= 120
    assert world.tally.total(Count.JOBS_LOST) == 0


async def test_all_running_jobs_of_the_tenant_are_told_by_room(sandbox: Sandbox, studio: MetaStudio) -> None:
    jobs = jobs_of(studio, OUTPUT)
    assert await jobs.everywhere() == []
    job = await jobs.start("a", HOUR_MS)
    assert [(key, room_id, one.job_id) for key, room_id, one in await jobs.everywhere()] == [
        ("a", ROOM, job.job_id)
    ]
    strangers = CloudJobs(studio, {}, Limits("cn-north-4", {}))
    assert [key for key, _, _ in await strangers.everywhere()] == [""]
    await jobs.stop("a", job.job_id)
    assert await jobs.everywhere() == []


async def test_a_stream_is_moved_to_another_output_of_the_room(sandbox: Sandbox, studio: MetaStudio) -> None:
    outputs = (("rtmp://push/live", "k"), ("rtmp://spare/live", "k2"))
    jobs = CloudJobs(studio, {"a": CloudRoom(ROOM, start=OUTPUT, outputs=outputs)}, Limits("cn-north-4", {}))
    job = await jobs.start("a", HOUR_MS)
    while sandbox.jobs[job.job_id].state != "PROCESSING":
        await jobs.show("a", job.job_id)
    await jobs.refresh_output("a", job.job_id, 1)
    assert sandbox.jobs[job.job_id].outputs == [("rtmp://spare/live", "k2")]
