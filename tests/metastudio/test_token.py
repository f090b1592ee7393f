from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator

import pytest

from livecue.domain import Meaning, ReportedEvent
from livecue.metastudio import MetaStudio, MetaStudioError, TokenAuth
from metastudio.serving import PROJECT, Answer, Cloud, failure, serving, silent

HOUR_MS = 3600 * 1000
EXPIRES = "2026-11-22T00:00:00.000000Z"
EXPIRES_MS = 1_795_305_600_000
PASSWORD = "p4ss-never-seen"


class Clock:
    def __init__(self) -> None:
        self.ms = EXPIRES_MS - 24 * HOUR_MS
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += round(seconds * 1000)
        await asyncio.sleep(0)


def issued(token: str, expires: str = EXPIRES) -> Answer:
    return Answer(201, {"token": {"expires_at": expires}}, {"X-Subject-Token": token})


UNAUTHORIZED = Answer(401, {"error_code": "MSS.00000001", "error_msg": "Unauthorized"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def iam() -> AsyncIterator[Cloud]:
    async with serving(Cloud()) as running:
        running.will(issued("T1"), issued("T2"), issued("T3"))
        yield running


def auth_at(url: str, clock: Clock, jitter: float = 0.0, timeout_s: float = 2.0) -> TokenAuth:
    return TokenAuth(
        url,
        domain="shop",
        user="live",
        password=PASSWORD,
        project="cn-north-4",
        clock=clock,
        jitter=jitter,
        timeout_s=timeout_s,
        mono=clock,
        sleep=clock.sleep,
    )


@pytest.fixture
async def studio(cloud: Cloud, iam: Cloud, clock: Clock) -> AsyncIterator[MetaStudio]:
    auth = auth_at(iam.url, clock)
    async with MetaStudio(cloud.url, PROJECT, auth, timeout_s=5, sleep=clock.sleep) as client:
        yield client


async def renewal_over(studio: MetaStudio) -> None:
    assert isinstance(studio._auth, TokenAuth)
    if studio._auth._renewal is not None:
        await asyncio.wait([studio._auth._renewal])


def tokens(cloud: Cloud) -> list[str]:
    return [asked.headers["x-auth-token"] for asked in cloud.asked]


async def test_a_token_is_asked_for_once_and_sent_with_every_call(
    studio: MetaStudio, cloud: Cloud, iam: Cloud
) -> None:
    await studio.stop("r", "j")
    await studio.stop("r", "j")
    assert tokens(cloud) == ["T1", "T1"]
    [asked] = iam.asked
    assert (asked.method, asked.path) == ("POST", "/v3/auth/tokens")
    user = {"name": "live", "password": PASSWORD, "domain": {"name": "shop"}}
    assert asked.json == {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "cn-north-4"}},
        }
    }


async def test_many_calls_at_once_share_one_request_to_iam(
    studio: MetaStudio, cloud: Cloud, iam: Cloud
) -> None:
    await asyncio.gather(*(studio.stop("r", str(i)) for i in range(8)))
    assert len(iam.asked) == 1
    assert set(tokens(cloud)) == {"T1"}


