from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from livecue.domain import Ask
from livecue.outgoing import CallbackRoom, Http, Webhook
from livecue.outgoing.signing import webhook_headers
from livecue.outgoing.webhook import body_of, webhook_id
from livecue.runtime.ask_ports import AskError, Unanswered
from metastudio.serving import Answer, Cloud, handling, hang_up, silent
from runtime.asks import AT_MS, callback

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Clock:
    now_ms = AT_MS + 250

    def __call__(self) -> int:
        return self.now_ms


def webhook(http: Http, at: str, clock: Clock | None = None, **changes: Any) -> Webhook:
    room = CallbackRoom(**{"secrets": (SECRET,), "url": f"{at}/hits?key=k-in-query", **changes})
    return Webhook(http, {"flagship": room}, clock or Clock())


async def refusal(outside: Webhook, ask: Ask, within_s: float = 5.0) -> AskError:
    with pytest.raises(AskError) as caught:
        await outside.ask(ask, within_s)
    return caught.value


async def test_the_shop_gets_the_hit_and_can_verify_it(shop: Cloud, http: Http) -> None:
    shop.will(Answer(body={"text": "大码有货"}))
    assert await webhook(http, shop.url).ask(callback(), 5.0) == "大码有货"
    asked = shop.asked[0]
    assert (asked.method, asked.path, asked.query) == ("POST", "/hits", "key=k-in-query")
    given = {name: asked.headers[name] for name in asked.headers if name.startswith("webhook-")}
    assert given == webhook_headers([SECRET], given["webhook-id"], (AT_MS + 250) // 1000, asked.body)
    assert asked.headers["content-type"] == "application/json"
    assert asked.json == {
        "type": "livecue.rule.hit",
        "timestamp": "2026-11-18T11:06:40.000Z",
        "data": {
            "room": "flagship",
            "job_id": "job-1",
            "rule_index": "size",
            "rule_name": "sizes",
            "event": {
                "type": 1,
                "content": {"user": {"userId": "u-1", "name": "小红", "level": 3}, "content": "有大码吗"},
            },
            "texts": ["有的，看详情页"],
            "scene": "tent",
        },
    }


async def test_every_attempt_has_the_same_id_and_body_and_its_own_timestamp(shop: Cloud, http: Http) -> None:
    clock = Clock()
    outside = webhook(http, shop.url, clock)
    await outside.ask(callback(), 5.0)
    clock.now_ms += 30_000
    await outside.ask(callback(), 5.0)
    first, second = shop.asked
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 30


def test_ids_differ_by_hit_and_are_safe_in_a_header_whatever_the_rule_is_called() -> None:
    asks = [
        callback(),
        callback(id="18.0:size"),
        callback(room="outlet"),
        callback(id="1.0:规则\r\nx: y \udcff"),
    ]
    ids = [webhook_id(ask) for ask in asks]
    assert len(set(ids)) == len(ids)
    assert all(one.isascii() and one.isprintable() and "." not in one for one in ids)


async def test_a_rules_own_url_stands_for_the_rooms(shop: Cloud, http: Http) -> None:
    outside = webhook(http, "http://127.0.0.1:9")
    await outside.ask(callback(url=f"{shop.url}/own"), 5.0)
    assert [asked.path for asked in shop.asked] == ["/own"]


@pytest.mark.parametrize(
    "body",
    [b"", b"ok", b"<html>thanks</html>", b"[1]", b'"text"', b"{}", b'{"text": null}', b'{"text": "  "}'],
)
async def test_a_shop_that_only_takes_note_says_nothing(shop: Cloud, http: Http, body: bytes) -> None:
    shop.will(Answer(202, body))
    assert await webhook(http, shop.url).ask(callback(), 5.0) == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (json.dumps({"text": "x" * 1025}).encode(), Unanswered.UNREADABLE),
        (json.dumps({"text": 5}).encode(), Unanswered.UNREADABLE),
        (b'{"text": "' + b"x" * 70_000 + b'"}', Unanswered.UNREADABLE),
    ],
)
async def test_an_answer_beyond_the_agreed_is_not_spoken(
    shop: Cloud, http: Http, body: bytes, why: Unanswered
) -> None:
    shop.will(Answer(200, body))
    assert (await refusal(webhook(http, shop.url), callback())).why is why


