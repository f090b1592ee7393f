"""A job taken over with callbacks of its own is served, and told of once."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from livecue.domain import JobState, SignalKind
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.order_ports import Request

from .fakes import T0, on_air, room
from .test_overdue import Alerted

LOST = ("flagship", AlertKind.CALLBACKS_LOST)


def taken_over(world: Alerted, job_id: str, *faults: str) -> None:
    """A stranger's job whose page shows these."""
    job = world.cloud.put("flagship", job_id, age_s=60)
    world.cloud.jobs[job_id] = msgspec.structs.replace(job, callback_faults=faults)


async def told(world: Alerted) -> list[str]:
    (line,) = (await world.supervisor.by_hand.answer(Request("list"))).rooms
    return list(line["callback_faults"])


@pytest.mark.parametrize(("planned", "how"), [(True, "adopted"), (False, "attached")])
async def test_a_job_taken_over_with_other_callbacks_is_told_of_once_until_it_is_over(
    *, planned: bool, how: str
) -> None:
    start = T0 if planned else T0 + timedelta(days=1)
    world = Alerted(room(on_air(start=start)))
    taken_over(world, "theirs", "auth_type", "key")
    with capture_logs() as logged:
        await world.run(60)
        assert [one["how"] for one in world.bus.of(SignalKind.JOB_STARTED)] == [how]
        assert world.heard.now[LOST] == "theirs"
        assert await told(world) == ["auth_type", "key"]
        world.cloud.become("theirs", JobState.SUCCEED)
        await world.run(30)
    (line,) = [one for one in logged if one["event"] == "job-calls-elsewhere"]
    assert (line["log_level"], line["job_id"], line["differs"]) == ("warning", "theirs", ["auth_type", "key"])
    assert "`livecue jobs`" in line["remedy"]
    assert LOST not in world.heard.now
    assert await told(world) == []


async def test_what_the_list_leaves_out_does_not_close_the_alert() -> None:
    world = Alerted(room(on_air()))
    taken_over(world, "theirs", "key")
    await world.run(10)
    shown = world.cloud.jobs["theirs"]
    world.cloud.jobs["theirs"] = msgspec.structs.replace(shown, callback_faults=None)
    await world.run(20)
    assert (LOST in world.heard.now, world.heard.ever) == (True, [AlertKind.CALLBACKS_LOST])


async def test_another_job_with_other_callbacks_is_another_alert() -> None:
    """It comes on air beside the first, which is not yet: from one turn to the next the room has another job."""
    world = Alerted(room(on_air()))
    taken_over(world, "first", "key")
    world.cloud.become("first", JobState.WAITING)
    await world.run(10)
    assert world.heard.now == {LOST: "first"}
    taken_over(world, "second", "auth_type")
    with capture_logs() as logged:
        world.supervisor.found("flagship", world.cloud.jobs["second"])
        await world.run(10)
    assert (world.heard.now, world.heard.ever) == ({LOST: "second"}, [AlertKind.CALLBACKS_LOST] * 2)
    assert [one["job_id"] for one in logged if one["event"] == "job-calls-elsewhere"] == ["second"]


async def test_a_key_that_is_accepted_after_all_ends_it() -> None:
    world = Alerted(room(on_air()))
    taken_over(world, "theirs", "key")
    await world.run(10)
    assert LOST in world.heard.now
    taken_over(world, "theirs")
    await world.run(10)
    assert LOST not in world.heard.now


async def test_nothing_is_told_of_a_job_that_livecue_has_just_started_itself() -> None:
    world = Alerted(room(on_air()))
    await world.run(4)
    job = world.cloud.jobs["job-1"]
    world.cloud.jobs["job-1"] = msgspec.structs.replace(job, callback_faults=("key",))
    await world.run(20)
    assert world.heard.ever == []
    world.boot()  # with other keys in its file
    await world.run(10)
    assert world.heard.now == {LOST: "job-1"}


async def test_stopped_and_resumed_by_hand_the_session_has_a_job_that_is_heard() -> None:
    """What the runbook tells to do."""
    world = Alerted(room(on_air()))
    taken_over(world, "theirs", "key")
    await world.run(10)
    assert (await world.supervisor.by_hand.answer(Request("stop", "flagship"))).error == ""
    await world.run(10)
    assert world.cloud.on_air("flagship") == []
    assert (await world.supervisor.by_hand.answer(Request("resume", "flagship"))).error == ""
    await world.run(10)
    assert world.cloud.on_air("flagship") == ["job-2"]
    assert LOST not in world.heard.now
