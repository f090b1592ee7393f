"""Starts and stops behind their port, against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from livecue.app.cloud import CloudCommands, CloudJobs, CloudReports, CloudRoom, wall_ms
from livecue.app.limits import Limits
from livecue.domain import ChatLink, CloudError, Cue, CueKind, Meaning, ReportedEvent, RoomKind, Session
from livecue.metastudio import AkSkAuth, MetaStudio, Thing, start_body
from livecue.receiver import AuthType, CallbackRoom, Key
from livecue.runtime.ports import Count
from livecue.sandbox import Sandbox, SandboxOptions, parse_faults
from livecue.supervisor import RoomPlan
from livecue.supervisor.remedies import cured_elsewhere
from supervisor.test_by_hand import Hand

ROOM = "24bad716-87b1-45e5-8912-6102f7693265"
STANDBY = "24bad716-87b1-45e5-8912-6102f7693266"
OUTPUT = {"output_urls": ["rtmp://push/live"], "stream_keys": ["k"]}
HOUR_MS = 3_600_000


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    options = SandboxOptions(room_ids=(ROOM, STANDBY), limits={"*": 0}, start_delay_s=0, seed=3)
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


async def test_how_a_shown_job_calls_back_is_judged_by_the_keys_that_are_good_now(studio: MetaStudio) -> None:
    keys = (Key("old", "key-old", not_after_s=100), Key("new", "key-new"))
    heard = CallbackRoom("a", ROOM, "https://l.example.com/callbacks/a", AuthType.MSS_A_HEAD, keys)
    now_ms = [0]
    started = start_body(OUTPUT, callback_url=heard.public_url, auth_type="MSS_A_HEAD", key="key-old")
    rooms = {"a": CloudRoom(ROOM, start=started, callback=heard)}
    jobs = CloudJobs(studio, rooms, Limits("cn-north-4", {}), now=lambda: now_ms[0])
    job = await jobs.start("a", HOUR_MS)
    assert (await jobs.show("a", job.job_id)).callback_faults == ()
    assert [one.callback_faults for one in await jobs.running("a")] == [None]
    now_ms[0] = 100_000
    assert (await jobs.show("a", job.job_id)).callback_faults == ("key",)
    rooms["a"] = CloudRoom(ROOM, start=OUTPUT)
    assert (await jobs.show("a", job.job_id)).callback_faults is None


async def test_every_call_reaches_a_job_in_the_standby(sandbox: Sandbox, studio: MetaStudio) -> None:
    outputs = (("rtmp://push/live", "k"), ("rtmp://spare/live", "k2"))
    rooms = {"a": CloudRoom(ROOM, start=OUTPUT, outputs=outputs, standby=STANDBY)}
    limits = Limits("cn-north-4", {})
    jobs = CloudJobs(studio, rooms, limits)
    job = await jobs.start("a", HOUR_MS, STANDBY)
    assert (job.place, sandbox.jobs[job.job_id].room_id) == (STANDBY, STANDBY)
    assert await jobs.running("a") == []
    assert [one.place for one in await jobs.running("a", STANDBY)] == [STANDBY]
    assert [(key, at, one.place) for key, at, one in await jobs.everywhere()] == [("a", STANDBY, STANDBY)]
    while job.state != "PROCESSING":
        job = await jobs.show("a", job.job_id, job.place)
    await jobs.refresh_output("a", job.job_id, 1, job.place)
    assert sandbox.jobs[job.job_id].outputs == [("rtmp://spare/live", "k2")]
    commands = CloudCommands(studio, rooms, limits)
    said = await commands.send(
        Cue("c", "a", "", "r", CueKind.SPEAK, 0, 0, text="你好", play_type="APPEND"), job
    )
    assert await commands.unplayed("a", job) == frozenset({said})
    await commands.withdraw("a", job, [said])
    event = ReportedEvent(1, 1, '{"content": "hi"}')
    await CloudReports(studio, rooms).send("a", replace(job, report_url=""), (event,))
    assert sandbox.jobs[job.job_id].reported == 1
    await jobs.stop("a", job.job_id, job.place)
    assert sandbox.jobs[job.job_id].over


async def test_a_chat_job_can_run_in_a_standby_too(sandbox: Sandbox, studio: MetaStudio) -> None:
    spare = await studio.setups.create(Thing.CHAT_ROOM, {"room_name": "spare"})
    chat = CloudRoom("never-made", RoomKind.CHAT, "robot", standby=spare)
    jobs = CloudJobs(studio, {"a": chat}, Limits("cn-north-4", {}))
    with pytest.raises(CloudError) as caught:
        await jobs.start("a", HOUR_MS)
    assert cured_elsewhere(caught.value.meaning)
    job = await jobs.start("a", HOUR_MS, spare)
    shown = await jobs.show("a", job.job_id, job.place)
    assert (shown.place, shown.over) == (spare, False)
    await jobs.stop("a", job.job_id, job.place)
    assert (await jobs.show("a", job.job_id, job.place)).over


async def chats_of(studio: MetaStudio, concurrency: int = 1) -> CloudJobs:
    body = {"room_name": "问答", "concurrency": concurrency}
    room_id = await studio.setups.create(Thing.CHAT_ROOM, body)
    rooms = {"ask": CloudRoom(room_id, RoomKind.CHAT, "robot-7")}
    return CloudJobs(studio, rooms, Limits("cn-north-4", {}))


async def test_a_chat_is_started_with_its_robot_shown_listed_and_stopped(
    sandbox: Sandbox, studio: MetaStudio
) -> None:
    jobs = await chats_of(studio)
    assert await jobs.running("ask") == []
    started = await jobs.start("ask", HOUR_MS)
    assert started.chat == ChatLink(None, "CN", "127.0.0.1:443", "127.0.0.1:8443")
    assert sandbox.chat_jobs[started.job_id].robot_id == "robot-7"
    shown = await jobs.show("ask", started.job_id)
    assert (shown.on_air, shown.chat) == (True, ChatLink(0, "CN", "127.0.0.1:443"))
    assert [job.job_id for job in await jobs.running("ask")] == [started.job_id]
    assert (jobs.lists("ask"), shown.created_ms is not None) == (True, True)
    with pytest.raises(CloudError) as full:
        await jobs.start("ask", HOUR_MS)
    assert full.value.meaning is Meaning.NO_RESOURCE
    await jobs.stop("ask", started.job_id)
    assert await jobs.running("ask") == []
    with pytest.raises(CloudError) as stopped:
        await jobs.stop("ask", started.job_id)
    assert stopped.value.meaning is Meaning.JOB_OVER


@pytest.mark.parametrize(
    ("status", "code"), [(404, "APIGW.0101"), (400, "MSS.00000003"), (403, "APIGW.0305")]
)
async def test_a_cloud_that_does_not_list_chats_is_believed_and_asked_no_more(
    sandbox: Sandbox, studio: MetaStudio, status: int, code: str
) -> None:
    sandbox.inject(
        parse_faults(
            f"faults: [{{target: list_chat_jobs, effect: refuse, status: {status}, error_code: {code}}}]"
        )
    )
    jobs = await chats_of(studio)
    await jobs.start("ask", HOUR_MS)
    assert [await jobs.running("ask") for _ in range(3)] == [[], [], []]
    assert (jobs.lists("ask"), sandbox.struck) == (False, {"list_chat_jobs refuse": 1})


async def test_a_list_of_chats_that_fails_for_now_says_nothing(sandbox: Sandbox, studio: MetaStudio) -> None:
    sandbox.inject(parse_faults("faults: [{target: list_chat_jobs, effect: refuse, status: 503, calls: 1}]"))
    jobs = await chats_of(studio)
    with pytest.raises(CloudError):
        await jobs.running("ask")
    assert jobs.lists("ask")
    await jobs.start("ask", HOUR_MS)
    assert len(await jobs.running("ask")) == 1
