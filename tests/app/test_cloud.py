"""The cloud behind the ports: who may call when, report URLs, unplayed inserts, against real servers."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Collection

import pytest

from livecue.app.cloud import CloudCommands, CloudReports, CloudRoom, wall_ms
from livecue.app.limits import Limits
from livecue.domain import CloudError, Cue, CueKind, Job, Meaning, ReportedEvent
from livecue.egress.breaker import State
from livecue.egress.limiter import WINDOW_MS
from livecue.metastudio import AkSkAuth, MetaStudio
from livecue.metastudio.limits import AGAIN_MS
from livecue.sandbox import Sandbox, SandboxOptions
from metastudio.serving import NOW_MS, PROJECT, Answer, Cloud, serving, studio_at
from runtime.making import cue, refusal

ROOM = "24bad716-87b1-45e5-8912-6102f7693265"
EVENTS = (ReportedEvent(NOW_MS, 1, "{}"),)
DOWN = refusal(Meaning.UNAVAILABLE, status=0)


class Clock:
    """A clock that never steps, moved by who sleeps; ties go to who came first."""

    def __init__(self) -> None:
        self.now_ms = 5_000

    def __call__(self) -> int:
        return self.now_ms

    async def sleep(self, seconds: float) -> None:
        until = self.now_ms + round(seconds * 1000)
        for _ in range(3):
            await asyncio.sleep(0)
        self.now_ms = max(self.now_ms, until)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits("cn-north-4", {"show": 2, "stop": 2}, mono=clock, sleep=clock.sleep)


async def end(limits: Limits, operation: str, error: BaseException | None = None) -> None:
    async with limits.slot(operation):
        if error is not None:
            raise error


async def fail(limits: Limits, operation: str, times: int, error: BaseException = DOWN) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            await end(limits, operation, error)


async def test_callers_go_in_order_of_asking_and_never_more_than_the_limit_in_a_second(
    limits: Limits, clock: Clock
) -> None:
    went: list[tuple[int, int]] = []

    async def call(number: int) -> None:
        async with limits.slot("show"):
            went.append((number, clock()))

    await asyncio.gather(*(call(number) for number in range(9)))
    assert [number for number, _ in went] == list(range(9))
    assert all(later - earlier >= 1000 for (_, earlier), (_, later) in zip(went, went[2:], strict=False))


async def test_every_call_tells_how_long_it_waited_for_its_slot(clock: Clock) -> None:
    waits: list[tuple[str, float]] = []
    limits = Limits(
        "cn-north-4",
        {"show": 1},
        mono=clock,
        sleep=clock.sleep,
        waited=lambda operation, seconds: waits.append((operation, seconds)),
    )
    for _ in range(2):
        await end(limits, "show")
    assert waits == [("show", 0.0), ("show", WINDOW_MS / 1000)]


async def test_the_breakers_say_how_they_stand(limits: Limits) -> None:
    assert set(dict(limits.breakers()).values()) == {State.CLOSED}
    await fail(limits, "show", 5)
    assert [name for name, stands in limits.breakers() if stands is not State.CLOSED] == ["show"]


async def test_who_comes_when_a_slot_is_free_goes_after_who_has_waited_for_it(clock: Clock) -> None:
    woken = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await woken.wait()

    limits = Limits("cn-north-4", {"show": 1}, mono=clock, sleep=sleep)
    went: list[str] = []

    async def call(name: str) -> None:
        async with limits.slot("show"):
            went.append(name)
            clock.now_ms += WINDOW_MS
        clock.now_ms += WINDOW_MS

    await end(limits, "show")
    waiting = asyncio.create_task(call("waited"))
    await asyncio.sleep(0)
    clock.now_ms += WINDOW_MS
    late = asyncio.create_task(call("came late"))
    await asyncio.sleep(0)
    woken.set()
    await asyncio.gather(waiting, late)
    assert went == ["waited", "came late"]


async def test_operations_do_not_hold_each_other_up(limits: Limits, clock: Clock) -> None:
    for operation in ("show", "stop", "list"):
        await end(limits, operation)
        await end(limits, operation)
    assert clock() == 5_000


@pytest.mark.parametrize("operation", ["show", "stop"])
async def test_a_429_holds_back_everyone_of_the_operation_stops_included(
    limits: Limits, clock: Clock, operation: str
) -> None:
    await fail(limits, operation, 1, refusal(Meaning.SLOW_DOWN, status=429, retry_after_s=7))
    await end(limits, operation)
    assert 12_000 <= clock() <= 12_300


async def test_an_open_breaker_refuses_at_once_and_says_for_how_long(limits: Limits, clock: Clock) -> None:
    await fail(limits, "list", 5)
    before = clock()
    with pytest.raises(CloudError, match=r"list failed: .*next trial in [12] s.*Try again later") as caught:
        await end(limits, "list")
    assert caught.value.meaning is Meaning.UNAVAILABLE
    assert caught.value.retry_after_s is not None
    assert 1 <= caught.value.retry_after_s <= 1.2
    assert clock() == before
    clock.now_ms += 1_200
    async with limits.slot("list"):
        with pytest.raises(CloudError, match="a trial call is out now"):
            await end(limits, "list")
    assert limits.gate("list").state is State.CLOSED


@pytest.mark.parametrize("operation", ["stop", "stop_chat"])
async def test_a_stop_is_tried_however_often_it_fails(limits: Limits, operation: str) -> None:
    await fail(limits, operation, 20)
    assert not limits.gate(operation).open


async def test_a_cancelled_call_gives_its_slot_back_and_is_no_verdict(limits: Limits, clock: Clock) -> None:
    await fail(limits, "list", 5)
    clock.now_ms += 1_200
    task = asyncio.create_task(hold(limits, "list"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert limits.gate("list").wait_ms(clock()) is None, "the probe is out"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert limits.gate("list").state is State.OPEN
    assert limits.gate("list").wait_ms(clock()) == 0


async def hold(limits: Limits, operation: str) -> None:
    async with limits.slot(operation):
        await asyncio.Event().wait()


async def test_who_is_cancelled_while_waiting_takes_no_slot(clock: Clock) -> None:
    limits = Limits("cn-north-4", {"show": 1}, mono=clock)
    await end(limits, "show")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await end(limits, "show")
    clock.now_ms += WINDOW_MS
    assert limits.gate("show").wait_ms(clock()) == 0


def test_the_clock_of_a_limit_is_one_that_never_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    default = inspect.signature(Limits).parameters["mono"].default
    assert abs(default() - time.monotonic_ns() // 1_000_000) < 1_000


def test_both_sides_mean_the_same_window() -> None:
    assert WINDOW_MS == AGAIN_MS


async def test_an_operation_the_region_does_not_offer_is_refused_by_name() -> None:
    with pytest.raises(CloudError, match=r"start_chat failed.*metastudio\.region") as caught:
        await end(Limits("ap-southeast-3", {}), "start_chat")
    assert caught.value.meaning is Meaning.INVALID


def test_an_unknown_region_has_the_lowest_limits_and_own_numbers_win() -> None:
    lowest = Limits("mars-1", {"command": 1})
    gate = lowest.gate("command")
    gate.take(0)
    assert gate.wait_ms(0) is None
    gate = lowest.gate("report")
    for _ in range(3):
        assert gate.wait_ms(0) == 0
        gate.take(0)
    assert gate.wait_ms(0) is None


class Reporting:
    """A reporter's view of one room, on a wall clock that a test moves."""

    def __init__(self, cloud: Cloud, studio: MetaStudio) -> None:
        self.cloud = cloud
        self.now_ms = NOW_MS
        self.job = Job("j", "PROCESSING", self.url("first", NOW_MS + 24 * 3600_000))
        self.reports = CloudReports(studio, {"a": CloudRoom("r")}, lambda: self.now_ms)

    def url(self, key: str, expires_ms: int) -> str:
        return f"{self.cloud.url}/report?auth_key={key}&expires_time={expires_ms}"

    async def send(self) -> str:
        """The key that was sent, with a + if a new URL was asked for."""
        self.cloud.asked.clear()
        await self.reports.send("a", self.job, EVENTS)
        query = self.cloud.asked[-1].query
        key = query.partition("auth_key=")[2].partition("&")[0]
        assert len(self.cloud.asked) == 1
        return key + ("+" if "refresh_url=true" in query else "")