async def test_a_text_of_exactly_1024_characters_is_spoken(shop: Cloud, http: Http) -> None:
    shop.will(Answer(body={"text": "好" * 1024}))
    assert await webhook(http, shop.url).ask(callback(), 5.0) == "好" * 1024


@pytest.mark.parametrize(
    ("answer", "why", "retry_after_s"),
    [
        (Answer(410), Unanswered.GONE, None),
        (Answer(429, headers={"Retry-After": "17"}), Unanswered.BUSY, 17.0),
        (Answer(503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), Unanswered.BUSY, None),
        (Answer(500), Unanswered.REFUSED, None),
        (Answer(401), Unanswered.REFUSED, None),
    ],
)
async def test_a_status_that_is_not_2xx_says_what_it_calls_for(
    shop: Cloud, http: Http, answer: Answer, why: Unanswered, retry_after_s: float | None
) -> None:
    shop.will(answer)
    error = await refusal(webhook(http, shop.url), callback())
    assert (error.why, error.retry_after_s) == (why, retry_after_s)


async def test_no_redirect_is_followed(shop: Cloud, http: Http) -> None:
    shop.will(Answer(307, headers={"Location": f"{shop.url}/elsewhere"}), Answer(200, b'{"text": "x"}'))
    assert (await refusal(webhook(http, shop.url), callback())).why is Unanswered.REFUSED
    assert len(shop.asked) == 1


async def test_a_shop_that_does_not_answer_costs_its_time_limit_and_no_more(http: Http) -> None:
    async with silent() as url:
        began = time.monotonic()
        error = await refusal(webhook(http, url, timeout_s=0.2), callback())
        assert error.why is Unanswered.TIMEOUT
        assert time.monotonic() - began < 1.0
        assert (await refusal(webhook(http, url), callback(), within_s=0.1)).why is Unanswered.TIMEOUT


async def test_a_body_that_trickles_counts_against_the_same_limit(http: Http) -> None:
    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with handling(trickle) as url:
        assert (await refusal(webhook(http, url, timeout_s=0.3), callback())).why is Unanswered.TIMEOUT


async def test_a_shop_that_hangs_up_or_is_not_there_is_unreachable(http: Http) -> None:
    async with handling(hang_up) as url:
        assert (await refusal(webhook(http, url), callback())).why is Unanswered.UNREACHABLE
    assert (await refusal(webhook(http, url), callback())).why is Unanswered.UNREACHABLE


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com/hits",
        "http://127.0.0.1.example.com/",
        "ftp://127.0.0.1/",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "nonsense",
    ],
)
async def test_only_https_goes_out_but_for_loopback(http: Http, url: str) -> None:
    error = await refusal(webhook(http, "http://127.0.0.1:9"), callback(url=url))
    assert error.why is Unanswered.NOT_SET_UP
    assert url not in str(error)


async def test_a_room_without_a_secret_or_a_url_asks_nobody(shop: Cloud, http: Http) -> None:
    unsigned = await refusal(webhook(http, shop.url, secrets=()), callback(url=shop.url))
    nowhere = await refusal(webhook(http, shop.url, url=""), callback())
    stranger = await refusal(webhook(http, shop.url), callback(room="outlet"))
    assert {unsigned.why, nowhere.why, stranger.why} == {Unanswered.NOT_SET_UP}
    assert not shop.asked


async def test_no_error_and_no_repr_holds_a_secret(shop: Cloud, http: Http) -> None:
    shop.will(Answer(500, b"whatever"))
    error = await refusal(webhook(http, shop.url), callback())
    shown = repr(error) + str(error) + repr(CallbackRoom(secrets=(SECRET,), url="https://h/?key=k-in-query"))
    assert SECRET not in shown
    assert "k-in-query" not in shown


def test_the_body_is_a_function_of_the_ask_alone() -> None:
    assert body_of(callback()) == body_of(callback())
