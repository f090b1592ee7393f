"""A live that is on but does not get through, and what each way of losing one calls for."""

from __future__ import annotations

import pytest

from livecue.domain import Job, JobState, Signal, SignalKind
from livecue.runtime.alert_ports import AlertKind
from livecue.supervisor import OnEnd, Policy
from livecue.supervisor.reconcile import GONE
from livecue.supervisor.remedies import Remedy, remedy_of

from .fakes import World, on_air, room
from .test_overdue import Alerted


def tell(world: World, state: str, job_id: str = "job-1") -> None:
    data = {"job_id": job_id, "state": state}
    world.supervisor.on_signal(Signal("flagship", "", world.clock(), SignalKind.RTMP_STATE, data))


@pytest.mark.parametrize(
    ("state", "code", "reason", "gives_up"),
    [
        (JobState.FAILED, "", "failed", False),
        (JobState.FAILED, "MSS.99999999", "failed", False),
        (JobState.FAILED, "MSS.20010118", "heartbeat_lost", False),
        (JobState.FAILED, "MSS.20010035", "no_resource", False),
        (JobState.FAILED, "MSS.20010065", "failed", True),
        (JobState.FAILED, "MSS.20010055", "failed", True),
        (JobState.FAILED, "MSS.20010153", "failed", True),
        (JobState.BLOCKED, "", "blocked", True),
        (JobState.SUCCEED, "", "finished", False),
        (JobState.CANCELED, "", "canceled", False),
        (GONE, "", "gone", False),
    ],
)
def test_each_way_of_losing_a_live_has_its_remedy(
    state: str, code: str, reason: str, *, gives_up: bool
) -> None:
    job = Job("a", state, error_code=code)
    found = remedy_of(job, ended=False, on_end=OnEnd.KEEP)
    assert (found.reason, bool(found.give_up)) == (reason, gives_up)


def test_an_end_is_the_end_only_where_that_is_wanted() -> None:
    over = Job("a", JobState.SUCCEED)
    assert remedy_of(over, ended=True, on_end=OnEnd.RESTART) == Remedy("finished")
    assert remedy_of(over, ended=False, on_end=OnEnd.STOP).give_up
    assert not remedy_of(Job("a", JobState.FAILED), ended=False, on_end=OnEnd.STOP).give_up


async def test_a_lost_stream_goes_to_the_next_output_after_its_grace_and_round_again() -> None:
    world = Alerted(room(on_air(), policy=Policy(rtmp_grace_ms=20_000, outputs=3)))
    await world.run(10)
    tell(world, "DISCONNECTED")
    await world.run(18)
    tell(world, "RECONNECTING")
    assert (world.cloud.outputs, world.heard.now) == ([], {})
    await world.run(6)
    assert world.cloud.outputs == [1]
    assert ("flagship", AlertKind.STREAM_LOST) in world.heard.now
    await world.run(44)
    assert world.cloud.outputs == [1, 2, 0]
    tell(world, "CONNECTED")
    await world.run(60)
    assert (world.cloud.outputs, world.heard.now) == ([1, 2, 0], {})


async def test_a_short_loss_and_a_word_of_another_job_move_nothing() -> None:
    world = World(room(on_air(), policy=Policy(rtmp_grace_ms=20_000, outputs=2)))
    await world.run(10)
    tell(world, "DISCONNECTED")
    await world.run(10)
    tell(world, "CONNECTED")
    tell(world, "DISCONNECTED", "job-0")
    await world.run(60)
    assert world.cloud.outputs == []


@pytest.mark.parametrize(
    ("on_end", "on_the_air", "starts"),
    [(OnEnd.KEEP, ["job-1"], 1), (OnEnd.RESTART, ["job-2"], 2), (OnEnd.STOP, [], 1)],
)
async def test_a_stream_that_ends_is_treated_by_policy(
    on_end: OnEnd, on_the_air: list[str], starts: int
) -> None:
    world = Alerted(room(on_air(), policy=Policy(on_end=on_end)))
    await world.run(10)
    tell(world, "END")
    await world.run(60)
    assert (world.cloud.on_air("flagship"), world.cloud.count("start")) == (on_the_air, starts)
    assert world.heard.now == {}
    world.boot()
    await world.run(300)
    assert (world.cloud.on_air("flagship"), world.cloud.count("start")) == (on_the_air, starts)


async def test_a_job_that_waits_too_long_is_replaced() -> None:
    world = Alerted(room(on_air(), policy=Policy(waiting_ms=60_000)))
    world.cloud.starts_in = JobState.WAITING
    await world.run(50)
    assert world.cloud.on_air("flagship") == ["job-1"]
    world.cloud.starts_in = JobState.PROCESSING
    await world.run(20)
    assert ("flagship", AlertKind.START_LATE) in world.heard.now
    await world.run(30)
    assert (world.cloud.on_air("flagship"), world.heard.now) == (["job-2"], {})


async def test_a_live_that_failed_for_good_is_given_up_and_told_of() -> None:
    world = Alerted(room(on_air()))
    await world.run(10)
    world.cloud.become("job-1", JobState.FAILED, "MSS.20010065")
    await world.run(300)
    assert world.cloud.count("start") == 1
    assert ("flagship", AlertKind.GAVE_UP) in world.heard.now
    world.boot()
    await world.run(300)
    assert world.cloud.count("start") == 1