@pytest.fixture
async def reporting() -> AsyncIterator[Reporting]:
    async with serving(Cloud()) as cloud, studio_at(cloud.url) as studio:
        yield Reporting(cloud, studio)


def gives(url: str) -> Answer:
    return Answer(body={"live_event_report_url": url})


async def test_a_report_url_is_renewed_by_the_next_report_ten_minutes_before_its_end(
    reporting: Reporting,
) -> None:
    assert await reporting.send() == "first"
    reporting.now_ms += 24 * 3600_000 - 600_000
    assert await reporting.send() == "first"
    reporting.now_ms += 1
    reporting.cloud.will(gives(reporting.url("second", reporting.now_ms + 24 * 3600_000)))
    assert await reporting.send() == "first+"
    reporting.cloud.will(Answer(body={}))
    assert await reporting.send() == "second"
    reporting.now_ms += 23 * 3600_000
    assert await reporting.send() == "second"


async def test_a_short_lived_report_url_is_renewed_in_its_last_tenth(reporting: Reporting) -> None:
    reporting.job = Job("j", "PROCESSING", reporting.url("short", NOW_MS + 60_000))
    assert await reporting.send() == "short"
    reporting.now_ms += 54_000
    assert await reporting.send() == "short"
    reporting.now_ms += 1
    assert await reporting.send() == "short+"


async def test_a_report_url_that_has_run_out_is_renewed_without_asking_in_vain(reporting: Reporting) -> None:
    reporting.now_ms += 25 * 3600_000
    assert await reporting.send() == "first+"


async def test_a_report_url_without_a_readable_end_is_used_as_it_is(reporting: Reporting) -> None:
    for url in (
        "/report?auth_key=k",
        "/report?auth_key=k&expires_time=soon",
        "/report?auth_key=k&expires_time=",
    ):
        reporting.job = Job("j", "PROCESSING", reporting.cloud.url + url)
        assert await reporting.send() == "k"


