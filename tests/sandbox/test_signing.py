"""Signatures against the vendor's own signer and its published answer."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from livecue.sandbox import signing

NOW_S = 1_790_000_000.0
AK, SK = "AKID", "secret"
text = st.text(
    st.characters(codec="utf-8", exclude_characters="/?#%", exclude_categories=["Cc", "Cs"]), max_size=12
)


def sent(
    method: str = "POST",
    path: str = "/v1/p/x",
    query: list[tuple[str, str]] | None = None,
    body: bytes = b"{}",
    sk: str = SK,
    at_s: float = NOW_S,
) -> signing.SignedRequest:
    """The request as the vendor's SDK puts it on the wire."""
    date = datetime.fromtimestamp(at_s, UTC).strftime(signing.DATE_FORMAT)
    headers = {"Content-Type": "application/json", "X-Project-Id": "p", "X-Sdk-Date": date}
    request = SdkRequest(method, "http", "host:80", path, path, query or [], headers, body, None, None)
    signed = Signer(BasicCredentials(AK, sk, "p")).sign(request)
    wire_query = signed.uri.split("?", 1)[1] if "?" in signed.uri else ""
    lower = {name.lower(): value for name, value in signed.header_params.items()}
    return signing.SignedRequest(method, path, wire_query, lower, body)


def verdict(request: signing.SignedRequest, now_s: float = NOW_S) -> str | None:
    return signing.refusal(request, ak=AK, sk=SK, now_s=now_s)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    segments=st.lists(text.filter(bool), min_size=1, max_size=4),
    query=st.dictionaries(text.filter(bool), text, max_size=4),
    body=st.binary(max_size=50),
)
def test_whatever_the_vendor_signs_is_accepted(
    method: str, segments: list[str], query: dict[str, str], body: bytes
) -> None:
    assert verdict(sent(method, "/" + "/".join(segments), list(query.items()), body)) is None


def test_a_signature_of_another_key_is_refused() -> None:
    assert verdict(sent(sk="another")) == "verify aksk signature fail"


def test_a_signature_under_another_name_is_refused() -> None:
    assert signing.refusal(sent(), ak="ANOTHER", sk=SK, now_s=NOW_S) == "verify aksk signature fail"


@pytest.mark.parametrize("change", ["method", "path", "query", "body"])
def test_whatever_is_changed_on_the_way_breaks_the_signature(change: str) -> None:
    request = sent(query=[("limit", "10")])
    changed = {"method": "PUT", "path": "/v1/p/y", "query": "limit=11", "body": b"{ }"}
    assert verdict(request) is None
    assert verdict(signing.SignedRequest(**{**request.__dict__, change: changed[change]})) is not None


def test_a_changed_signed_header_breaks_the_signature() -> None:
    request = sent()
    headers = {**request.headers, "x-project-id": "q"}
    assert verdict(signing.SignedRequest(request.method, request.path, "", headers, request.body)) is not None


@pytest.mark.parametrize(("age_s", "accepted"), [(-901, False), (-899, True), (899, True), (901, False)])
def test_a_signature_holds_for_fifteen_minutes_either_way(age_s: float, *, accepted: bool) -> None:
    assert (verdict(sent(), NOW_S + age_s) is None) is accepted


@pytest.mark.parametrize(
    "authorization", ["", "Bearer x", "SDK-HMAC-SHA256 Access=, SignedHeaders=host, Signature=zz"]
)
def test_an_unreadable_authorization_is_refused(authorization: str) -> None:
    request = sent()
    headers = {**request.headers, "authorization": authorization}
    unreadable = signing.SignedRequest(request.method, request.path, "", headers, request.body)
    assert verdict(unreadable) == "the Authorization header is not readable"


def test_host_and_date_must_be_among_the_signed_headers() -> None:
    request = sent()
    names = request.headers["authorization"].replace("host;", "")
    without = signing.SignedRequest(
        request.method, request.path, "", {**request.headers, "authorization": names}, b"{}"
    )
    assert "SignedHeaders must name host" in str(verdict(without))


def test_the_vendors_published_callback_signature_comes_out() -> None:
    url = "https://api.example.com/v1/products?live_id=111&limit=10&offset=0"
    assert (
        signing.callback_signature(url, "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly", "66df9308")
        == "5e7fe8869a12a87ea966d9edbc02e38cd4ce62c73b8b05c638f15835e78902d7"
    )


def test_a_callback_signature_covers_the_port_and_not_the_scheme() -> None:
    expected = hmac.new(b"k", b"127.0.0.1:80/cb1f", hashlib.sha256).hexdigest()
    assert signing.callback_signature("http://127.0.0.1:80/cb", "k", "1f") == expected
    assert signing.callback_signature("https://127.0.0.1:80/cb", "k", "1f") == expected


def test_a_report_key_is_for_one_job_and_one_expiry() -> None:
    key = signing.report_key("s", "job", 17)
    assert signing.report_key_holds("s", "job", 17, key)
    assert not signing.report_key_holds("s", "job", 18, key)
    assert not signing.report_key_holds("s", "other", 17, key)
