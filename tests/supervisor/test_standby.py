"""A live that cannot be had in the room's own cloud room goes on in its standby, never in both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from livecue.domain import Job, JobState, Meaning, SignalKind, Unplanned
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.job_ports import Ownership
from livecue.runtime.order_ports import Request
from livecue.runtime.ports import Count
from livecue.supervisor import OnEnd, Policy
from livecue.supervisor.reconcile import SETTLE_MS, Nothing, RoomFacts, Start, decide
from livecue.supervisor.timetable import Window

from .fakes import T0, World, ms, on_air, refusal, room
from .test_timers import Timed

HOUR = 3600.0
ROOM, SPARE = "flagship", "spare-id"


def world_of(*sessions: Any, **more: Any) -> World:
    return World(room(*(sessions or (on_air(),)), standby=SPARE, **more))


def refused(meaning: Meaning, *where: str) -> Callable[[str, str], None]:
    def fault(operation: str, place: str) -> None:
        if operation == "start" and place in where:
            raise refusal(meaning)

    return fault


async def lost(world: World, state: JobState, code: str = "") -> None:
    """What is on air is lost, and that is seen."""
    [job_id] = world.cloud.on_air(ROOM)
    world.cloud.become(job_id, state, code)
    await world.run(30)


def facts(**more: Any) -> RoomFacts:
    window = Window("evening", T0, T0 + timedelta(hours=4))
    return RoomFacts(
        **{"now_ms": ms(T0), "wanted": window, "unplanned": Unplanned.ATTACH, "place": SPARE, **more}
    )


def test_nothing_is_started_in_one_place_while_anything_runs_in_the_other() -> None:
    job = Job("j", JobState.WAITING, created_ms=ms(T0) - 1)
    assert not isinstance(decide(facts(running=(job,))), Start)
    assert isinstance(decide(facts()), Start)


def test_nothing_is_started_before_both_places_were_looked_at() -> None:
    assert decide(facts(unseen=True)) == Nothing()


def test_an_unanswered_start_elsewhere_is_waited_for_from_its_last_try() -> None:
    owned = Ownership("evening", ms(T0) - SETTLE_MS)
    assert isinstance(decide(facts(owned=owned)), Start)
    assert decide(facts(owned=owned, unsure_ms=ms(T0) - 30_000)) == Nothing()
    assert isinstance(
        decide(facts(owned=owned, unsure_ms=ms(T0) + 3_600_000)), Start
    )  # the clock was set back
    assert isinstance(decide(facts(owned=owned, unsure_ms=ms(T0) - 30_000, place="")), Start)


def test_a_job_in_one_place_is_not_that_of_an_unanswered_start_in_the_other() -> None:
    owned = Ownership("evening", ms(T0))
    there = Job("j", JobState.PROCESSING, created_ms=ms(T0), place=SPARE)
    assert (
        decide(facts(wanted=None, owned=owned, running=(there,), now_ms=ms(T0) + 1)).__class__.__name__
        == "Attach"
    )


@pytest.mark.parametrize("code", ["", "MSS.20010110", "MSS.20010153"])
async def test_what_another_room_can_cure_moves_the_session_at_once(code: str) -> None:
    world = world_of(on_air(hours=1), on_air(hours=1, start=T0 + timedelta(hours=2), name="late"))
    await world.run(10)
    await lost(world, JobState.FAILED if code else JobState.BLOCKED, code)
    [job] = [world.supervisor.job(ROOM)]
    assert job is not None
    assert (job.job_id, job.place) == ("job-2", SPARE)
    assert world.notes.stored[ROOM].place == SPARE
    assert set(world.alerts.now) == {AlertKind.STANDBY}
    assert f"session evening goes on in the standby {SPARE}: " in world.alerts.now[AlertKind.STANDBY]
    assert world.bus.of(SignalKind.JOB_STARTED)[-1]["standby"] == SPARE
    assert world.tally.total(Count.FAILOVERS) == 1
    await world.run(HOUR)
    assert world.cloud.on_air(ROOM) == []
    assert (world.notes.stored, world.alerts.now) == ({}, {})
    await world.run(HOUR)
    assert world.cloud.in_place(ROOM) == ["job-3"]  # the next run begins in the room's own place


@pytest.mark.parametrize("meaning", [Meaning.NOT_FOUND, Meaning.INVALID, Meaning.NO_VOICE, Meaning.FORBIDDEN])
async def test_a_start_that_the_own_room_refuses_is_made_in_the_standby(meaning: Meaning) -> None:
    world = world_of()
    world.cloud.fault = refused(meaning, ROOM)
    await world.run(10)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-1"]
    assert [call for call in world.cloud.calls if call[0] == "start"] == [("start", ROOM), ("start", SPARE)]
    assert world.tally.counts["failovers", str(meaning)] == 1


async def test_a_room_that_is_gone_from_the_cloud_is_live_in_its_standby() -> None:
    world = world_of()

    def fault(_operation: str, place: str) -> None:
        if place == ROOM:
            raise refusal(Meaning.NOT_FOUND)

    world.cloud.fault = fault
    await world.run(10)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-1"]


async def test_a_standby_that_does_not_exist_keeps_no_live_off_the_air() -> None:
    world = world_of()

    def fault(_operation: str, place: str) -> None:
        if place == SPARE:
            raise refusal(Meaning.NOT_FOUND)

    world.cloud.fault = fault
    await world.run(10)
    assert world.cloud.in_place(ROOM) == ["job-1"]


@pytest.mark.parametrize(
    "meaning",
    [Meaning.QUOTA, Meaning.NO_RESOURCE, Meaning.SLOW_DOWN, Meaning.UNAVAILABLE, Meaning.UNAUTHENTICATED],
)
async def test_what_holds_for_the_whole_tenant_moves_nothing(meaning: Meaning) -> None:
    world = world_of()
    world.cloud.fault = refused(meaning, ROOM, SPARE)
    await world.run(600)
    assert ("start", SPARE) not in world.cloud.calls
    assert world.tally.total(Count.FAILOVERS) == 0


@pytest.mark.parametrize("code", ["MSS.20010118", ""])
async def test_a_live_lost_twice_in_a_row_moves(code: str) -> None:
    world = world_of()
    await world.run(10)
    await lost(world, JobState.FAILED, code)
    assert world.cloud.in_place(ROOM) == ["job-2"]
    await lost(world, JobState.FAILED, code)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-3"]
    await lost(world, JobState.FAILED, code)
    await lost(world, JobState.FAILED, code)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-5"]  # and stays there


async def test_lives_lost_after_a_long_time_on_air_do_not_add_up() -> None:
    world = world_of()
    for number in (1, 2, 3):
        await world.run(700)
        assert world.cloud.in_place(ROOM) == [f"job-{number}"]
        await lost(world, JobState.FAILED, "MSS.20010118")


async def test_a_script_played_to_its_end_again_and_again_moves_nothing() -> None:
    world = world_of()
    await world.run(10)
    for _ in range(4):
        await lost(world, JobState.SUCCEED)
        await world.run(60)
    await lost(world, JobState.FAILED, "MSS.20010118")
    await world.run(120)
    assert len(world.cloud.in_place(ROOM)) == 1


@pytest.mark.parametrize("on_end", list(OnEnd))
@pytest.mark.parametrize("waiting_s", [60, 900])
async def test_a_room_whose_jobs_never_go_live_moves_after_the_second(on_end: OnEnd, waiting_s: int) -> None:
    world = world_of(policy=Policy(on_end, waiting_ms=waiting_s * 1000))
    world.cloud.starts_in = JobState.WAITING
    await world.run(2 * waiting_s + 60)
    assert [world.cloud.jobs[f"job-{n}"].place for n in (1, 2, 3)] == ["", "", SPARE]
    assert len(world.cloud.on_air(ROOM)) == 1


async def test_a_session_that_its_standby_blocks_too_is_given_up() -> None:
    world = world_of()
    await world.run(10)
    await lost(world, JobState.BLOCKED)
    await lost(world, JobState.BLOCKED)
    world.boot()
    await world.run(600)
    assert world.cloud.count("start") == 2
    assert set(world.alerts.now) == {AlertKind.BLOCKED}


async def test_a_start_that_both_refuse_is_given_up() -> None:
    world = world_of()
    world.cloud.fault = refused(Meaning.INVALID, ROOM, SPARE)
    await world.run(600)
    assert world.cloud.count("start") == 2
    assert set(world.alerts.now) == {AlertKind.START_REFUSED}


async def test_a_start_by_hand_after_giving_up_tries_the_own_room_first() -> None:
    world = world_of()
    await world.run(10)
    await lost(world, JobState.BLOCKED)
    await lost(world, JobState.BLOCKED)
    await world.supervisor.by_hand.answer(Request("start", ROOM, 600_000))
    await world.run(10)
    assert world.cloud.in_place(ROOM) == ["job-3"]


async def test_an_extended_live_stays_in_the_standby_when_it_is_lost_there() -> None:
    world = world_of()
    await world.run(10)
    await lost(world, JobState.BLOCKED)
    reply = await world.supervisor.by_hand.answer(Request("extend", ROOM, 600_000))
    assert reply.rooms[0]["standby"] == SPARE
    await lost(world, JobState.FAILED)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-3"]


@pytest.mark.parametrize("at", ["moving", "on air", "restarting"])
async def test_a_daemon_that_dies_goes_on_in_the_standby(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(on_air(hours=1))
    await world.run(1200)  # beyond the catch-up window of a start
    monkeypatch.setattr(
        world.cloud, "fault", refused(Meaning.NO_RESOURCE, SPARE) if at == "moving" else lambda *_: None
    )
    await lost(world, JobState.BLOCKED)
    if at == "restarting":
        world.cloud.become("job-2", JobState.FAILED)
        await world.run(2)
        assert world.cloud.on_air(ROOM) == []
    world.cloud.fault = lambda *_: None
    world.boot()
    await world.run(30)
    [job_id] = world.cloud.on_air(ROOM)
    assert world.cloud.jobs[job_id].place == SPARE
    assert [call for call in world.cloud.calls if call == ("start", ROOM)] == [("start", ROOM)]
    assert AlertKind.STANDBY in world.alerts.now
    await world.run(HOUR)
    assert (world.cloud.on_air(ROOM), world.notes.stored) == ([], {})


async def test_an_unanswered_start_is_settled_before_the_standby_is_used() -> None:
    world = world_of()
    world.cloud.fault = refused(Meaning.UNAVAILABLE, ROOM)
    await world.run(100)
    world.cloud.fault = refused(Meaning.INVALID, ROOM)
    await world.run(60)
    assert ("start", SPARE) not in world.cloud.calls
    await world.run(150)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-1"]


async def test_a_new_daemon_does_not_know_when_an_unanswered_start_was_tried_last() -> None:
    world = world_of()
    world.notes.stored[ROOM] = Ownership("evening", ms(T0) - 600_000, place=SPARE)
    world.cloud.fault = refused(Meaning.SLOW_DOWN, SPARE)
    await world.run(4)
    await world.supervisor.by_hand.answer(Request("start", ROOM, 3_600_000))  # in the own room first
    await world.run(100)
    assert ("start", ROOM) not in world.cloud.calls
    await world.run(60)
    assert world.cloud.in_place(ROOM) == ["job-1"]


async def test_the_job_of_an_unanswered_start_that_turns_up_is_taken_instead_of_the_standby() -> None:
    world = world_of()
    world.cloud.fault = refused(Meaning.UNAVAILABLE, ROOM)
    await world.run(20)
    world.cloud.fault = refused(Meaning.INVALID, ROOM)
    await world.run(40)
    world.cloud.put(ROOM, "late")
    await world.run(300)
    assert world.cloud.on_air(ROOM) == ["late"]
    assert world.notes.stored[ROOM].job_id == "late"


async def test_an_unanswered_start_in_the_standby_is_found_and_stopped_after_a_crash() -> None:
    world = world_of(on_air(hours=1))
    world.cloud.fault = refused(Meaning.INVALID, ROOM)
    world.cloud.lose_answer = lambda: True
    await world.run(2)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-1"]
    assert world.notes.stored[ROOM] == Ownership("evening", world.notes.stored[ROOM].since_ms, "", SPARE)
    world.clock.forward(30 * HOUR)
    world.boot()
    await world.run(10)
    assert world.cloud.on_air(ROOM) == []


async def test_a_job_is_stopped_in_a_standby_that_is_no_longer_configured() -> None:
    world = world_of(on_air(hours=1))
    await world.run(10)
    await lost(world, JobState.BLOCKED)
    world.plans = (room(on_air(hours=1)),)
    world.boot()
    await world.run(HOUR)
    assert (world.cloud.on_air(ROOM), world.notes.stored) == ([], {})


async def test_a_job_started_by_hand_in_the_standby_is_adopted_rather_than_a_second_one_started() -> None:
    world = world_of(on_air(hours=1))
    world.cloud.put(ROOM, "by-hand", place=SPARE)
    await world.run(10)
    assert world.cloud.count("start") == 0
    assert world.notes.stored[ROOM].place == SPARE
    await world.run(HOUR)
    assert world.cloud.on_air(ROOM) == []


async def test_a_stop_is_asked_for_in_the_standby_even_if_nothing_can_be_looked_at() -> None:
    world = world_of(on_air(hours=1))
    await world.run(10)
    await lost(world, JobState.BLOCKED)

    def fault(operation: str, _place: str) -> None:
        if operation in {"running", "show"}:
            raise refusal(Meaning.UNAVAILABLE)

    world.cloud.fault = fault
    world.boot()
    await world.run(HOUR)
    assert world.cloud.on_air(ROOM) == []


async def test_the_bus_remembers_where_the_stop_is_due() -> None:
    world = Timed(room(on_air(hours=1), standby=SPARE))
    await world.run(10)
    await lost(world, JobState.BLOCKED)
    assert world.timers.set_for[ROOM][0].place == SPARE
    world.notes.stored.clear()
    world.boot()
    world.clock.forward(HOUR)
    await world.keep(6)
    assert world.cloud.on_air(ROOM) == []


async def test_the_stream_of_a_job_in_the_standby_is_moved_there() -> None:
    world = world_of(policy=Policy(outputs=2))
    await world.run(10)
    await lost(world, JobState.BLOCKED)
    state = world.supervisor._rooms[ROOM]
    state.stream_lost_ms = world.clock() - 60_000
    await world.run(6)
    assert ("refresh", SPARE) in world.cloud.calls
    assert world.cloud.outputs == [1]


async def test_quiet_rooms_cost_no_more_reads_for_having_a_standby() -> None:
    idle, busy = world_of(on_air(start=T0 + timedelta(days=1))), world_of()
    for world in (idle, busy):
        await world.run(60)
        world.cloud.calls.clear()
        await world.run(120)
        assert ("running", SPARE) not in world.cloud.calls
    assert busy.cloud.count("running") == 0


async def test_a_job_that_the_sweep_finds_in_the_standby_of_an_idle_room_is_looked_at() -> None:
    world = world_of(on_air(start=T0 + timedelta(days=1)), unplanned=Unplanned.STOP)
    await world.run(60)
    job = world.cloud.put(ROOM, "stray", place=SPARE)
    await world.run(60)
    assert world.cloud.on_air(ROOM) == ["stray"]
    world.supervisor.found(ROOM, job)
    await world.run(10)
    assert world.cloud.on_air(ROOM) == []


async def test_a_bus_that_fails_as_the_session_moves_does_not_count_twice() -> None:
    world = world_of()
    await world.run(10)
    world.bus.down = world.notes.down = True
    [job_id] = world.cloud.on_air(ROOM)
    world.cloud.become(job_id, JobState.BLOCKED)
    await world.run(30)
    world.bus.down = False
    await world.run(30)
    assert world.cloud.on_air(ROOM) == []  # the note cannot be written
    world.notes.down = False
    await world.run(30)
    assert world.cloud.in_place(ROOM, SPARE) == ["job-2"]
    assert world.tally.total(Count.FAILOVERS) == 1


@pytest.mark.parametrize("note", [Ownership("evening", ms(T0), "job-1", live_ms=ms(T0))])
async def test_without_a_standby_a_blocked_live_is_given_up_as_ever(note: Ownership) -> None:
    world = World(room(on_air()))
    await world.run(10)
    assert world.notes.stored[ROOM] == note
    await lost(world, JobState.BLOCKED)
    assert world.cloud.count("start") == 1
    assert set(world.alerts.now) == {AlertKind.BLOCKED}
