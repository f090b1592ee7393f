"""A session that is extended beyond the end its start asked the cloud for goes on with a second job."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from livecue.domain import JobState, SignalKind
from livecue.runtime.ports import Count
from livecue.supervisor import Policy
from livecue.supervisor.remedies import OnEnd

from .fakes import T0, on_air, room
from .test_by_hand import Hand

HOUR = 3600.0
CLOUD_ENDS = "2026-11-20T14:00:00+00:00"


async def extended(hours: float, policy: Policy | None = None, limit_h: int = 2) -> tuple[Hand, str]:
    """An hour that the cloud would end after two, made longer; and what the command told."""
    world = Hand(room(on_air(hours=1), policy=policy))
    world.cloud.limit_h = limit_h
    await world.run(60)
    told = await world.ask("extend", hours)
    return world, told["cloud_ends"]


async def test_an_extension_within_the_clouds_own_end_tells_of_none() -> None:
    with capture_logs() as logged:
        _, told = await extended(0.9)
    assert told == ""
    assert [line for line in logged if line["event"] == "handover-planned"] == []


async def test_an_extension_beyond_the_clouds_own_end_names_it_once() -> None:
    with capture_logs() as logged:
        world, told = await extended(3)
        await world.run(600, every_s=20)
    assert told == CLOUD_ENDS
    [line] = [line for line in logged if line["event"] == "handover-planned"]
    assert (line["cloud_ends"], line["session_ends"]) == (CLOUD_ENDS, "2026-11-20T16:00:00+00:00")


@pytest.mark.parametrize("policy", [Policy(), Policy(on_end=OnEnd.STOP)])
@pytest.mark.parametrize("off_s", [-240, 0, 600])
async def test_the_next_job_begins_at_once_and_is_no_failure(policy: Policy, off_s: float) -> None:
    world, _ = await extended(3, policy)
    await world.run(2 * HOUR - 80 + off_s, every_s=20)
    world.boot()
    await world.run(10)
    assert world.cloud.on_air("flagship") == ["job-1"]
    world.cloud.become("job-1", JobState.SUCCEED)
    await world.run(6)  # the next look
    assert world.cloud.on_air("flagship") == ["job-2"]
    assert world.tally.total(Count.JOBS_LOST) == 0
    assert world.bus.of(SignalKind.JOB_ENDED)[-1]["reason"] == "max_duration"
    await world.run(2 * HOUR + 300, every_s=20)
    assert world.cloud.on_air("flagship") == []


async def test_a_daemon_that_was_down_when_the_cloud_ended_the_job_begins_the_next_one_at_once() -> None:
    world, _ = await extended(3)
    world.clock.forward(2 * HOUR)
    world.cloud.become("job-1", JobState.SUCCEED)
    world.boot()
    await world.supervisor.reconcile_once()
    assert world.cloud.on_air("flagship") == ["job-2"]
    assert world.tally.total(Count.JOBS_LOST) == 0


@pytest.mark.parametrize(
    ("after_s", "state"),
    [(HOUR, JobState.SUCCEED), (2 * HOUR - 420, JobState.SUCCEED), (2 * HOUR, JobState.FAILED)],
)
async def test_a_job_that_ends_otherwise_is_lost_as_ever(after_s: float, state: JobState) -> None:
    world, _ = await extended(3)
    await world.run(after_s - 60, every_s=20)
    world.cloud.become("job-1", state)
    await world.run(6)
    assert world.tally.total(Count.JOBS_LOST) == 1
    await world.run(30)
    assert world.cloud.on_air("flagship") == ["job-2"]


async def test_a_start_that_names_no_end_promises_none() -> None:
    world, told = await extended(3, limit_h=0)
    assert told == ""
    await world.run(2 * HOUR, every_s=20)
    world.cloud.become("job-1", JobState.SUCCEED)
    await world.run(6)
    assert world.tally.total(Count.JOBS_LOST) == 1
    assert world.plans[0].sessions[0].end == T0 + timedelta(hours=1)
