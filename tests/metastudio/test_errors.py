from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import CloudError, Meaning
from livecue.metastudio import MetaStudio, MetaStudioError, meaning_of, scrub
from livecue.metastudio.errors import MAX_READ_TEXT, error, error_from_answer, secrets_in
from metastudio.serving import Answer, Cloud

ROWS = [
    (429, "APIGW.0308", Meaning.SLOW_DOWN),
    (401, "APIGW.0301", Meaning.UNAUTHENTICATED),
    (429, "MSS.20010035", Meaning.NO_RESOURCE),
    (429, "MSS.20010102", Meaning.NO_RESOURCE),
    (500, "MSS.20010036", Meaning.ALREADY_RUNNING),
    (500, "MSS.20010046", Meaning.JOB_OVER),
    (500, "MSS.20010051", Meaning.JOB_OVER),
    (500, "MSS.20010059", Meaning.JOB_OVER),
    (500, "MSS.20010037", Meaning.JOB_OVER),
    (500, "MSS.20010099", Meaning.NOT_RUNNING),
    (400, "MSS.20010066", Meaning.JOB_OVER),
    (500, "MSS.20010053", Meaning.INVALID),
    (400, "MSS.20010110", Meaning.INVALID),
    (400, "MSS.20010151", Meaning.INVALID),
    (400, "MSS.20010070", Meaning.INVALID),
    (500, "MSS.20010055", Meaning.TEXT_REFUSED),
    (500, "MSS.20010007", Meaning.TEXT_REFUSED),
    (500, "MSS.20010080", Meaning.TEXT_REFUSED),
    (500, "MSS.20010015", Meaning.MARKUP_REFUSED),
    (400, "MSS.20010147", Meaning.NOT_PUSHED),
    (400, "MSS.20010153", Meaning.NO_VOICE),
    (403, "MSS.20010065", Meaning.QUOTA),
    (403, "MSS.20010154", Meaning.QUOTA),
    (403, "MSS.00022003", Meaning.QUOTA),
    (200, "MSS.20010118", Meaning.JOB_OVER),
    (401, "MSS.20010039", Meaning.REPORT_KEY_WRONG),
    (401, "MSS.20010054", Meaning.REPORT_URL_STALE),
    (401, "MSS.20010077", Meaning.REPORT_URL_DEAD),
    (401, "MSS.00000001", Meaning.UNAUTHENTICATED),
    (400, "MSS.00000003", Meaning.INVALID),
    (500, "MSS.00000004", Meaning.UNAVAILABLE),
    (400, "", Meaning.INVALID),
    (401, "", Meaning.UNAUTHENTICATED),
    (403, "MSS.99999999", Meaning.FORBIDDEN),
    (404, "APIGW.0101", Meaning.NOT_FOUND),
    (408, "", Meaning.UNAVAILABLE),
    (429, "", Meaning.SLOW_DOWN),
    (302, "", Meaning.INVALID),
    (500, "", Meaning.UNAVAILABLE),
    (400, "MSS.20010074", Meaning.JOB_OVER),
    (403, "MSS.20010076", Meaning.JOB_OVER),
    (400, "MSS.47010065", Meaning.JOB_OVER),
    (400, "MSS.47010123", Meaning.JOB_OVER),
    (200, "MSS.20010116", Meaning.JOB_OVER),
    (403, "MSS.20010075", Meaning.QUOTA),
    (403, "MSS.20010139", Meaning.QUOTA),
    (500, "MSS.47010006", Meaning.QUOTA),
    (403, "MSS.20010135", Meaning.NO_RESOURCE),
    (400, "MSS.47010001", Meaning.NOT_FOUND),
    (400, "MSS.47010034", Meaning.NOT_FOUND),
    (500, "MSS.47010037", Meaning.UNAVAILABLE),
    (503, "MSS.new", Meaning.UNAVAILABLE),
]


@pytest.mark.parametrize(("status", "code", "meaning"), ROWS)
def test_each_documented_answer_has_its_meaning(status: int, code: str, meaning: Meaning) -> None:
    assert meaning_of(status, code) is meaning


@given(st.integers(300, 999), st.text(max_size=20))
def test_any_answer_has_some_meaning(status: int, code: str) -> None:
    assert meaning_of(status, code) in Meaning