async def test_a_token_is_renewed_in_the_last_tenth_of_its_life(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    await studio.stop("r", "j")
    clock.ms = EXPIRES_MS - 145 * 60 * 1000
    await studio.stop("r", "j")
    assert tokens(cloud) == ["T1", "T1"]
    clock.ms = EXPIRES_MS - 143 * 60 * 1000
    await studio.stop("r", "j")
    await renewal_over(studio)
    await studio.stop("r", "j")
    assert tokens(cloud) == ["T1", "T1", "T1", "T2"]
    assert len(iam.asked) == 2


async def test_a_slow_iam_holds_up_no_call_while_the_old_token_is_good(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    await studio.stop("r", "j")
    clock.ms = EXPIRES_MS - HOUR_MS
    async with silent() as url:
        studio._auth._url = f"{url}/v3/auth/tokens"  # type: ignore[attr-defined]
        async with asyncio.timeout(1):
            await asyncio.gather(*(studio.stop("r", "j") for _ in range(4)))
    assert tokens(cloud) == ["T1"] * 5


async def test_jitter_renews_up_to_half_as_much_earlier(cloud: Cloud, iam: Cloud, clock: Clock) -> None:
    async with MetaStudio(cloud.url, PROJECT, auth_at(iam.url, clock, jitter=1.0)) as studio:
        await studio.stop("r", "j")
        clock.ms = EXPIRES_MS - 200 * 60 * 1000
        await studio.stop("r", "j")
        await renewal_over(studio)
    assert len(iam.asked) == 2


async def test_a_good_token_serves_on_while_iam_fails_and_iam_is_asked_less_and_less(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    await studio.stop("r", "j")
    iam.will(Answer(503, b""))
    clock.ms = EXPIRES_MS - 2 * HOUR_MS
    asked_s = []
    for second in range(200):
        before = len(iam.asked)
        await studio.stop("r", "j")
        await renewal_over(studio)
        if len(iam.asked) > before:
            asked_s.append(second)
        clock.ms += 1000
    assert set(tokens(cloud)) == {"T1"}
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked_s)]
    assert pauses == [2, 3, 5, 9, 17, 33, 60, 60]


async def test_without_a_good_token_calls_fail_at_once_while_iam_is_left_alone(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    iam.will(Answer(503, b""), issued("T1"))
    for _ in range(3):
        failed = await failure(studio.command("r", "j", {"command": "x"}))
        assert failed.meaning is Meaning.UNAVAILABLE
    assert (failed.retry_after_s, len(iam.asked)) == (1.01, 1)
    clock.ms += 1010
    await studio.command("r", "j", {"command": "x"})
    assert tokens(cloud) == ["T1"]


@pytest.mark.parametrize(("told", "pause_ms"), [("7", 7_000), ("0", 1_010), ("99999", 300_000), ("x", 1_010)])
async def test_a_429_of_iam_is_honoured(
    studio: MetaStudio, iam: Cloud, clock: Clock, told: str, pause_ms: int
) -> None:
    iam.will(Answer(429, b"", {"Retry-After": told}), issued("T1"))
    assert (await failure(studio.stop("r", "j"))).meaning is Meaning.SLOW_DOWN
    clock.ms += pause_ms - 1
    assert (await failure(studio.stop("r", "j"))).meaning is Meaning.SLOW_DOWN
    assert len(iam.asked) == 1
    clock.ms += 1
    await studio.stop("r", "j")


async def test_iam_is_never_asked_twice_within_a_second(studio: MetaStudio, iam: Cloud, clock: Clock) -> None:
    iam.will(issued("T1", "2026-11-21T00:00:00.100Z"), issued("T2"))
    await studio.stop("r", "j")
    clock.ms += 150
    await studio.stop("r", "j")
    assert (len(iam.asked), clock.slept) == (2, [0.86])


async def test_a_caller_that_gives_up_does_not_make_iam_be_asked_again(
    studio: MetaStudio, cloud: Cloud, iam: Cloud
) -> None:
    first = asyncio.create_task(studio.stop("r", "1"))
    while studio._auth._renewal is None:  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0)
    first.cancel()
    await studio.stop("r", "2")
    assert (len(iam.asked), tokens(cloud)) == (1, ["T1"])
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_wall_clock_that_steps_neither_ages_nor_rejuvenates_a_token(cloud: Cloud, iam: Cloud) -> None:
    wall, mono = Clock(), Clock()
    auth = auth_at(iam.url, wall)
    auth._mono, auth._sleep = mono, mono.sleep
    async with MetaStudio(cloud.url, PROJECT, auth, sleep=mono.sleep) as studio:
        await studio.stop("r", "j")
        wall.ms += 48 * HOUR_MS
        await studio.stop("r", "j")
        wall.ms -= 96 * HOUR_MS
        mono.ms += HOUR_MS
        cloud.will(UNAUTHORIZED, Answer(body={}))
        await studio.stop("r", "j")
    assert tokens(cloud) == ["T1", "T2"]
    assert len(iam.asked) == 2


async def test_a_token_refused_by_the_cloud_is_renewed_once_and_the_call_repeated(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    await studio.stop("r", "j")
    clock.ms += HOUR_MS
    cloud.will(UNAUTHORIZED, Answer(body={"command_id": "c"}))
    assert await studio.command("r", "j", {"command": "x"}) == "c"
    assert tokens(cloud) == ["T1", "T2"]
    assert cloud.asked[0].body == cloud.asked[1].body
    [pause_s] = clock.slept
    assert pause_s == pytest.approx(1.01, abs=0.3), "one window after the refusal, less IAM's time"
    assert pause_s <= 1.01


async def test_a_report_url_that_is_stale_renews_no_token(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    await studio.stop("r", "j")
    clock.ms += HOUR_MS
    cloud.will(Answer(401, {"error_code": "MSS.20010077"}))
    failed = await failure(studio.report(f"{cloud.url}/report", [ReportedEvent(1, 1, "{}")]))
    assert failed.meaning is Meaning.REPORT_URL_DEAD
    assert (len(iam.asked), len(cloud.asked)) == (1, 1)


async def test_a_repeat_that_would_be_too_late_is_not_made_and_nothing_was_done(
    cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    async with MetaStudio(
        cloud.url, PROJECT, auth_at(iam.url, clock), timeout_s=0.9, sleep=clock.sleep
    ) as studio:
        await studio.stop("r", "j")
        clock.ms += HOUR_MS
        cloud.will(UNAUTHORIZED)
        failed = await failure(studio.command("r", "j", {"command": "x"}))
        assert (failed.meaning, len(cloud.asked)) == (Meaning.UNAVAILABLE, 1)
        cloud.will(Answer(body={"command_id": "c"}))
        await studio.command("r", "j", {"command": "x"})
    assert tokens(cloud) == ["T2"]


async def test_a_renewal_that_outlasts_the_call_means_that_nothing_was_done(
    cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    async with (
        silent() as url,
        MetaStudio(cloud.url, PROJECT, auth_at(iam.url, clock), timeout_s=0.3, sleep=clock.sleep) as studio,
    ):
        await studio.stop("r", "j")
        clock.ms += HOUR_MS
        studio._auth._url = f"{url}/v3/auth/tokens"  # type: ignore[attr-defined]
        cloud.will(UNAUTHORIZED)
        assert (await failure(studio.command("r", "j", {"command": "x"}))).meaning is Meaning.UNAVAILABLE


async def test_a_call_refused_after_renewal_is_unauthenticated(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    await studio.stop("r", "j")
    clock.ms += HOUR_MS
    cloud.will(UNAUTHORIZED)
    with pytest.raises(MetaStudioError) as caught:
        await studio.stop("r", "j")
    assert caught.value.meaning is Meaning.UNAUTHENTICATED
    assert len(cloud.asked) == 2
    assert (await failure(studio.stop("r", "j"))).meaning is Meaning.UNAUTHENTICATED
    assert len(cloud.asked) == 3, "a token of less than a minute is not renewed again"
    assert len(iam.asked) == 2


async def test_calls_refused_together_renew_the_token_once(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock
) -> None:
    await studio.stop("r", "j")
    clock.ms += HOUR_MS
    cloud.will(*[UNAUTHORIZED] * 4, Answer(body={}))
    results = await asyncio.gather(*(studio.stop("r", str(i)) for i in range(4)), return_exceptions=True)
    assert len(iam.asked) == 2
    assert results.count(None) >= 1


async def test_wrong_credentials_say_so_without_naming_them(
    studio: MetaStudio, cloud: Cloud, iam: Cloud
) -> None:
    iam.will(
        Answer(401, {"error": {"code": 401, "title": "Unauthorized", "message": f"bad {PASSWORD} given"}})
    )
    with pytest.raises(MetaStudioError, match=r"metastudio\.auth") as caught:
        await studio.command("r", "j", {"command": "x"})
    assert caught.value.meaning is Meaning.UNAUTHENTICATED
    assert PASSWORD not in str(caught.value)
    assert cloud.asked == []


async def test_without_iam_a_call_was_not_sent_and_can_be_repeated(cloud: Cloud, clock: Clock) -> None:
    async with (
        silent() as url,
        MetaStudio(cloud.url, PROJECT, auth_at(url, clock, timeout_s=0.1)) as studio,
    ):
        with pytest.raises(MetaStudioError) as caught:
            await studio.command("r", "j", {"command": "x"})
    assert caught.value.meaning is Meaning.UNAVAILABLE
    assert cloud.asked == []


async def test_a_deadline_that_passes_while_waiting_for_iam_means_that_nothing_was_sent(
    cloud: Cloud, clock: Clock
) -> None:
    async with silent() as url, MetaStudio(cloud.url, PROJECT, auth_at(url, clock), timeout_s=0.1) as studio:
        with pytest.raises(MetaStudioError) as caught:
            await studio.command("r", "j", {"command": "x"})
    assert caught.value.meaning is Meaning.UNAVAILABLE


@pytest.mark.parametrize("body", [{}, {"token": {"expires_at": "soon"}}, {"token": []}, b"x", b"\xff"])
async def test_a_token_without_a_readable_end_lasts_a_day(
    studio: MetaStudio, cloud: Cloud, iam: Cloud, clock: Clock, body: object
) -> None:
    iam.will(Answer(201, body, {"X-Subject-Token": "T1"}), issued("T2"))
    await studio.stop("r", "j")
    clock.ms += 21 * HOUR_MS
    await studio.stop("r", "j")
    assert len(iam.asked) == 1
    clock.ms += 1 * HOUR_MS
    await studio.stop("r", "j")
    await renewal_over(studio)
    assert len(iam.asked) == 2


async def test_an_answer_without_a_token_is_a_failure_of_iam(studio: MetaStudio, iam: Cloud) -> None:
    iam.will(Answer(201, {}))
    with pytest.raises(MetaStudioError, match="X-Subject-Token"):
        await studio.stop("r", "j")


async def test_neither_password_nor_token_is_logged_or_shown(
    studio: MetaStudio, iam: Cloud, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    iam.will(issued("S3CRETTOKEN"))
    await studio.stop("r", "j")
    shown = caplog.text + repr(auth_at(iam.url, clock)) + repr(studio) + repr(vars(studio._auth)["_token"])
    assert PASSWORD not in shown
    assert "S3CRETTOKEN" not in shown


def test_iam_must_be_https_and_every_credential_given(clock: Clock) -> None:
    with pytest.raises(ValueError, match="iam_endpoint"):
        auth_at("http://iam.cn-north-4.myhuaweicloud.com", clock)
    with pytest.raises(ValueError, match="password"):
        TokenAuth("https://iam.cn", domain="d", user="u", password="", project="p", clock=clock)
