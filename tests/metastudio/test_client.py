from __future__ import annotations

import logging

import pytest

from livecue.domain import Job, Meaning, ReportedEvent
from livecue.metastudio import AkSkAuth, MetaStudio
from metastudio.serving import AK, NOW_MS, PROJECT, SK, Answer, Cloud, failure, serving, studio_at

EVENTS = [ReportedEvent(timestamp=NOW_MS, type=1, content='{"content":"你好"}')]
KEY = "S3CRETKEY"
STALE = Answer(401, {"error_code": "MSS.20010054", "error_msg": f"expired auth_key={KEY} and {KEY}"})


def report_url(base: str) -> str:
    return f"{base}/v1/p/smart-live-rooms/r/smart-live-jobs/j/live-event-report?b=%2B+x&auth_key={KEY}&a="


async def test_each_operation_asks_for_its_documented_path(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(Answer(body={"job_id": "j", "command_id": "c1"}))
    await studio.start("r", {"output_urls": []})
    await studio.stop("r", "j")
    await studio.show("r", "j")
    assert await studio.command("r", "j", {"command": "x"}) == "c1"
    await studio.start_chat("r", "bot")
    await studio.show_chat("r", "j")
    await studio.stop_chat("r", "j")
    live, chat = f"/v1/{PROJECT}/smart-live-rooms/r", f"/v1/{PROJECT}/digital-human-chat/smart-chat-rooms/r"
    assert [(asked.method, asked.path) for asked in cloud.asked] == [
        ("POST", f"{live}/smart-live-jobs"),
        ("POST", f"{live}/smart-live-jobs/j/stop"),
        ("GET", f"{live}/smart-live-jobs/j"),
        ("POST", f"{live}/smart-live-jobs/j/command"),
        ("POST", f"{chat}/smart-chat-jobs"),
        ("GET", f"{chat}/smart-chat-jobs/j/state"),
        ("POST", f"{chat}/smart-chat-jobs/j/stop"),
    ]
    assert cloud.asked[4].query == "robot_id=bot"


async def test_a_start_gives_the_job_with_its_report_url(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(Answer(202, {"job_id": "j1", "live_event_report_url": "https://h/r?auth_key=k", "new": 1}))
    assert await studio.start("r", {}) == Job("j1", "WAITING", "https://h/r?auth_key=k")


async def test_bodies_are_compact_utf8_json(cloud: Cloud, studio: MetaStudio) -> None:
    await studio.command("r", "j", {"command": "x", "params": {"text": "你好"}})
    assert cloud.asked[0].body == '{"command":"x","params":{"text":"你好"}}'.encode()
    assert cloud.asked[0].headers["content-type"] == "application/json"


async def test_a_command_without_an_id_in_its_answer_gives_an_empty_id(
    cloud: Cloud, studio: MetaStudio
) -> None:
    cloud.will(Answer(200, b""))
    assert not await studio.command("r", "j", {"command": "x"})


async def test_lists_are_read_to_the_last_page_newest_first_and_without_repeats(
    cloud: Cloud, studio: MetaStudio, slept: list[float]
) -> None:
    def page(first: int, n: int) -> Answer:
        rows = [{"job_id": f"j{i}", "room_id": "r", "state": "WAITING"} for i in range(first, first + n)]
        return Answer(body={"count": "230", "smart_live_jobs": rows})

    cloud.will(page(0, 100), page(99, 100), page(199, 30))
    jobs = await studio.list_all_jobs(states=["WAITING", "PROCESSING"])
    assert [job.job_id for _, job in jobs] == [f"j{i}" for i in range(229)]
    assert {room for room, _ in jobs} == {"r"}
    assert ["offset=0" in cloud.asked[0].query, "offset=100" in cloud.asked[1].query] == [True, True]
    assert all("sort_dir=desc&sort_key=create_time" in asked.query for asked in cloud.asked)
    assert "state=WAITING%2CPROCESSING" in cloud.asked[0].query
    assert len(cloud.asked) == 3
    assert slept == [1.0, 1.0], "each page is a request of its own to the rate limit"


async def test_a_list_that_takes_longer_than_the_call_may_is_no_list(cloud: Cloud) -> None:
    cloud.will(Answer(body={"count": 900, "smart_live_jobs": [{"job_id": "a"}]}))
    async with studio_at(cloud.url, timeout_s=0.8) as studio:
        failed = await failure(studio.list_jobs("r"))
    assert failed.meaning is Meaning.UNAVAILABLE
    assert "timeout_s" in str(failed)
    assert len(cloud.asked) == 1


def inserts(first: int, n: int, count: int | None) -> Answer:
    rows = [{"command_id": f"c{first + i}", "command": "INSERT_PLAY_SCRIPT", "params": {}} for i in range(n)]
    return Answer(body={"insert_commands": rows} | ({} if count is None else {"count": count}))


async def test_unplayed_inserts_are_read_page_by_page_with_an_overlap_for_what_is_spoken_meanwhile(
    cloud: Cloud, studio: MetaStudio, slept: list[float]
) -> None:
    cloud.will(inserts(0, 100, 130), inserts(91, 39, 129))
    assert await studio.unplayed("r", "j") == {f"c{i}" for i in range(130)}
    assert [asked.query for asked in cloud.asked] == ["limit=100&offset=0", "limit=100&offset=90"]
    assert slept == [1.0]


@pytest.mark.parametrize(("rows", "count"), [(0, 0), (3, 3), (3, None), (100, 100), (99, 200)])
async def test_unplayed_inserts_that_fit_one_page_are_one_request(
    cloud: Cloud, studio: MetaStudio, rows: int, count: int | None
) -> None:
    cloud.will(inserts(0, rows, count))
    assert len(await studio.unplayed("r", "j")) == rows
    assert len(cloud.asked) == 1


@pytest.mark.parametrize("rows", [None, {}, "odd", [5, None, {"command": "x"}, {"command_id": 7}]])
async def test_odd_unplayed_inserts_are_none(cloud: Cloud, studio: MetaStudio, rows: object) -> None:
    cloud.will(Answer(body={"count": 1, "insert_commands": rows}))
    assert await studio.unplayed("r", "j") == frozenset()


async def test_a_list_stops_at_the_newest_asked_for(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(Answer(body={"count": 900, "smart_live_jobs": [{"job_id": "a"}, {"job_id": "b"}]}))
    assert [job.job_id for job in await studio.list_jobs("r", newest=2)] == ["a", "b"]
    assert "limit=2" in cloud.asked[0].query


@pytest.mark.parametrize("rows", [None, [], "odd", [{"state": "no id"}, 5, None]])
async def test_an_odd_list_is_no_jobs_and_ends(cloud: Cloud, studio: MetaStudio, rows: object) -> None:
    cloud.will(Answer(body={"count": 1, "smart_live_jobs": rows}))
    assert await studio.list_jobs("r") == []


@pytest.mark.parametrize("room", ["", ".", ".."])
async def test_an_id_that_would_name_another_path_is_not_sent(
    cloud: Cloud, studio: MetaStudio, room: str
) -> None:
    assert (await failure(studio.stop(room, "j"))).meaning is Meaning.INVALID
    assert cloud.asked == []


async def test_a_report_url_with_a_bare_plus_is_used_as_given_and_not_signed(
    cloud: Cloud, studio: MetaStudio, calls: list[tuple[str, str]]
) -> None:
    url = report_url(cloud.url)
    assert await studio.report(url, EVENTS) is None
    [asked] = cloud.asked
    assert f"{cloud.url}{asked.path}?{asked.query}" == url
    assert "authorization" not in asked.headers
    assert asked.json == {
        "total": 1,
        "events": [{"timestamp": NOW_MS, "type": 1, "content": '{"content":"你好"}'}],
    }
    assert calls == [("report", "ok")]


@pytest.mark.parametrize("query", ["", "?auth_key=k&expires_time=1"])
async def test_a_report_is_signed_as_well_but_on_our_endpoint_only(
    cloud: Cloud, studio: MetaStudio, query: str
) -> None:
    await studio.report(f"{cloud.url}/report{query}", EVENTS)
    assert "authorization" in cloud.asked[0].headers
    async with serving(Cloud()) as other:
        await studio.report(f"{other.url}/report", EVENTS)
        assert not {"authorization", "x-project-id", "x-sdk-date"} & set(other.asked[0].headers)


async def test_a_stale_report_url_is_refreshed_once_and_the_new_one_returned(
    cloud: Cloud, studio: MetaStudio, calls: list[tuple[str, str]], slept: list[float]
) -> None:
    fresh = report_url("https://other.example.com")
    cloud.will(STALE, Answer(body={"live_event_report_url": fresh}))
    assert await studio.report(report_url(cloud.url), EVENTS) == fresh
    assert cloud.asked[1].query == f"{cloud.asked[0].query}&refresh_url=true"
    assert cloud.asked[1].body == cloud.asked[0].body
    assert calls == [("report", Meaning.REPORT_URL_STALE), ("report", "ok")]
    assert slept == [1.0], "the repeat is a request of its own to the rate limit"


async def test_a_report_can_ask_for_a_new_url_in_one_request(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(Answer(body={"live_event_report_url": "https://h/new"}))
    assert await studio.report(report_url(cloud.url), EVENTS, refresh=True) == "https://h/new"
    [asked] = cloud.asked
    assert asked.query.endswith("&refresh_url=true")


@pytest.mark.parametrize("answer", [{}, {"live_event_report_url": {}}, {"live_event_report_url": ""}])
async def test_a_refreshed_report_without_a_new_url_keeps_the_old_one(
    cloud: Cloud, studio: MetaStudio, answer: object
) -> None:
    cloud.will(Answer(body=answer))
    assert await studio.report(report_url(cloud.url), EVENTS, refresh=True) is None


async def test_a_refresh_that_is_stale_all_the_same_is_not_repeated(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(STALE)
    failed = await failure(studio.report(report_url(cloud.url), EVENTS, refresh=True))
    assert failed.meaning is Meaning.REPORT_URL_STALE
    assert len(cloud.asked) == 1


async def test_a_report_url_that_stays_stale_is_asked_no_third_time(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(STALE)
    failed = await failure(studio.report(report_url(cloud.url), EVENTS))
    assert failed.meaning is Meaning.REPORT_URL_STALE
    assert KEY not in str(failed)
    assert len(cloud.asked) == 2


@pytest.mark.parametrize(
    ("code", "meaning"),
    [("MSS.20010077", Meaning.REPORT_URL_DEAD), ("MSS.20010039", Meaning.REPORT_KEY_WRONG)],
)
async def test_a_dead_report_url_is_not_refreshed(
    cloud: Cloud, studio: MetaStudio, code: str, meaning: Meaning
) -> None:
    cloud.will(Answer(401, {"error_code": code}))
    assert (await failure(studio.report(report_url(cloud.url), EVENTS))).meaning is meaning
    assert len(cloud.asked) == 1


@pytest.mark.parametrize(
    "url", [f"http://h.example.com/?auth_key={KEY}", f"ftp://h/{KEY}", f"/{KEY}", "", f"https://[{KEY}/"]
)
async def test_a_report_url_that_is_not_https_is_refused_without_saying_it(
    studio: MetaStudio, url: str
) -> None:
    failed = await failure(studio.report(url, EVENTS))
    assert failed.meaning is Meaning.INVALID
    assert KEY not in str(failed)


@pytest.mark.parametrize("n", [0, 1001])
async def test_a_report_takes_one_to_a_thousand_events(studio: MetaStudio, cloud: Cloud, n: int) -> None:
    failed = await failure(studio.report(report_url(cloud.url), EVENTS * n))
    assert failed.meaning is Meaning.INVALID


async def test_a_start_whose_answer_names_no_job_may_have_started_one(
    cloud: Cloud, studio: MetaStudio
) -> None:
    cloud.will(Answer(202, {}))
    assert (await failure(studio.start("r", {}))).meaning is Meaning.OUTCOME_UNKNOWN


async def test_a_redirect_is_not_followed(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(Answer(307, b"", {"Location": f"{cloud.url}/elsewhere"}))
    failed = await failure(studio.stop("r", "j"))
    assert failed.meaning is Meaning.INVALID
    assert "redirect" in str(failed)
    assert len(cloud.asked) == 1


async def test_nothing_is_retried_inside_the_client(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(Answer(429, {"error_code": "APIGW.0308"}))
    assert (await failure(studio.command("r", "j", {}))).meaning is Meaning.SLOW_DOWN
    assert len(cloud.asked) == 1


async def test_a_body_that_json_cannot_hold_is_refused_before_sending(
    cloud: Cloud, studio: MetaStudio
) -> None:
    for body in ({"text": "\ud800"}, {"text": object()}):
        assert (await failure(studio.command("r", "j", body))).meaning is Meaning.INVALID
    assert cloud.asked == []


async def test_the_secrets_of_a_start_do_not_come_back_in_its_error(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(
        Answer(400, {"error_code": "MSS.20010151", "error_msg": "cannot push with k3y-of-the-stream there"})
    )
    failed = await failure(studio.start("r", {"stream_keys": ["k3y-of-the-stream"]}))
    assert "k3y" not in str(failed)
    assert "cannot push with *** there" in str(failed)


async def test_no_log_line_at_any_level_holds_a_secret(
    cloud: Cloud, studio: MetaStudio, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud.will(Answer(body={"job_id": "j"}, headers={"X-Subject-Token": "S3CRETTOKEN"}))
    await studio.report(report_url(cloud.url), EVENTS)
    await studio.show("r", "j")
    lines = [record.getMessage() for record in caplog.records]
    assert any("HTTP Request: POST" in line and "live-event-report" in line for line in lines)
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    for secret in (KEY, "auth_key", SK, "S3CRETTOKEN", "Signature"):
        assert not [line for line in lines if secret in line]


async def test_nothing_that_can_be_printed_shows_a_key(studio: MetaStudio) -> None:
    shown = f"{studio!r} {studio} {AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS)!r}"
    assert SK not in shown
    assert AK not in shown


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://metastudio.cn-north-4.myhuaweicloud.com",
        "metastudio.cn-north-4.myhuaweicloud.com",
        "https://user:pw@h.example.com",
        "https://h.example.com?x=1",
        "ftp://127.0.0.1",
        "https://",
        "",
    ],
)
def test_an_endpoint_must_be_https_unless_it_is_loopback(endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"metastudio\.endpoint"):
        studio_at(endpoint)


@pytest.mark.parametrize(
    "endpoint", ["http://localhost:1", "http://127.0.0.2", "http://[::1]:8", "https://h.cn/"]
)
async def test_loopback_and_https_endpoints_are_taken(endpoint: str) -> None:
    await studio_at(endpoint).aclose()


def test_a_client_without_a_project_or_a_deadline_is_refused() -> None:
    auth = AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS)
    for project, timeout_s, pool in (("", 1.0, 1), ("..", 1.0, 1), ("p", 0.0, 1), ("p", 1.0, 0)):
        with pytest.raises(ValueError, match="project_id"):
            MetaStudio("https://h.cn", project, auth, timeout_s=timeout_s, pool=pool)
