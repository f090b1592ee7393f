"""Events and bodies over the real stack: a socket, uvicorn, Starlette."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from livecue.receiver import routes
from livecue.runtime.ports import BusError

from .serving import ROOMS, TOKEN, Desk, headers

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
    assert [once for *_, once in desk.events] == ["m-1", "http-head-m-1"]


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
    for content in (b"", b"[1]", b"{", b"\xff"):
        assert (await client.post(EVENTS, content=content, headers=BEARER)).status_code == 400
    assert len(desk.events) == 1


async def test_events_meet_a_dead_bus_with_503(client: httpx.AsyncClient, desk: Desk) -> None:
    desk.error = BusError("down")
    answer = await client.post(EVENTS, content=EVENT, headers=BEARER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_without_a_sink_there_is_no_route_for_events(desk: Desk) -> None:
    found = routes(ROOMS, desk, None, desk, desk.now, dead=desk.dead)
    assert [route.path for route in found] == ["/callbacks/{room}"]


async def test_without_tokens_nobody_is_let_in(desk: Desk) -> None:
    found = routes(ROOMS, desk, desk, desk, desk.now, dead=desk.dead, event_rooms={"head"})
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
    most = 256 * 1024 if "callbacks" in path else 1024 * 1024
    chunked = await client.post(path, content=in_chunks(most + 4096), headers=given)
    assert (chunked.status_code, chunked.text) == (413, "too large")
    declared = await client.post(path, content=b" " * (most + 1), headers=given)
    assert declared.status_code == 413
    fits = await client.post(path, content=in_chunks(most), headers=given)
    assert fits.status_code == 400
    assert (desk.signals, desk.events) == ([], [])


async def test_a_body_that_is_declared_too_large_is_refused_before_it_comes(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /callbacks/head HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
    async with asyncio.timeout(5):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
