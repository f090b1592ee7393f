"""Live jobs over the API, on a clock that stands still."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from livecue.sandbox import ApiError, SandboxOptions
from sandbox.support import ROOM, Api, offline

JOBS = f"/smart-live-rooms/{ROOM}/smart-live-jobs"
VIDEO = {"codec": "H264", "bitrate": 4000, "width": 1080, "height": 1920}


def events(count: int = 1, **changes: Any) -> dict[str, Any]:
    event = {"timestamp": 1_690_819_199_000, "type": 1, "content": '{"content":"多少钱"}'} | changes
    return {"total": count, "events": [event] * count}


async def test_a_start_is_accepted_and_the_job_goes_live_after_its_delay(api: Api) -> None:
    response = await api.call("POST", JOBS, {"video_config": VIDEO})
    assert response.status_code == 202
    assert response.headers["X-Request-Id"]
    path = f"{JOBS}/{response.json()['job_id']}"
    assert (await api.ok("GET", path))["state"] == "WAITING"
    api.pass_time(1)
    shown = await api.ok("GET", path)
    assert (shown["state"], shown["start_time"]) == ("PROCESSING", "2026-09-21T14:13:21Z")
    api.pass_time(60)
    assert (await api.ok("GET", path))["duration"] == 60
    assert await api.ok("POST", path + "/stop") == {}
    assert (await api.ok("GET", path))["state"] == "SUCCEED"


async def test_a_lax_sandbox_takes_a_second_start() -> None:
    single = {"job_run_config": {"single_job_in_room": True}}
    async with offline(SandboxOptions(room_ids=(ROOM,), enforce_single_job=False)) as api:
        assert await api.start(single) != await api.start(single)


async def test_stopping_twice_is_refused(api: Api) -> None:
    path = api.job(await api.start())
    await api.ok("POST", path + "/stop")
    assert await api.refusal("POST", path + "/stop") == (400, "MSS.20010066")


async def test_a_room_that_does_not_exist_cannot_go_live(api: Api) -> None:
    assert await api.refusal("POST", "/smart-live-rooms/nowhere/smart-live-jobs", {}) == (400, "MSS.20010045")


async def test_with_any_room_every_room_exists() -> None:
    async with offline(SandboxOptions(any_room=True)) as api:
        await api.start(room="made-up")
        assert (await api.ok("GET", "/smart-live-rooms/made-up"))["room_id"] == "made-up"


@pytest.mark.parametrize("live", [True, False])
async def test_single_job_in_room_refuses_a_second_start(api: Api, *, live: bool) -> None:
    single = {"job_run_config": {"single_job_in_room": True}}
    first = await api.start(single, live=live)
    assert await api.refusal("POST", JOBS, single) == (500, "MSS.20010036")
    await api.start({})
    await api.ok("POST", api.job(first) + "/stop")
    assert await api.refusal("POST", JOBS, single) == (500, "MSS.20010036")


async def test_a_job_is_found_in_its_own_room_only(api: Api) -> None:
    job_id = await api.start()
    assert await api.refusal("GET", f"/smart-live-rooms/other/smart-live-jobs/{job_id}") == (
        500,
        "MSS.20010046",
    )
    assert await api.refusal("POST", f"{JOBS}/nothing/stop") == (500, "MSS.20010046")


@pytest.mark.parametrize(
    "body",
    [
        {"output_urls": ["rtmp://a/b", "rtmp://c/d"]},
        {"output_urls": ["http://a/b"]},
        {"output_urls": "rtmp://a/b"},
        {"stream_keys": ["k"]},
        {"video_config": {**VIDEO, "width": 1280, "height": 720}},
        {"video_config": {**VIDEO, "bitrate": 999}},
        {"video_config": {**VIDEO, "codec": "AV1"}},
        {"video_config": {}},
        {"live_event_callback_config": {"live_event_type_callback_url": "https://a/" + "x" * 2048}},
        {"live_event_callback_config": {"live_event_type_callback_url": "ftp://a/"}},
        {"live_event_callback_config": {"auth_type": "BASIC"}},
        {"live_event_callback_config": {"auth_type": "MSS_A"}},
        {"live_event_callback_config": {"key": "k" * 33}},
        {"live_event_callback_config": {"callback_event_type": ["EVERYTHING"]}},
        {"play_policy": {"repeat_count": 101}},
        {"play_policy": {"repeat_count": True}},
        {"play_policy": {"live_exit_config": {"max_live_duration": 169}}},
        {"play_policy": {"live_exit_config": {"auto_stop_mode": "SOON"}}},
        {"play_policy": []},
        {"job_run_config": {"single_job_in_room": "yes"}},
    ],
)
async def test_a_start_outside_the_documented_ranges_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert await api.refusal("POST", JOBS, body) == (400, "MSS.00000003")
    assert api.sandbox.jobs == {}


async def test_fields_the_sandbox_does_not_know_pass(api: Api) -> None:
    await api.start({"something_new": {"x": 1}, "play_policy": {"newer": True}})


async def test_the_start_answers_what_a_client_needs(api: Api) -> None:
    config = {"live_event_type_callback_url": "https://example.com/cb", "auth_type": "MSS_A_HEAD", "key": "k"}
    policy = {"live_exit_config": {"max_live_duration": 4}}
    answer = await api.ok("POST", JOBS, {"live_event_callback_config": config, "play_policy": policy})
    assert answer["live_event_callback_config"] == config
    assert answer["limit_duration"] == 4
    assert {"warning_type": "TOO_LESS_SCRIPT_ITEMS"} in answer["live_warning_info"]
    assert answer["live_event_report_url"].startswith("http://sandbox/v1/")


async def test_jobs_are_listed_per_room_and_tenant_by_page_state_and_time(api: Api) -> None:
    ids = []
    for _ in range(3):
        ids.append(await api.start())
        api.pass_time(10)
    await api.ok("POST", api.job(ids[0]) + "/stop")

    async def listed(path: str, **query: Any) -> list[str]:
        return [job["job_id"] for job in (await api.ok("GET", path, **query))["smart_live_jobs"]]

    for path in (JOBS, "/smart-live-jobs"):
        assert await listed(path) == ids
        assert await listed(path, sort_dir="desc", limit=2) == [ids[2], ids[1]]
        assert await listed(path, offset=1, limit=1) == [ids[1]]
        assert await listed(path, state="WAITING,PROCESSING") == ids[1:]
        assert await listed(path, create_since="2026-09-21T14:13:25Z") == ids[1:]
        assert (await api.ok("GET", path, limit=1))["count"] == 3
    assert await listed("/smart-live-jobs", room_name="nobody") == []
    assert await listed("/smart-live-jobs", sort_key="update_time", sort_dir="desc", limit=1) == [ids[0]]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"offset": -1},
        {"offset": "x"},
        {"sort_dir": "up"},
        {"create_since": "now"},
    ],
)
async def test_a_query_outside_its_range_is_refused(api: Api, query: dict[str, Any]) -> None:
    await api.start()
    assert await api.refusal("GET", JOBS, **query) == (400, "MSS.00000003")


async def test_reported_events_are_kept_and_counted(api: Api) -> None:
    job_id = await api.start()
    assert await api.ok("POST", api.job(job_id) + "/live-event-report", events(3)) == {}
    assert [record.event["type"] for record in api.sandbox.reports] == [1, 1, 1]
    assert api.sandbox.reports[0].job_id == job_id
    assert api.sandbox.totals["events"] == api.sandbox.jobs[job_id].reported == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"total": 2, "events": events()["events"]},
        {"total": 0, "events": []},
        events(1001),
        events(timestamp="now"),
        events(timestamp=None),
        events(type=101),
        events(content={"content": "x"}),
        {"total": 1, "events": ["x"]},
    ],
)
async def test_a_report_that_is_not_as_documented_is_refused(api: Api, body: dict[str, Any]) -> None:
    job_id = await api.start()
    assert await api.refusal("POST", api.job(job_id) + "/live-event-report", body) == (400, "MSS.00000003")


async def test_only_a_running_job_takes_reports_and_commands(api: Api) -> None:
    job_id = await api.start(live=False)
    command = {"command": "GET_CURRENT_PLAYING_SCRIPTS"}
    for state in ("WAITING", "SUCCEED"):
        for name, body in (("live-event-report", events()), ("command", command)):
            response = await api.call("POST", f"{api.job(job_id)}/{name}", body)
            assert (response.status_code, response.json()["error_code"]) == (500, "MSS.20010099")
            assert job_id in response.json()["error_msg"]
            assert state in response.json()["error_msg"]
        if state == "WAITING":
            await api.ok("POST", api.job(job_id) + "/stop")


async def report_by_url(api: Api, url: str, **query: str) -> tuple[int, Any]:
    parts = urlsplit(url)
    params = {name: values[0] for name, values in parse_qs(parts.query).items()} | query
    response = await api.client.post(parts.path, params=params, json=events())
    return response.status_code, response.json().get("error_code", response.json())


async def test_the_report_url_lives_expires_is_refreshed_and_dies() -> None:
    options = SandboxOptions(room_ids=(ROOM,), limits={"*": 0}, report_key_ttl_s=600, report_key_grace_s=300)
    async with offline(options) as api:
        job_id = await api.start()
        url = (await api.ok("GET", api.job(job_id)))["live_event_report_url"]
        assert await report_by_url(api, url) == (200, {})
        api.pass_time(600)
        assert await report_by_url(api, url) == (401, "MSS.20010054")
        status, answer = await report_by_url(api, url, refresh_url="true")
        assert status == 200
        assert await report_by_url(api, answer["live_event_report_url"]) == (200, {})
        api.pass_time(300)
        assert await report_by_url(api, url, refresh_url="true") == (401, "MSS.20010077")
        url = (await api.ok("GET", api.job(job_id)))["live_event_report_url"]
        assert await report_by_url(api, url) == (200, {})
        assert api.sandbox.totals["events"] == 4


async def test_a_report_key_cannot_be_made_up_or_prolonged_or_used_elsewhere(api: Api) -> None:
    first, second = await api.start(), await api.start()
    url = (await api.ok("GET", api.job(first)))["live_event_report_url"]
    refused = (401, "MSS.20010039")
    assert await report_by_url(api, url, auth_key="0" * 64) == refused
    assert await report_by_url(api, url, expires_time="4102415999000") == refused
    assert await report_by_url(api, url, expires_time="soon") == refused
    assert await report_by_url(api, url.replace(first, second)) == refused
    assert await report_by_url(api, url.replace(api.sandbox.project_id, "other")) == refused
    assert api.sandbox.totals["events"] == 0


async def test_the_report_key_may_come_in_the_sdks_headers(api: Api) -> None:
    url = urlsplit((await api.ok("GET", api.job(await api.start())))["live_event_report_url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    headers = {"x-mss-auth-key": query["auth_key"], "x-mss-expires-time": query["expires_time"]}
    assert (await api.client.post(url.path, json=events(), headers=headers)).status_code == 200


async def test_the_cloud_may_fail_or_block_a_job(api: Api) -> None:
    failed, blocked = await api.start(), await api.start()
    api.sandbox.end_job(failed, "FAILED", ApiError(200, "MSS.20010118", "直播失去心跳超时"))
    api.sandbox.end_job(blocked, "BLOCKED")
    shown = await api.ok("GET", api.job(failed))
    assert (shown["state"], shown["error_info"]["error_code"]) == ("FAILED", "MSS.20010118")
    assert (await api.ok("GET", api.job(blocked)))["state"] == "BLOCKED"
    with pytest.raises(ValueError, match="outcome: 'LATE' is no end"):
        api.sandbox.end_job(failed, "LATE")


async def test_a_fault_can_be_ordered_for_the_next_calls(api: Api) -> None:
    api.sandbox.fail_next("start", ApiError(429, "MSS.20010035", "没有足够的资源开播"), times=2)
    assert [await api.refusal("POST", JOBS, {}) for _ in range(2)] == [(429, "MSS.20010035")] * 2
    await api.start()


async def test_memory_stays_bounded_over_many_jobs() -> None:
    async with offline(SandboxOptions(room_ids=(ROOM,), limits={"*": 0}, keep=5)) as api:
        for _ in range(12):
            job_id = await api.start()
            await api.ok("POST", api.job(job_id) + "/live-event-report", events(3))
            await api.command(job_id, "GET_CURRENT_PLAYING_SCRIPTS")
            await api.ok("POST", api.job(job_id) + "/stop")
        assert len(api.sandbox.jobs) <= 6
        assert len(api.sandbox.reports) == len(api.sandbox.commands) == 5
        assert api.sandbox.totals["events"] == 36
