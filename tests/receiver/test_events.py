"""Events and bodies over the real stack: a socket, uvicorn, Starlette."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from livecue.receiver import edge, routes, token_hash
from livecue.runtime.ports import BusError

from .serving import TOKEN, Desk, callback_door, headers, ingest_door

EVENT = b'{"timestamp":1,"type":1,"content":"{}"}'
BEARER = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
EVENTS = "/api/rooms/head/events"


async def test_an_event_is_on_the_bus_before_it_is_accepted(client: httpx.AsyncClient, desk: Desk) -> None:
    answer = await client.post(EVENTS, content=EVENT, headers=BEARER)
    assert answer.status_code == 202
    assert desk.events == [("head", EVENT, "")]


async def test_a_message_id_keeps_its_meaning_and_an_idempotency_key_is_the_rooms(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await client.post(EVENTS, content=EVENT, headers={**BEARER, "Nats-Msg-Id": "m-1"})
    await client.post(EVENTS, content=EVENT, headers={**BEARER, "Idempotency-Key": "m-1"})
    own = {**BEARER, "authorization": "Bearer heads-own", "Nats-Msg-Id": "m-1"}
    await client.post(EVENTS, content=EVENT, headers=own)
    assert [once for *_, once in desk.events] == ["m-1", "http-head-m-1", "http-head-m-1"]


@pytest.mark.parametrize("bad", ["", "x" * 129, "a b", "a\tb"])
async def test_an_odd_message_id_is_refused(client: httpx.AsyncClient, bad: str) -> None:
    answer = await client.post(EVENTS, content=EVENT, headers={**BEARER, "Idempotency-Key": bad})
    assert answer.status_code == 400


async def test_two_message_ids_are_refused(client: httpx.AsyncClient) -> None:
    given = [*BEARER.items(), ("Nats-Msg-Id", "a"), ("Nats-Msg-Id", "b")]
    assert (await client.post(EVENTS, content=EVENT, headers=given)).status_code == 400


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"],
)
async def test_events_need_the_bearer_token(
    client: httpx.AsyncClient, desk: Desk, authorization: str | None
) -> None:
    given = {"content-type": "application/json"}
    if authorization is not None:
        given["authorization"] = authorization
    for path in (EVENTS, "/api/rooms/nobody/events"):
        answer = await client.post(path, content=EVENT, headers=given)
        assert (answer.status_code, answer.text) == (401, "unauthorized")
    assert desk.events == []


async def test_two_authorization_headers_are_refused_and_the_older_token_is_taken(
    client: httpx.AsyncClient,
) -> None:
    doubled = [*BEARER.items(), ("authorization", f"Bearer {TOKEN}")]
    assert (await client.post(EVENTS, content=EVENT, headers=doubled)).status_code == 401
    older = {**BEARER, "authorization": "bearer older"}
    assert (await client.post(EVENTS, content=EVENT, headers=older)).status_code == 202


async def test_events_of_an_unknown_room_or_another_type_or_no_object_are_refused(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    assert (await client.post("/api/rooms/nobody/events", content=EVENT, headers=BEARER)).status_code == 404
    text = {**BEARER, "content-type": "text/plain"}
    assert (await client.post(EVENTS, content=EVENT, headers=text)).status_code == 415
    typed = {**BEARER, "content-type": "application/json; charset=utf-8"}
    assert (await client.post(EVENTS, content=EVENT, headers=typed)).status_code == 202
    for content in (
        b"",
        b"[1]",
        b"{",
        b"\xff",
        b"{}",
        b'{"total":0,"events":[]}',
        b'{"events":[{"type":1}]}',
    ):
        answer = await client.post(EVENTS, content=content, headers=BEARER)
        assert answer.status_code == 422
        assert answer.text.partition(":")[0] in {"not_json", "not_an_event"}
    assert len(desk.events) == 1


async def test_a_report_with_one_bad_event_is_taken_and_says_so(client: httpx.AsyncClient) -> None:
    report = b'{"total":2,"events":[%b,{"type":1,"content":"no"}]}' % EVENT
    answer = await client.post(EVENTS, content=report, headers=BEARER)
    assert (answer.status_code, answer.json()) == (202, {"events": 1, "unreadable": 1})


async def test_a_rooms_own_token_opens_that_room_alone(client: httpx.AsyncClient, desk: Desk) -> None:
    own = {**BEARER, "authorization": "Bearer heads-own"}
    assert (await client.post(EVENTS, content=EVENT, headers=own)).status_code == 202
    for other in ("silent", "nobody"):
        answer = await client.post(f"/api/rooms/{other}/events", content=EVENT, headers=own)
        assert (answer.status_code, answer.text) == (401, "unauthorized")
    hashed = {**BEARER, "authorization": f"Bearer {token_hash('heads-own')}"}
    assert (await client.post(EVENTS, content=EVENT, headers=hashed)).status_code == 401
    assert [room for room, *_ in desk.events] == ["head"]
    assert desk.counts["ingest_requests", "head", "202"] == 1


async def test_a_room_that_posts_too_much_is_sent_away_until_it_has_paid(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    report = b'{"total":50,"events":[%b]}' % b",".join([EVENT] * 50)
    assert (await client.post(EVENTS, content=report, headers=BEARER)).status_code == 202
    late = await client.post(EVENTS, content=report, headers=BEARER)
    assert (late.status_code, late.headers["retry-after"]) == (429, "3")
    other = await client.post("/api/rooms/silent/events", content=report, headers=BEARER)
    assert other.status_code == 202
    desk.mono_s = 3
    assert (await client.post(EVENTS, content=report, headers=BEARER)).status_code == 202
    assert desk.counts["ingest_requests", "head", "429"] == 1


@pytest.mark.parametrize("path", ["/callbacks/head", EVENTS])
async def test_a_body_that_drips_is_cut_off(
    port: int, path: str, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    monkeypatch.setattr(edge, "READ_S", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Length: 1000", "Content-Type: application/json"]
    writer.write("\r\n".join([*lines, f"Authorization: Bearer {TOKEN}", "", ""]).encode())
    async with asyncio.timeout(5):
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        assert b" 408 " in await answer
    writer.close()
    assert desk.rejected("too_slow") == ("callbacks" in path)


async def test_events_meet_a_dead_bus_with_503(client: httpx.AsyncClient, desk: Desk) -> None:
    desk.error = BusError("down")
    answer = await client.post(EVENTS, content=EVENT, headers=BEARER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_without_tokens_nobody_is_let_in(desk: Desk) -> None:
    found = routes(callback_door(desk), ingest_door(desk, ()))
    transport = httpx.ASGITransport(Starlette(routes=found))
    async with httpx.AsyncClient(base_url="http://local", transport=transport) as local:
        for given in ("Bearer", "Bearer x"):
            answer = await local.post(EVENTS, content=EVENT, headers={**BEARER, "authorization": given})
            assert answer.status_code == 401


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 4096):
        yield b" " * 4096


@pytest.mark.parametrize("path", ["/callbacks/head", "/api/rooms/head/events"])
async def test_an_oversized_body_is_cut_off_while_it_arrives(
    client: httpx.AsyncClient, desk: Desk, path: str
) -> None:
    given = [*headers(), ("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json")]
    most = 64 * 1024 if "callbacks" in path else 244 * 4096
    chunked = await client.post(path, content=in_chunks(most + 4096), headers=given)
    assert (chunked.status_code, chunked.text) == (413, "too large")
    declared = await client.post(path, content=b" " * (most + 4096), headers=given)
    assert declared.status_code == 413
    fits = await client.post(path, content=in_chunks(most), headers=given)
    assert fits.status_code == (400 if "callbacks" in path else 422)
    assert (desk.signals, desk.events) == ([], [])


async def test_a_body_that_is_declared_too_large_is_refused_before_it_comes(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /callbacks/head HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
    async with asyncio.timeout(5):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
