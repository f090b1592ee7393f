from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import formatdate

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livecue.metastudio import AkSkAuth, MetaStudio, MetaStudioError, sign
from livecue.metastudio.signing import canonical_path
from metastudio.serving import AK, PROJECT, SK, Answer, Asked, Cloud, vendor_sign, verified

NOW_MS = 1_795_000_000_999
ODD = st.sampled_from(
    [*" %/~+.&=;:@!$'()*,-_?#[]{}|^\\\"<>aZ9", "é", "中", "🙂", "%20", "%2F", "%C3%A9", "..", "//"]
)
TEXTS = st.lists(ODD, max_size=12).map("".join)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "get"])
QUERIES = st.lists(st.tuples(TEXTS | ANY_TEXT, TEXTS | ANY_TEXT), max_size=5)
BODIES = st.binary(max_size=64) | ANY_TEXT.map(str.encode)
TIMES = st.integers(0, 4_102_415_999_000)


@given(
    METHODS,
    (TEXTS | ANY_TEXT).map("/{}".format),
    QUERIES,
    BODIES,
    TIMES,
    st.sampled_from(["", "application/json", "application/json;charset=UTF-8"]),
)
def test_the_signature_equals_the_vendors(
    method: str, path: str, query: list[tuple[str, str]], body: bytes, at_ms: int, content_type: str
) -> None:
    headers = {
        "Host": "metastudio.cn-north-4.myhuaweicloud.com",
        "X-Project-Id": PROJECT,
        "X_Odd": "unsigned",
    }
    headers |= {"Content-Type": content_type, "X-Spaced": "  a  b "} if content_type else {}
    ours = sign(method, path, query, headers, body, ak=AK, sk=SK, at_ms=at_ms)
    theirs = vendor_sign(method, path, query, headers | {"X-Sdk-Date": ours["X-Sdk-Date"]}, body)
    assert ours["Authorization"] == theirs


def signed_request(method: str, url: str, body: bytes, params: dict[str, str] | None = None) -> Asked:
    request = httpx.Request(method, url, content=body, params=params)
    request = next(AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS).sync_auth_flow(request))
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return Asked(request.method, path, query, dict(request.headers), request.content)


@given(METHODS, TEXTS, TEXTS, BODIES)
@example("GET", "a%2fb/../c//d/.", "b=2&a=1&a=&a=0&&x=1+2&y=%2B&z", b"")
@example("GET", "%FF", "%FF=%zz&=&+", b"\xff")
def test_what_goes_over_the_wire_is_what_was_signed(method: str, path: str, query: str, body: bytes) -> None:
    assert verified(signed_request(method, f"https://metastudio.example.com:8443/{path}?{query}", body))


@given(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4))
def test_query_values_given_as_parameters_arrive_as_they_were(params: dict[str, str]) -> None:
    asked = signed_request("GET", "https://metastudio.example.com/v1/x", b"", params)
    assert verified(asked)
    assert "+" not in asked.query
    assert dict(httpx.QueryParams(asked.query)) == params


def test_each_attempt_is_signed_anew() -> None:
    times = iter([1_000_000_000_000, 1_000_000_060_000])
    auth = AkSkAuth(AK, SK, PROJECT, lambda: next(times))
    request = httpx.Request("GET", "https://metastudio.example.com/v1/x")
    first = next(auth.sync_auth_flow(request)).headers["Authorization"]
    again = next(auth.sync_auth_flow(request)).headers
    assert again["X-Sdk-Date"] == "20010909T014740Z"
    assert again["Authorization"] != first
    assert again["Authorization"].count("Signature=") == 1


def test_the_project_the_host_and_the_content_type_are_signed() -> None:
    asked = signed_request("POST", "https://h.example.com:8443/x", b"{}")
    assert "SignedHeaders=host;x-project-id;x-sdk-date," in asked.headers["authorization"]
    assert asked.headers["host"] == "h.example.com:8443"
    assert asked.headers["x-project-id"] == PROJECT
    sent = httpx.Request("POST", "https://h.example.com", json={})
    header = next(AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS).sync_auth_flow(sent)).headers["Authorization"]
    assert "SignedHeaders=content-type;host;" in header


