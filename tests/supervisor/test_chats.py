"""A chat room follows its plan like a live room; whose jobs count there, and what a lost start means."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from livecue.domain import ChatLink, CloudError, JobState, Meaning, SignalKind, Unplanned
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.order_ports import Request
from livecue.runtime.ports import Count
from livecue.runtime.stop_ports import StopNote
from livecue.supervisor import StopTimerKeeper

from .chats import ROOM, ChatWorld
from .fakes import T0, on_air, refusal
from .test_timers import Timers

HOUR = 3600.0


class Killed(BaseException):
    """The daemon dies here."""


@pytest.fixture
def world() -> ChatWorld:
    return ChatWorld(on_air(hours=2))


@pytest.fixture
def logged() -> Iterator[list[dict[str, object]]]:
    with capture_logs() as lines:
        yield lines  # type: ignore[misc]  # structlog's own mapping type


async def test_a_chat_is_started_told_of_with_its_addresses_and_stopped_at_the_end(world: ChatWorld) -> None:
    await world.run(10)
    assert world.ours == ["job-1"]
    (told,) = world.bus.of(SignalKind.JOB_STARTED)
    assert told == {
        "job_id": "job-1",
        "session": "evening",
        "how": "started",
        "chat_state": "waiting_for_link",
        "language": "CN",
        "chat_access_address": "192.0.2.7:443",
        "chat_access_rest_address": "192.0.2.7:8443",
    }
    await world.run(2 * HOUR)
    assert world.ours == []
    (ended,) = world.bus.of(SignalKind.JOB_ENDED)
    assert (ended["job_id"], ended["reason"]) == ("job-1", "stopped")
    assert not world.notes.stored


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.PROCESSING, JobState.HEARTBEAT])
@pytest.mark.parametrize("link", [0, 1, 2, 3, 4, 17])
async def test_a_chat_that_waits_for_its_link_or_sleeps_is_left_alone(
    world: ChatWorld, state: str, link: int
) -> None:
    await world.run(4)
    world.cloud.become("job-1", state)
    world.cloud.link = ChatLink(link)
    calls = len(world.cloud.calls)
    await world.run(600)
    assert (world.ours, world.cloud.count("stop"), world.alarms.opened) == (["job-1"], 0, [])
    assert len(world.cloud.calls) - calls <= 600 / 5 + 1  # looked at as rarely as a live that is on


async def test_a_chat_that_tells_nothing_of_its_link_must_not_wait_for_ever(world: ChatWorld) -> None:
    world.cloud.link = ChatLink()
    await world.run(320)
    assert world.alarms.opened == [AlertKind.START_LATE]
    assert world.cloud.on_air(ROOM) == ["job-2"]


@pytest.mark.parametrize("before_s", [1, 10])
async def test_a_new_state_of_the_link_is_logged_once_and_listed_with_what_the_start_told(
    world: ChatWorld, logged: list[dict[str, object]], before_s: float
) -> None:
    await world.run(before_s)
    world.cloud.become("job-1", JobState.HEARTBEAT)
    world.cloud.link = ChatLink(3, "EN")
    await world.run(30)
    changes = [line for line in logged if line["event"] == "chat-changed"]
    assert [(line["chat_state"], line["language"], line["state"]) for line in changes] == [
        ("asleep", "EN", "HEARTBEAT")
    ]
    world.cloud.become("job-1", JobState.FAILED)
    await world.run(20)
    assert [line["job_id"] for line in logged if line["event"] == "job-started"] == ["job-1", "job-2"]
    assert sum(line["event"] == "chat-changed" for line in logged) == 1, "a start tells how its link is"
    (told,) = (await world.supervisor.by_hand.answer(Request("list"))).rooms
    assert told["chat"] == {
        "chat_state": "asleep",
        "language": "EN",
        "chat_access_address": "192.0.2.7:443",
        "chat_access_rest_address": "192.0.2.7:8443",
    }


@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        (JobState.FAILED, "MSS.47000007", "failed"),
        (JobState.FAILED, "MSS.20010116", "heartbeat_lost"),
        (JobState.FAILED, "MSS.20010146", "heartbeat_lost"),
        (JobState.FAILED, "MSS.20010135", "no_resource"),
        (JobState.CANCELED, "", "canceled"),
        (JobState.SUCCEED, "", "finished"),
    ],
)
async def test_a_chat_that_is_lost_is_started_again(
    world: ChatWorld, state: str, code: str, reason: str
) -> None:
    await world.run(10)
    world.cloud.become("job-1", state, code)
    await world.run(20)
    assert world.ours == ["job-2"]
    assert world.tally.counts[str(Count.JOBS_LOST), reason] == 1


@pytest.mark.parametrize(
    "code", ["MSS.20010075", "MSS.20010139", "MSS.47010006", "MSS.47010034", "MSS.47010102", "MSS.20010131"]
)
async def test_a_chat_that_would_fail_again_is_given_up_and_told_of(world: ChatWorld, code: str) -> None:
    await world.run(10)
    world.cloud.become("job-1", JobState.FAILED, code)
    await world.run(600)
    assert world.ours == []
    assert world.alarms.opened == [AlertKind.GAVE_UP]


async def test_the_next_daemon_goes_on_with_the_same_chat(world: ChatWorld) -> None:
    await world.run(10)
    world.boot()
    await world.run(10)
    assert world.ours == ["job-1"]
    world.boot()
    world.clock.forward(3 * HOUR)
    await world.run(10)
    assert world.ours == []


async def test_leaving_for_good_stops_the_chat_that_is_ours(world: ChatWorld) -> None:
    world.cloud.put(ROOM, "visitor-1", age_s=600)
    task = asyncio.create_task(world.supervisor.run())
    async with asyncio.timeout(10):
        while world.supervisor.job(ROOM) is None:  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.01)
        leaving = asyncio.create_task(world.supervisor.stop_lives(8))
        while not leaving.done():
            world.clock.forward(1)
            world.supervisor.wake()
            await asyncio.sleep(0.02)
    world.supervisor.stop()
    await task
    assert world.cloud.on_air(ROOM) == ["visitor-1"]
    assert not world.notes.stored


async def test_a_chat_whose_stop_does_not_come_through_is_told_of(world: ChatWorld) -> None:
    await world.run(10)
    world.cloud.stops_needed = 99
    await world.run(2 * HOUR + 30)
    assert AlertKind.STOP_OVERDUE not in world.alarms.now
    await world.run(60)
    assert AlertKind.STOP_OVERDUE in world.alarms.now
    world.cloud.stops_needed = 1
    await world.run(30)
    assert (world.ours, world.alarms.now) == ([], {})


async def test_the_id_of_a_chat_is_stored_before_anything_else_is_asked(world: ChatWorld) -> None:
    def dies_after_the_start(operation: str, _room: str) -> None:
        if operation == "show":
            raise Killed

    world.cloud.fault = dies_after_the_start
    with pytest.raises(BaseExceptionGroup):
        await world.supervisor.reconcile_once()
    assert world.notes.stored[ROOM].job_id == "job-1"


@pytest.mark.parametrize("unplanned", [Unplanned.ATTACH, Unplanned.IGNORE])
async def test_chats_of_others_are_neither_taken_over_nor_stopped(unplanned: Unplanned) -> None:
    world = ChatWorld(on_air(hours=1), unplanned=unplanned)
    world.cloud.put(ROOM, "visitor-1", age_s=600)
    await world.run(10)
    world.cloud.put(ROOM, "visitor-2")
    world.cloud.become("job-2", JobState.FAILED)
    await world.run(HOUR + 60)
    assert world.cloud.on_air(ROOM) == ["visitor-1", "visitor-2"]
    assert [data["job_id"] for data in world.bus.of(SignalKind.JOB_STARTED)] == ["job-2", "job-4"]


async def test_in_a_room_of_its_own_livecue_stops_what_nobody_planned() -> None:
    world = ChatWorld(on_air(hours=1, start=T0 + timedelta(hours=1)), unplanned=Unplanned.STOP)
    world.cloud.put(ROOM, "stray")
    await world.run(30)
    assert world.cloud.on_air(ROOM) == []


async def test_the_job_of_a_lost_answer_is_looked_up_where_the_cloud_lists_it(world: ChatWorld) -> None:
    world.cloud.put(ROOM, "visitor-1", age_s=600)
    lost = iter([True])
    world.cloud.lose_answer = lambda: next(lost, False)
    await world.run(60)
    assert world.ours == ["job-2"]
    assert world.notes.stored[ROOM].job_id == "job-2"
    await world.run(2 * HOUR)
    assert world.cloud.on_air(ROOM) == ["visitor-1"]
    assert world.alarms.opened == []


async def test_a_scheduled_stop_of_an_unanswered_start_spares_the_chats_of_others(world: ChatWorld) -> None:
    timers = Timers(world)
    keeper = StopTimerKeeper(timers, world.cloud, lambda _: None, world.clock, shared=[ROOM])
    world.cloud.put(ROOM, "visitor-1", age_s=600)
    world.cloud.put(ROOM, "lost")
    await timers.set(StopNote(ROOM, "evening", world.clock()), world.clock())
    for _ in range(4):
        await keeper.turn()
        world.clock.forward(2)
    assert world.cloud.on_air(ROOM) == ["visitor-1"]


async def test_where_nothing_is_listed_a_lost_start_is_told_of_and_repeated_rarely(
    world: ChatWorld, logged: list[dict[str, object]]
) -> None:
    world.cloud.listed = False
    world.cloud.concurrency = 99
    world.cloud.lose_answer = lambda: True
    await world.run(1800)
    assert 4 <= world.cloud.count("start") <= 10
    assert world.alarms.opened == [AlertKind.START_LOST]
    assert sum(line["event"] == "start-lost" for line in logged) == 1
    world.cloud.lose_answer = lambda: False
    await world.run(300)
    assert world.notes.stored[ROOM].job_id
    assert AlertKind.START_LOST in world.alarms.now
    await world.run(2 * HOUR)
    assert world.alarms.now == {}  # what livecue knew of is over; for the rest the text said where to look


async def test_with_a_concurrency_of_one_a_lost_start_is_never_doubled_even_unlisted() -> None:
    world = ChatWorld(on_air(hours=2), concurrency=1)
    world.cloud.listed = False
    lost = iter([True])
    world.cloud.lose_answer = lambda: next(lost, False)
    await world.run(600)
    assert world.ours == ["job-1"]
    world.cloud.become("job-1", JobState.SUCCEED)  # the cloud lets it expire
    await world.run(310)
    assert world.ours == ["job-2"]
    assert world.notes.stored[ROOM].job_id == "job-2"


async def test_a_crash_in_the_middle_of_an_unlisted_start_waits_before_the_next(world: ChatWorld) -> None:
    world.cloud.listed = False

    def dies(operation: str, _room: str) -> None:
        if operation == "start":
            raise Killed

    world.cloud.fault = dies
    with pytest.raises(BaseExceptionGroup):
        await world.supervisor.reconcile_once()
    world.cloud.fault = lambda *_: None
    world.boot()
    await world.run(50)
    assert world.cloud.count("start") == 1
    assert world.alarms.opened == [AlertKind.START_LOST]
    await world.run(20)
    assert world.ours == ["job-1"]


@pytest.mark.parametrize(
    "refused",
    [
        refusal(Meaning.UNAVAILABLE),  # no connection: nothing was sent
        refusal(Meaning.SLOW_DOWN),
        CloudError("full", meaning=Meaning.NO_RESOURCE, status=403),
    ],
)
async def test_a_start_that_surely_did_not_happen_is_repeated_soon(
    world: ChatWorld, refused: CloudError
) -> None:
    world.cloud.listed = False
    failing = iter([refused])

    def fault(operation: str, _room: str) -> None:
        if operation == "start" and (error := next(failing, None)):
            raise error

    world.cloud.fault = fault
    await world.run(10)
    assert (world.ours, world.alarms.opened) == (["job-1"], [])


async def test_a_500_may_have_started_a_chat(world: ChatWorld) -> None:
    world.cloud.listed = False
    failing = iter([CloudError("x", meaning=Meaning.UNAVAILABLE, status=500)])

    def fault(operation: str, _room: str) -> None:
        if operation == "start" and (error := next(failing, None)):
            raise error

    world.cloud.fault = fault
    await world.run(50)
    assert (world.ours, world.alarms.opened) == ([], [AlertKind.START_LOST])
    await world.run(30)
    assert world.ours == ["job-1"]
