"""Injected faults as a client meets them over a real connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from livecue.sandbox import Sandbox, parse_faults
from sandbox.support import ROOM, Api, Clock, Receiver, token_request

JOBS = f"/smart-live-rooms/{ROOM}/smart-live-jobs"
Inject = Callable[..., Any]


@pytest.fixture
async def online(sandbox: Sandbox) -> AsyncIterator[Api]:
    """A client of the listening sandbox that waits for half a second."""
    async with httpx.AsyncClient(base_url=sandbox.endpoint, timeout=0.5, trust_env=False) as client:
        api = Api(sandbox, Clock(time.time()), client)
        response = await client.post("/v3/auth/tokens", json=token_request(sandbox))
        api.headers["X-Auth-Token"] = response.headers["X-Subject-Token"]
        yield api


def inject(api: Api, *lines: str) -> None:
    api.sandbox.inject(parse_faults("faults:\n" + "".join(f"  - {{{line}}}\n" for line in lines)))


async def test_a_refusal_says_what_it_is_told_and_does_nothing(online: Api) -> None:
    inject(online, "target: start, effect: refuse, status: 503, error_code: X.1, error_msg: away, calls: 1")
    response = await online.call("POST", JOBS, {})
    assert (response.status_code, response.json()) == (503, {"error_code": "X.1", "error_msg": "away"})
    assert not online.sandbox.jobs
    assert online.sandbox.refused == {"X.1": 1}
    assert online.sandbox.struck == {"start refuse": 1}
    await online.ok("POST", JOBS, {})


@pytest.mark.parametrize(("given", "header"), [(", retry_after_s: 7", "7"), ("", None)])
async def test_429_comes_with_and_without_retry_after(online: Api, given: str, header: str | None) -> None:
    inject(online, f"target: start, effect: refuse, status: 429, error_code: APIGW.0308{given}")
    response = await online.call("POST", JOBS, {})
    assert (response.status_code, response.headers.get("Retry-After")) == (429, header)


@pytest.mark.parametrize(
    ("effect", "error"), [("hang", httpx.ReadTimeout), ("drop", httpx.RemoteProtocolError)]
)
@pytest.mark.parametrize(("when", "jobs"), [("before", 0), ("after", 1)])
async def test_an_answer_that_never_comes(
    online: Api, effect: str, error: type[Exception], when: str, jobs: int
) -> None:
    inject(online, f"target: start, effect: {effect}, when: {when}, calls: 1")
    with pytest.raises(error):
        await online.call("POST", JOBS, {})
    assert len(online.sandbox.jobs) == jobs
    await online.ok("GET", JOBS)


async def test_a_drop_closes_its_own_connection_alone(online: Api) -> None:
    inject(
        online,
        f"target: list_jobs, effect: slow, latency_s: 0.2, room: {ROOM}",
        "target: start, effect: drop",
    )
    slow = asyncio.create_task(online.ok("GET", JOBS))
    await asyncio.sleep(0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        await online.call("POST", JOBS, {})
    assert await slow == {"count": 0, "smart_live_jobs": []}


@pytest.mark.parametrize(("when", "at_once"), [("before", 0), ("after", 1)])
async def test_a_slow_call_works_before_or_after_the_client_has_given_up(
    online: Api, when: str, at_once: int
) -> None:
    inject(online, f"target: start, effect: slow, latency_s: 0.8, when: {when}")
    with pytest.raises(httpx.ReadTimeout):
        await online.call("POST", JOBS, {})
    assert len(online.sandbox.jobs) == at_once
    await asyncio.sleep(0.5)
    assert len(online.sandbox.jobs) == 1


async def test_it_lies_that_it_is_done(api: Api) -> None:
    inject(api, "target: [start, stop, command], effect: lie, says: done, calls: 2-")
    job_id = await api.start()
    unknown = (await api.ok("POST", JOBS, {}))["job_id"]
    assert (await api.refusal("GET", f"{JOBS}/{unknown}"))[1] == "MSS.20010046"
    assert (await api.command(job_id, "INSERT_PLAY_SCRIPT"))["command_id"]
    assert await api.ok("POST", f"{JOBS}/{job_id}/stop") == {}
    assert list(api.sandbox.jobs) == [job_id]
    assert not api.sandbox.jobs[job_id].over
    assert not api.sandbox.commands


async def test_it_lies_that_it_failed(api: Api) -> None:
    inject(api, "target: start, effect: lie, says: failed, status: 502, error_code: X.2")
    assert await api.refusal("POST", JOBS, {}) == (502, "X.2")
    assert len(api.sandbox.jobs) == 1


async def test_it_lies_that_a_stopped_job_still_runs(api: Api) -> None:
    job_id = await api.start()
    await api.ok("POST", f"{JOBS}/{job_id}/stop")
    inject(api, "target: [show_job, list_jobs], effect: lie, says: running")
    shown = await api.ok("GET", f"{JOBS}/{job_id}")
    assert shown["state"] == "PROCESSING"
    assert "end_time" not in shown
    assert (await api.ok("GET", JOBS, state="PROCESSING"))["count"] == 1
    assert (await api.ok("GET", "/smart-live-jobs"))["smart_live_jobs"][0]["state"] == "SUCCEED"


async def test_a_job_starts_slowly_fails_and_loses_its_heartbeat(api: Api) -> None:
    inject(
        api,
        "target: job, effect: slow, latency_s: 5, calls: 1",
        "target: job, effect: fail, after_s: 3, state: BLOCKED, error_code: MSS.1, error_msg: x, calls: 1",
        "target: job, effect: lose_heartbeat, after_s: 0.5",
    )
    slow, blocked, lost = [await api.start(live=False) for _ in range(3)]
    api.pass_time(2.5)
    states = [api.sandbox.jobs[job_id].state for job_id in (slow, blocked, lost)]
    assert states == ["WAITING", "PROCESSING", "FAILED"]
    shown = await api.ok("GET", f"{JOBS}/{lost}")
    assert shown["error_info"]["error_code"] == "MSS.20010118"
    api.pass_time(4)
    assert [api.sandbox.jobs[job_id].state for job_id in (slow, blocked)] == ["PROCESSING", "BLOCKED"]
    assert (await api.ok("GET", f"{JOBS}/{blocked}"))["error_info"] == {
        "error_code": "MSS.1",
        "error_msg": "x",
    }


async def test_a_chat_job_beats_sleeps_fails_and_is_canceled(api: Api) -> None:
    inject(
        api,
        "target: job, effect: heartbeat, after_s: 3, chat_state: 3, calls: 1",
        "target: job, effect: fail, after_s: 3, state: CANCELED, error_code: MSS.47000007, calls: 1",
        "target: job, effect: lose_heartbeat, after_s: 3, calls: 1",
        "target: job, effect: slow, latency_s: 5",
    )
    room_id = (await api.ok("POST", "/smart-chat-rooms", {"room_name": "四", "concurrency": 4}))["room_id"]
    jobs = f"/digital-human-chat/smart-chat-rooms/{room_id}/smart-chat-jobs"
    started = [(await api.ok("POST", jobs, {}, robot_id="r"))["job_id"] for _ in range(4)]
    api.pass_time(2.5)
    shown = [await api.ok("GET", f"{jobs}/{job_id}/state") for job_id in started]
    assert [one["state"] for one in shown] == ["PROCESSING"] * 3 + ["WAITING"]
    assert await api.refusal("POST", jobs, {}, robot_id="r") == (403, "MSS.20010135")
    api.pass_time(1)
    shown = [await api.ok("GET", f"{jobs}/{job_id}/state") for job_id in started]
    assert [one["state"] for one in shown] == ["HEARTBEAT", "CANCELED", "FAILED", "WAITING"]
    assert [one["chat_state"] for one in shown] == [3, 0, 0, 0]
    assert [one.get("error_info", {}).get("error_code") for one in shown] == [
        *(None, "MSS.47000007", "MSS.20010116", None)
    ]
    assert shown[1]["end_time"] == shown[2]["end_time"]
    assert (await api.ok("GET", jobs, state="WAITING,HEARTBEAT"))["count"] == 2
    await api.ok("POST", jobs, {}, robot_id="r")  # those that ended by themselves leave their places
    await api.ok("POST", f"{jobs}/{started[0]}/stop")
    assert (await api.ok("GET", f"{jobs}/{started[0]}/state"))["state"] == "SUCCEED"
    for job_id in started[:3]:
        assert await api.refusal("POST", f"{jobs}/{job_id}/stop") == (400, "MSS.47010123")


async def test_what_only_chat_jobs_know_does_nothing_to_a_live_job(api: Api) -> None:
    inject(
        api,
        "target: job, effect: heartbeat, calls: 1",
        "target: job, effect: fail, state: CANCELED, error_code: MSS.1",
    )
    jobs = [await api.start() for _ in range(2)]
    api.pass_time(5)
    assert [api.sandbox.jobs[job_id].state for job_id in jobs] == ["PROCESSING", "PROCESSING"]


async def test_a_job_that_is_stopped_before_it_would_fail_has_succeeded(api: Api) -> None:
    inject(api, "target: job, effect: lose_heartbeat, after_s: 9")
    job_id = await api.start()
    await api.ok("POST", f"{JOBS}/{job_id}/stop")
    api.pass_time(20)
    assert api.sandbox.jobs[job_id].state == "SUCCEED"


@asynccontextmanager
async def called_back(api: Api, auth_type: str, *statuses: int) -> AsyncIterator[Receiver]:
    async with Receiver(*statuses).running() as receiver:
        config = {
            "auth_type": auth_type,
            "callback_event_type": ["RTMP_STREAM_STATE_CHANGE"],
            "key": "k" * 32,
            "live_event_type_callback_url": receiver.url + "/c?t=1",
        }
        output = {"output_urls": ["rtmp://a/b"], "stream_keys": ["s"]}
        await api.ok("POST", JOBS, {"live_event_callback_config": config, **output})
        yield receiver


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        ("duplicate, times: 3", ["CONNECTING"] * 3 + ["CONNECTED"] * 3),
        ("drop, calls: 1", ["CONNECTED"]),
        ("slow, latency_s: 0.4, calls: 1", ["CONNECTED", "CONNECTING"]),
        ("forge, calls: 2", ["CONNECTING", "CONNECTED", "CONNECTED"]),
    ],
)
async def test_callbacks_are_repeated_lost_late_and_forged(
    online: Api, fault: str, states: list[str]
) -> None:
    inject(online, f"target: callback, event: RTMP_STREAM_STATE_CHANGE, effect: {fault}")
    async with called_back(online, "MSS_A_HEAD") as receiver:
        await receiver.until(lambda got: len(got) == len(states))
        assert [one.message["state"] for one in receiver.received] == states


async def test_a_forged_callback_is_signed_with_another_key_or_lacks_the_urls_secret(online: Api) -> None:
    inject(online, "target: callback, effect: forge")
    async with called_back(online, "MSS_A_HEAD") as receiver:
        await receiver.until(lambda got: len(got) >= 2)
        forged, true = receiver.received[:2]
        assert forged.body == true.body
        assert forged.headers["x-hw-mss-secret"] != true.headers["x-hw-mss-secret"]
    async with called_back(online, "NONE") as receiver:
        await receiver.until(lambda got: len(got) >= 2)
        assert [one.target for one in receiver.received[:2]] == ["/c", "/c?t=1"]