async def test_a_refreshed_url_is_used_until_the_job_shows_one_that_lasts_longer(
    reporting: Reporting,
) -> None:
    reporting.now_ms += 25 * 3600_000
    reporting.cloud.will(gives(reporting.url("second", reporting.now_ms + 3600_000)), Answer(body={}))
    assert await reporting.send() == "first+"
    reporting.job = Job("j", "PROCESSING", reporting.url("older", reporting.now_ms + 1800_000))
    assert await reporting.send() == "second"
    reporting.job = Job("j", "PROCESSING", reporting.url("newer", reporting.now_ms + 7200_000))
    assert await reporting.send() == "newer"


async def test_another_job_never_gets_the_url_of_the_one_before(reporting: Reporting) -> None:
    reporting.now_ms += 25 * 3600_000
    reporting.cloud.will(gives(reporting.url("second", reporting.now_ms + 9 * 3600_000)), Answer(body={}))
    await reporting.send()
    reporting.job = Job("k", "PROCESSING", reporting.url("other", reporting.now_ms + 3600_000))
    assert await reporting.send() == "other"


@pytest.mark.parametrize(
    ("code", "meaning"),
    [("MSS.20010077", Meaning.REPORT_URL_DEAD), ("MSS.20010039", Meaning.REPORT_KEY_WRONG)],
)
async def test_a_refreshed_url_that_is_no_good_is_forgotten_and_the_error_goes_up(
    reporting: Reporting, code: str, meaning: Meaning
) -> None:
    reporting.now_ms += 25 * 3600_000
    reporting.cloud.will(gives(reporting.url("second", reporting.now_ms + 9 * 3600_000)))
    await reporting.send()
    reporting.cloud.will(Answer(401, {"error_code": code, "error_msg": "auth_key=second"}))
    with pytest.raises(CloudError) as caught:
        await reporting.reports.send("a", reporting.job, EVENTS)
    assert caught.value.meaning is meaning
    assert "second" not in str(caught.value)
    reporting.cloud.will(Answer(body={}))
    assert await reporting.send() == "first+"


class Desk:
    """A running live in the sandbox, and our client of it."""

    def __init__(self, sandbox: Sandbox, studio: MetaStudio, job: Job) -> None:
        self.sandbox, self.job = sandbox, job
        self.commands = CloudCommands(studio, {"a": CloudRoom(ROOM)}, Limits("cn-north-4", {}))

    async def say(self, text: str) -> str:
        said = Cue("c", "a", "", "rule-1", CueKind.SPEAK, 0, 0, text=text, play_type="APPEND")
        return await self.commands.send(said, self.job)

    async def unplayed(self) -> Collection[str] | None:
        return await self.commands.unplayed("a", self.job)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    options = SandboxOptions(room_ids=(ROOM,), limits={"*": 0}, start_delay_s=0, seed=3)
    async with Sandbox(options).running() as sandbox:
        auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, wall_ms)
        async with MetaStudio(sandbox.endpoint, sandbox.project_id, auth) as studio:
            job = await studio.start(ROOM, {"output_urls": ["rtmp://push/live"], "stream_keys": ["k"]})
            yield Desk(sandbox, studio, job)


async def test_unplayed_inserts_are_those_not_begun_and_can_be_withdrawn(desk: Desk) -> None:
    first, second, third = [await desk.say(text) for text in ("一", "二", "三")]
    assert await desk.unplayed() == {first, second, third}
    await desk.commands.withdraw("a", desk.job, [second])
    assert await desk.unplayed() == {first, third}
    await desk.commands.withdraw("a", desk.job, [first, third])
    assert await desk.unplayed() == frozenset()


async def test_more_unplayed_inserts_than_a_page_are_all_found(desk: Desk) -> None:
    said = {await desk.say("一") for _ in range(105)}
    assert await desk.unplayed() == said


async def test_a_cloud_that_does_not_know_unplayed_inserts_is_asked_once() -> None:
    async with serving(Cloud()) as cloud, studio_at(cloud.url) as studio:
        cloud.will(Answer(404, {"error_code": "APIGW.0101"}))
        commands = CloudCommands(studio, {"a": CloudRoom("r")}, Limits("cn-north-4", {}))
        for _ in range(2):
            assert await commands.unplayed("a", Job("j", "PROCESSING")) is None
        assert len(cloud.asked) == 1
        assert (
            cloud.asked[0].path
            == f"/v1/{PROJECT}/smart-live-rooms/r/smart-live-jobs/j/command/insert-commands"
        )


async def test_a_rules_review_settings_go_along_with_its_command() -> None:
    async with serving(Cloud()) as cloud, studio_at(cloud.url) as studio:
        commands = CloudCommands(studio, {"a": CloudRoom("r")}, Limits("cn-north-4", {}))
        await commands.send(cue("c1", review_config={"no_need_review": True}), Job("j", "PROCESSING"))
        assert cloud.asked[0].json["review_config"] == {"no_need_review": True}
