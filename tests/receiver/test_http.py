"""The receiver over the real stack: a socket, uvicorn, Starlette."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from socket import socket
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from livecue.domain import SignalKind
from livecue.receiver import AuthType, CallbackRoom, UriForm, routes
from livecue.receiver.signature import sign, signed_uri
from livecue.runtime.ports import BusError, Count

NOW_S = 0x66DF9308
PUBLIC = "https://live.example.com/callbacks/"
KEY, OLD_KEY, TOKEN = "current-key", "previous-key", "bearer-token"
REPLY = json.dumps({
    "event_type": "REPLY_COMMAND_FINISH",
    "message": json.dumps({"room_id": "r1", "job_id": "j1", "reply_id": "x1"}),
}).encode()  # fmt: skip
RTMP = json.dumps({
    "event_type": "RTMP_STREAM_STATE_CHANGE",
    "message": {"room_id": "r1", "job_id": "j1", "state": "END", "stream_key": "geheim-key", "output_url": "rtmp://h/p"},
}).encode()  # fmt: skip
Sent = tuple[str, str, Mapping[str, Any], str]


class Desk:
    """Bus, meter and dead letters, all as the receiver sees them."""

    def __init__(self) -> None:
        self.signals: list[Sent] = []
        self.events: list[tuple[str, bytes, str]] = []
        self.letters: list[tuple[str, str, bytes]] = []
        self.counts: dict[tuple[str, str, str], int] = {}
        self.error: Exception | None = None

    async def publish(self, room: str, kind: str, data: Mapping[str, Any], dedup_id: str = "") -> None:
        self._fail()
        self.signals.append((room, kind, data, dedup_id))

    async def publish_events(self, room: str, body: bytes, dedup_id: str = "") -> None:
        self._fail()
        self.events.append((room, body, dedup_id))

    async def dead(self, room: str, reason: str, body: bytes) -> None:
        self._fail()
        self.letters.append((room, reason, body))

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None:
        key = (str(what), room, reason)
        self.counts[key] = self.counts.get(key, 0) + n

    def reply_latency(self, room: str, seconds: float) -> None: ...

    def now(self) -> int:
        return NOW_S * 1000

    def rejected(self, reason: str, room: str = "head") -> int:
        return self.counts.get(("callbacks_rejected", room, reason), 0)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def callback_room(name: str, auth_type: AuthType, **settings: Any) -> CallbackRoom:
    return CallbackRoom(name, "r1", PUBLIC + name, auth_type, keys=(KEY, OLD_KEY), **settings)


ROOMS = {
    room.room: room
    for room in (
        callback_room("head", AuthType.MSS_A_HEAD),
        callback_room("query", AuthType.MSS_A),
        callback_room("forms", AuthType.MSS_A, forms=tuple(UriForm)),
        callback_room("open", AuthType.NONE, token="url-secret"),
        callback_room("meituan", AuthType.MEITUAN_DEFAULT),
    )
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def port(desk: Desk) -> AsyncIterator[int]:
    found = routes(
        ROOMS,
        desk,
        desk,
        desk,
        desk.now,
        dead=desk.dead,
        event_rooms={"head", "silent"},
        event_tokens=[TOKEN, "older"],
    )
    config = uvicorn.Config(
        Starlette(routes=found), host="127.0.0.1", port=0, log_config=None, lifespan="off"
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    await server.up.wait()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as one:
        yield one


def stamp(
    room: str, key: str = KEY, age_s: int = 0, query: str = "", form: UriForm = UriForm.BARE_SORTED
) -> tuple[str, str]:
    hw_time = f"{NOW_S - age_s:08x}"
    return sign(key, signed_uri(PUBLIC + room, query, form), hw_time), hw_time


def headers(key: str = KEY, age_s: int = 0, query: str = "") -> list[tuple[str, str]]:
    secret, hw_time = stamp("head", key, age_s, query)
    return [("x-hw-mss-secret", secret), ("X-HW-MSS-Time", hw_time)]


def signed_query(room: str, form: UriForm, query: str = "b=2&a=1") -> str:
    secret, hw_time = stamp(room, form=form, query=query)
    return f"{query}&hwSecret={secret}&hwTime={hw_time}"


async def test_a_signed_callback_is_published_before_it_is_answered(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    answer = await client.post("/callbacks/head", content=REPLY, headers=headers())
    assert (answer.status_code, answer.content) == (200, b"{}")
    [(room, kind, data, once)] = desk.signals
    assert (room, kind, data) == ("head", SignalKind.REPLY_FINISHED, {"job_id": "j1", "reply_id": "x1"})
    assert once
    assert desk.counts["callbacks_verified", "head", "reply_finished"] == 1


async def test_a_repetition_is_answered_again_under_the_same_id(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    for age_s in (0, 0, 1):
        answer = await client.post("/callbacks/head", content=RTMP, headers=headers(age_s=age_s))
        assert answer.status_code == 200
    first, second, later = (once for *_, once in desk.signals)
    assert first == second != later
    assert "geheim" not in repr(desk.signals)


async def test_the_previous_key_of_a_rotation_still_opens(client: httpx.AsyncClient) -> None:
    answer = await client.post("/callbacks/head", content=REPLY, headers=headers(OLD_KEY))
    assert answer.status_code == 200


async def test_a_query_beside_the_headers_is_signed_too(client: httpx.AsyncClient) -> None:
    signed = headers(query="b=2&a=1")
    assert (await client.post("/callbacks/head?b=2&a=1", content=REPLY, headers=signed)).status_code == 200
    assert (await client.post("/callbacks/head?b=2&a=9", content=REPLY, headers=signed)).status_code == 401


@pytest.mark.parametrize("form", list(UriForm))
async def test_the_query_may_carry_the_signature_in_any_accepted_form(
    client: httpx.AsyncClient, form: UriForm
) -> None:
    one = await client.post(f"/callbacks/forms?{signed_query('forms', form)}", content=REPLY)
    assert one.status_code == 200
    only = await client.post(f"/callbacks/query?{signed_query('query', form)}", content=REPLY)
    assert only.status_code == (200 if form == UriForm.BARE_SORTED else 401)


REFUSALS = [
    ("missing", []),
    ("wrong", headers("another-key")),
    ("stale", headers(age_s=71)),
    ("future", headers(age_s=-11)),
    ("duplicated", [*headers(), headers()[0]]),
    ("duplicated", [*headers(), headers()[1]]),
    ("duplicated", [*headers(), ("x-hw-mss-time", "00000000")]),
    ("malformed", [headers()[0], ("x-hw-mss-time", "0x66df9308")]),
]


@pytest.mark.parametrize(("reason", "given"), REFUSALS)
async def test_every_refusal_looks_the_same_and_is_counted_by_its_reason(
    client: httpx.AsyncClient, desk: Desk, reason: str, given: list[tuple[str, str]]
) -> None:
    answer = await client.post("/callbacks/head", content=REPLY, headers=given)
    assert (answer.status_code, answer.text) == (401, "unauthorized")
    assert desk.signals == []
    assert desk.rejected(reason) == 1


async def test_a_doubled_signature_in_the_query_is_refused(client: httpx.AsyncClient, desk: Desk) -> None:
    query = signed_query("query", UriForm.BARE_SORTED)
    answer = await client.post(f"/callbacks/query?{query}&hwTime=00000000", content=REPLY)
    assert answer.status_code == 401
    assert desk.rejected("duplicated", "query") == 1


async def test_the_secret_of_an_unsigned_url_is_compared(client: httpx.AsyncClient) -> None:
    assert (await client.post("/callbacks/open?token=url-secret", content=REPLY)).status_code == 200
    assert (await client.post("/callbacks/open?token=guess", content=REPLY)).status_code == 401
    assert (await client.post("/callbacks/open", content=REPLY)).status_code == 401


async def test_meituans_unpublished_form_is_not_believed(client: httpx.AsyncClient) -> None:
    assert (await client.post("/callbacks/meituan", content=REPLY)).status_code == 401


async def test_an_unknown_room_is_not_found(client: httpx.AsyncClient, desk: Desk) -> None:
    assert (await client.post("/callbacks/nobody", content=REPLY)).status_code == 404
    assert desk.counts == {("callbacks_rejected", "", "unknown_room"): 1}


@pytest.mark.parametrize("path", ["/callbacks/head", "/api/rooms/head/events"])
async def test_other_methods_are_not_allowed(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert (await client.request(method, path)).status_code == 405


async def test_an_unreadable_body_goes_to_the_dead_letters_without_its_secrets(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    broken = RTMP[:-3]
    answer = await client.post("/callbacks/head", content=broken, headers=headers())
    assert (answer.status_code, answer.text) == (400, "bad request")
    [(room, reason, letter)] = desk.letters
    assert (room, reason) == ("head", "callback: not JSON")
    assert b"geheim" not in letter
    assert desk.rejected("unreadable") == 1


async def test_another_rooms_callback_is_refused(client: httpx.AsyncClient, desk: Desk) -> None:
    answer = await client.post("/callbacks/head", content=REPLY.replace(b"r1", b"r2"), headers=headers())
    assert answer.status_code == 400
    assert desk.signals == []
    assert desk.rejected("room_mismatch") == 1


async def test_an_unknown_event_is_taken_and_counted_but_not_published(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    content = b'{"event_type":"NEW_THING","message":"{}"}'
    assert (await client.post("/callbacks/head", content=content, headers=headers())).status_code == 200
    assert (desk.signals, desk.letters) == ([], [])
    assert desk.counts == {("callbacks_verified", "head", "unknown"): 1}


@pytest.mark.parametrize("content", [REPLY, b"nonsense"])
async def test_a_dead_bus_is_not_acknowledged(client: httpx.AsyncClient, desk: Desk, content: bytes) -> None:
    desk.error = BusError("down at 10.0.0.7")
    answer = await client.post("/callbacks/head", content=content, headers=headers())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "10.0.0.7" not in answer.text
    assert ("callbacks_verified", "head", "reply_finished") not in desk.counts
    desk.error = None
    answer = await client.post("/callbacks/head", content=REPLY, headers=headers())
    assert answer.status_code == 200


async def test_an_error_of_ours_shows_nothing_of_its_inside(client: httpx.AsyncClient, desk: Desk) -> None:
    desk.error = RuntimeError("the password is swordfish")
    answer = await client.post("/callbacks/head", content=REPLY, headers=headers())
    assert (answer.status_code, answer.text) == (500, "internal error")


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
