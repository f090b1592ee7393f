"""The plan against what runs in the cloud: start, adopt, stop, start again, never twice.

One daemon has a room for each case, so that their waiting overlaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from acceptance.cloud import Cloud, Fault
from acceptance.processes import Livecue, free_port, until
from acceptance.shapes import RunningJob
from acceptance.writing import bus_of, config, danmaku, once, pack, room, rule

UNANSWERED: Mapping[str, dict[str, Any]] = {
    "never-answered": {"hang": True, "happens": True},
    "bare-500": {"status": 500, "code": "MSS.00000004", "happens": True},
    "gateway-504": {"status": 504, "code": "APIGW.0201", "happens": True},
}
REFUSED: Mapping[str, dict[str, Any]] = {
    "over-the-limit": {"status": 429, "code": "APIGW.0308"},
    "no-resource": {"status": 429, "code": "MSS.20010035"},
    "internal-error": {"status": 500, "code": "MSS.00000004"},
}
UNPLANNED = ("attach", "stop", "ignore")


class Plan(NamedTuple):
    cloud: Cloud
    daemon: Livecue
    rooms: Mapping[str, str]
    found: Mapping[str, RunningJob]

    def calls(self, operation: str, key: str) -> int:
        return len(self.cloud.of(operation, self.rooms[key]))

    def live(self, key: str) -> list[RunningJob]:
        return self.cloud.live(self.rooms[key])

    def logged(self, event: str, key: str) -> list[dict[str, Any]]:
        return [line for line in self.daemon.logged(event) if line["room"] == key]


def rooms_of_the_plan(rules: list[str]) -> list[dict[str, Any]]:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    cron = {"name": "n", "cron": "* * * * *", "duration": "90m", "timezone": "Asia/Shanghai"}
    later = {"name": "o", "cron": f"{tomorrow:%M %H %d %m} *", "duration": 600}
    return [
        room("cron", sessions=[cron]),
        room("tomorrow", sessions=[later]),
        *(room(key, rules, sessions=[], unplanned=key) for key in UNPLANNED),
        room("found", rules, sessions=[once(20)], report="all"),
        room("overtaken"),
        *(room(key) for key in (*UNANSWERED, *REFUSED)),
        room("quota"),
        room("failing", rules),
        room("blocked"),
        room("stubborn", sessions=[once(18)]),
        room("cut-short", sessions=[once(15)]),
    ]


def faults_of_the_plan(ids: Mapping[str, str]) -> list[Fault]:
    return [
        Fault("start", status=500, code="MSS.20010036", happens=True, room_id=ids["overtaken"]),
        *(Fault("start", room_id=ids[key], **how) for key, how in {**UNANSWERED, **REFUSED}.items()),
        Fault("start", status=403, code="MSS.20010065", times=9, room_id=ids["quota"]),
        Fault("stop", status=500, code="MSS.00000004", room_id=ids["stubborn"]),
        Fault("stop", hang=True, room_id=ids["stubborn"]),
        Fault("start", hang=True, happens=True, room_id=ids["cut-short"]),
    ]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    folder = tmp_path_factory.mktemp("plan")
    cloud = Cloud(free_port())
    cloud.up()
    rules = [rule("r", "问", "答"), rule("once", "只一次", "就一次", time_window=-1)]
    rooms = rooms_of_the_plan([pack(folder / "rules", rules)])
    ids = {one["key"]: one["room_id"] for one in rooms}
    cloud.faults += faults_of_the_plan(ids)
    found = {key: cloud.begin_job(ids[key]) for key in (*UNPLANNED, "found")}
    daemon = Livecue(folder, config(cloud, rooms, dispatch={"max_age_s": 5}))
    daemon.up_and_ready()
    yield Plan(cloud, daemon, ids, found)
    daemon.terminate()
    cloud.down()
    assert cloud.gate.violations == []
    assert cloud.complaints == []


async def test_a_job_found_running_is_adopted_by_looking_before_starting(plan: Plan) -> None:
    room_id = plan.rooms["found"]
    async with bus_of(plan.daemon) as bus:
        await bus.publish("found", danmaku("问"))
        await until(lambda: plan.cloud.said(room_id) and plan.cloud.reported(room_id))
    await until(lambda: plan.found["found"].over, 30, "an adopted job is stopped with its session")
    assert plan.calls("start", "found") == 0


async def test_a_cron_session_goes_live_and_another_days_does_not(plan: Plan) -> None:
    await until(lambda: plan.live("cron"))
    assert plan.calls("start", "tomorrow") == 0


@pytest.mark.parametrize("unplanned", UNPLANNED)
async def test_a_job_nobody_planned_is_attached_stopped_or_ignored(plan: Plan, unplanned: str) -> None:
    job = plan.found[unplanned]
    room_id = plan.rooms[unplanned]
    if unplanned == "stop":
        await until(lambda: job.over)
    async with bus_of(plan.daemon) as bus:
        await bus.publish(unplanned, danmaku("问"))
        reason = "sent" if unplanned == "attach" else "no_job"
        await until(lambda: plan.daemon.metric("livecue_cues_total", room=unplanned, reason=reason) == 1, 20)
    assert plan.calls("stop", unplanned) == (1 if unplanned == "stop" else 0)
    assert plan.cloud.said(room_id) == (["答"] if unplanned == "attach" else [])
    assert job.over == (unplanned == "stop")
    assert plan.calls("start", unplanned) == 0


async def test_a_job_that_comes_up_between_look_and_start_is_adopted(plan: Plan) -> None:
    await until(lambda: plan.logged("job-started", "overtaken"))
    assert plan.calls("start", "overtaken") == 1
    assert len(plan.live("overtaken")) == 1


@pytest.mark.parametrize("key", UNANSWERED)
async def test_a_start_whose_outcome_is_unknown_is_looked_up_and_not_repeated(plan: Plan, key: str) -> None:
    await until(lambda: plan.logged("job-started", key), 15)
    assert plan.calls("start", key) == 1
    assert [job.job_id for job in plan.live(key)] == [plan.logged("job-started", key)[0]["job_id"]]


@pytest.mark.parametrize("key", REFUSED)
async def test_a_start_that_was_refused_for_now_is_tried_again(plan: Plan, key: str) -> None:
    await until(lambda: plan.logged("job-started", key), 15)
    assert plan.calls("start", key) == 2
    assert len(plan.live(key)) == 1


async def test_a_job_that_fails_in_mid_session_is_started_again_and_answers_anew(plan: Plan) -> None:
    said = plan.rooms["failing"]
    async with bus_of(plan.daemon) as bus:
        await bus.publish("failing", danmaku("只一次"))
        await until(lambda: plan.cloud.said(said) == ["就一次"])
        [first] = plan.live("failing")
        first.end("FAILED", "MSS.20010118")
        await until(lambda: plan.live("failing"), 20)
        [second] = plan.live("failing")
        assert second.job_id != first.job_id
        await until(lambda: len(plan.logged("job-started", "failing")) == 2)
        await bus.publish("failing", danmaku("只一次"))
        await until(lambda: len(plan.cloud.said(said)) == 2, 10, "state is per live job")
    assert plan.cloud.of("command", said)[-1].job_id == second.job_id


async def test_a_stop_that_fails_is_asked_for_again_until_the_job_is_over(plan: Plan) -> None:
    room_id = plan.rooms["stubborn"]
    [job] = [job for job in plan.cloud.jobs.values() if job.room_id == room_id]
    await until(lambda: job.over, 30, "the job was not stopped")
    assert plan.calls("stop", "stubborn") == 3


async def test_a_job_whose_start_was_never_answered_is_stopped_with_its_session_too(plan: Plan) -> None:
    room_id = plan.rooms["cut-short"]
    jobs = [job for job in plan.cloud.jobs.values() if job.room_id == room_id]
    assert len(jobs) == 1
    await until(lambda: jobs[0].over, 15, "a job goes on for ever")


async def test_a_blocked_job_and_one_without_quota_are_not_started_again(plan: Plan) -> None:
    await until(lambda: plan.logged("job-started", "blocked"))
    plan.live("blocked")[0].end("BLOCKED")
    await until(lambda: plan.logged("job-blocked", "blocked"), 15)
    assert plan.logged("start-refused", "quota")
    assert plan.calls("start", "quota") == 1
    assert plan.calls("start", "blocked") == 1