def test_a_path_ends_in_a_slash_when_signed() -> None:
    assert canonical_path("/a b/%7E") == "/a%20b/~/"
    assert canonical_path("/a/") == "/a/"


@pytest.mark.parametrize("missing", [("", SK, PROJECT), (AK, "", PROJECT), (AK, SK, "")])
def test_an_empty_credential_is_refused_at_once(missing: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match=r"metastudio\.auth"):
        AkSkAuth(*missing, lambda: NOW_MS)


async def test_a_server_verifies_every_call_with_the_vendors_signer(cloud: Cloud, studio: MetaStudio) -> None:
    cloud.will(Answer(body={"job_id": "j", "count": 0, "smart_live_jobs": []}))
    odd_ids = ["a b", "a+b", "ü/ß", "100%", "%41", "~x.y", "a?b#c", "中文", "a;b=c&d", "..a"]
    for odd in odd_ids:
        await studio.start(odd, {"text": "你好 🙂", "n": 1})
        await studio.stop(odd, odd)
        await studio.show(odd, odd)
        await studio.list_jobs(odd, states=["WAITING", odd])
        await studio.list_all_jobs()
        await studio.command(odd, odd, {"command": "x", "params": {}})
        await studio.start_chat(odd, odd, {})
        await studio.show_chat(odd, odd)
        await studio.stop_chat(odd, odd)
    assert len(cloud.asked) == 9 * len(odd_ids)
    assert all(verified(asked) for asked in cloud.asked)


async def test_the_verifier_of_these_tests_notices_a_change(cloud: Cloud, studio: MetaStudio) -> None:
    await studio.stop("room", "job")
    [asked] = cloud.asked
    assert verified(asked)
    assert not verified(Asked(asked.method, asked.path, asked.query, asked.headers, b"{}"))
    assert not verified(Asked(asked.method, f"{asked.path}x", asked.query, asked.headers, asked.body))
    assert not verified(Asked(asked.method, asked.path, "a=", asked.headers, asked.body))


def signed_at(asked: Asked) -> float:
    return datetime.strptime(asked.headers["x-sdk-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


async def stop_with(cloud: Cloud, clock: Callable[[], int], calls: int = 1) -> list[float]:
    """Stop a job that often, by a machine of this clock: how far from now each request was signed."""
    cloud.asked.clear()
    async with MetaStudio(
        cloud.url, PROJECT, AkSkAuth(AK, SK, PROJECT, clock), sleep=lambda _: asyncio.sleep(0)
    ) as studio:
        for _ in range(calls):
            with suppress(MetaStudioError):
                await studio.stop("r", "j")
    return [round(signed_at(asked) - time.time(), -2) for asked in cloud.asked]


def refused() -> Answer:
    error = {"error_code": "APIGW.0301", "error_msg": "X-Sdk-Date is expired"}
    return Answer(401, error, {"Date": formatdate(usegmt=True)})


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_machine_whose_clock_is_hours_off_signs_by_the_gateways_clock(
    cloud: Cloud, hours: int
) -> None:
    cloud.will(refused(), Answer(body={}))
    off_s = hours * 3600
    found = await stop_with(cloud, lambda: round((time.time() + off_s) * 1000), calls=2)
    assert found == [off_s, 0, 0]


async def test_a_clock_that_is_right_again_is_signed_by_again(cloud: Cloud) -> None:
    cloud.will(refused(), Answer(body={}), refused(), Answer(body={}))
    found = await stop_with(
        cloud, lambda: round((time.time() + (3600 if len(cloud.asked) < 2 else 0)) * 1000), 2
    )
    assert found == [3600, 0, -3600, 0]


async def test_a_refusal_that_is_not_for_the_clock_is_not_repeated(cloud: Cloud) -> None:
    cloud.will(refused())
    assert await stop_with(cloud, lambda: round((time.time() + 240) * 1000)) == [200]