async def test_each_row_arrives_as_a_typed_error_with_its_facts(
    cloud: Cloud, studio: MetaStudio, calls: list[tuple[str, str]]
) -> None:
    for status, code, meaning in ROWS:
        if 200 <= status < 300:
            continue
        body = {"error_code": code, "error_msg": f"says {code}!"}
        cloud.will(Answer(status, body, {"X-Request-Id": "req-7", "Retry-After": "3"}))
        with pytest.raises(MetaStudioError) as caught:
            await studio.command("room", "job", {"command": "x"})
        failed = caught.value
        assert isinstance(failed, CloudError)
        assert (failed.meaning, failed.status, failed.error_code) == (meaning, status, code)
        assert (failed.request_id, failed.retry_after_s) == ("req-7", 3.0)
        assert f"says {code}!" in str(failed)
        assert f"HTTP {status}" in str(failed)
        assert "req-7" in str(failed)
        assert calls[-1] == ("command", meaning)


@pytest.mark.parametrize("meaning", list(Meaning))
def test_every_meaning_says_what_happened_and_the_remedy(meaning: Meaning) -> None:
    text = str(error("start", meaning))
    assert text.startswith("start failed: ")
    assert len(text.split(". ")) >= 2


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"[]", b"\xff", b'"x"', b'{"error_code": 5}', b"null"]
)
def test_a_refusal_that_is_not_the_documented_json_is_read_by_its_status(body: bytes) -> None:
    failed = error_from_answer("show", 503, {}, body)
    assert failed.meaning is Meaning.UNAVAILABLE
    assert failed.status == 503


def test_a_code_without_its_prefix_is_understood() -> None:
    failed = error_from_answer("start", 500, {}, b'{"error_code": "20010036"}')
    assert failed.meaning is Meaning.ALREADY_RUNNING
    assert failed.error_code == "MSS.20010036"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2.0), ("0.5", 0.5), ("-1", None), ("nan", None), ("inf", None), ("soon", None), ("", None)],
)
def test_retry_after_is_read_as_seconds(header: str, seconds: float | None) -> None:
    assert error_from_answer("show", 429, {"retry-after": header}, b"").retry_after_s == seconds


def test_the_vendors_text_is_cut_and_stays_on_one_line() -> None:
    body = json.dumps({"error_code": "X", "error_msg": "长\n" * 1000}).encode()
    text = str(error_from_answer("show", 400, {}, body))
    assert len(text) < 600
    assert "\n" not in text


@pytest.mark.parametrize(
    "text",
    [
        "bad url https://mss.example.com/v1/report?auth_key=S3CRET&expires_time=1",
        "cannot push to rtmp://push.example.com/live/S3CRET",
        "cannot push to rtmp://user:S3CRET@push.example.com/live",
        "bad stream_key: S3CRET",
        'config {"key":"S3CRET"} refused',
        'config {\\"stream_key\\":\\"S3CRET\\"} refused',
        "X-Auth-Token=S3CRET",
        "Authorization: SDK-HMAC-SHA256 Access=S3CRET, SignedHeaders=host, Signature=S3CRET",
        "password = S3CRET",
        "hwSecret=S3CRET&hwTime=1",
        "token " + "S3CRET" * 20,
    ],
)
def test_secrets_in_the_vendors_text_do_not_reach_the_message(text: str) -> None:
    assert "S3CRET" not in scrub(text)


@given(st.text("ЖЩЮ-7", min_size=4).filter(lambda secret: "Ж" in secret), st.text(), st.text())
def test_a_known_secret_never_survives(secret: str, before: str, after: str) -> None:
    assert secret not in str(
        error("start", Meaning.INVALID, detail=before + secret + after, secrets=[secret])
    )


def test_ordinary_words_survive() -> None:
    text = "任务不在运行状态, 任务Id是e87104f76d7546ce8a46ac6b04c49c3c, 状态是WAITING; skip: this"
    assert scrub(text) == text


def test_the_secrets_of_a_request_are_found_wherever_they_stand() -> None:
    body = {
        "output_urls": ["rtmp://h/a"],
        "stream_keys": ["k1"],
        "live_event_callback_config": {"key": "k2", "auth_type": "MSS_A"},
        "params": [{"stream_key": "k3"}],
        "text": "said",
    }
    assert set(secrets_in(body)) == {"rtmp://h/a", "k1", "k2", "k3"}


@pytest.mark.parametrize("piece", ["x", "x-", "key", "key-", "a.", "sk ", "://", "http://", "k=", '\\"', " "])
def test_a_hostile_text_is_scrubbed_in_time_proportional_to_its_length(piece: str) -> None:
    began = time.process_time()
    scrub(piece * (200_000 // len(piece)))
    assert time.process_time() - began < 2, "60,000 letters in a row once took minutes"


def test_a_secret_at_the_cut_of_a_long_text_does_not_come_through_in_part() -> None:
    for length in range(MAX_READ_TEXT - 30, MAX_READ_TEXT + 5):
        said = "https://h/" + "?" + "q" * (length - 11) + " S3CRETKEY more " + "y " * 3000
        assert "S3C" not in str(error("x", Meaning.INVALID, detail=said, secrets=["S3CRETKEY"]))
