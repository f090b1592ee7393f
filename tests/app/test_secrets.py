"""No secret is ever written down, in whatever form it stands."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from livecue.app.logs import configure_logs
from livecue.app.redact import Redactor
from livecue.bus.channels import dead_message

SECRET = 'pa"ss\\wörd/geheim'
FORMS = [
    SECRET,
    json.dumps(SECRET)[1:-1],
    json.dumps(SECRET, ensure_ascii=False)[1:-1],
    json.dumps(json.dumps(SECRET))[3:-3],
    "pa%22ss%5Cw%C3%B6rd%2Fgeheim",
]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure_logs("debug", Redactor([SECRET, "abc", ""]), stream=out)
    yield out
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form_it_is_written_in(form: str) -> None:
    redactor = Redactor([SECRET])
    assert redactor.text(f"<{form}>") == "<***>"
    assert redactor.bytes(b"\xff" + form.encode() + b"\xfe") == b"\xff***\xfe"


def test_of_two_secrets_the_longer_is_masked_whole_and_very_short_ones_are_no_secrets() -> None:
    assert Redactor(["geheim", "geheim-2", "ab"]).text("geheim-2 geheim ab") == "*** *** ab"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"stream_keys": ["one-1", "two-2"], "a": 1}', '{"stream_keys": [***], "a": 1}'),
        ('{\\"stream_key\\":\\"one-1\\"}', '{\\"stream_key\\":\\"***\\"}'),
        ("rtmp://push?auth_key=abc-1&x=2", "rtmp://push?auth_key=***&x=2"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
        ("{'authorization': 'SDK-HMAC-SHA256 Access=AK, Signature=f00'}", "{'authorization': '***'}"),
        ("X-Auth-Token=abc; y", "X-Auth-Token=*** y"),
        ("hwSecret=abc&hwTime=5", "hwSecret=***&hwTime=5"),
        ("nothing secret here", "nothing secret here"),
    ],
)
def test_fields_that_hold_a_secret_are_masked_though_it_is_not_ours(text: str, masked: str) -> None:
    assert Redactor([]).text(text) == masked


def test_no_log_line_shows_a_secret_and_each_is_one_line_of_json(lines: io.StringIO) -> None:
    log = structlog.get_logger()
    log.info("plain", text=SECRET, inside={"deep": [SECRET, json.dumps({"k": SECRET})]})
    try:
        int(SECRET)
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("a library says %s", SECRET)
    logging.getLogger("library").error("it broke", exc_info=ValueError(SECRET))
    logging.getLogger("library").info("not shown")
    written = lines.getvalue()
    assert "geheim" not in written
    events = [json.loads(line)["event"] for line in written.splitlines()]
    assert events == ["plain", "failed", "a library says ***", "it broke: ValueError: ***"]


def test_a_level_of_its_own_in_a_library_breaks_nothing(lines: io.StringIO) -> None:
    logging.getLogger("library").log(35, "odd level")
    assert "odd level" in lines.getvalue()


def test_a_dead_letter_is_masked_in_the_json_within_its_json() -> None:
    body = json.dumps({"type": 1, "content": json.dumps({"content": SECRET})}).encode()
    letter = dead_message("bad_content", "why", Redactor([SECRET]).bytes(body))
    assert b"geheim" not in letter
    assert b"***" in letter
