"""Callbacks over the real stack: a socket, uvicorn, Starlette."""

from __future__ import annotations

import json

import httpx
import pytest

from livecue.domain import SignalKind
from livecue.receiver import AuthType, UriForm
from livecue.runtime.ports import BusError

from .serving import OLD_KEY, ROOMS, Desk, callback_room, headers, stamp

REPLY = json.dumps({
    "event_type": "REPLY_COMMAND_FINISH",
    "message": json.dumps({"room_id": "r1", "job_id": "j1", "reply_id": "x1"}),
}).encode()  # fmt: skip
RTMP = json.dumps({
    "event_type": "RTMP_STREAM_STATE_CHANGE",
    "message": {"room_id": "r1", "job_id": "j1", "state": "END", "stream_key": "geheim-key", "output_url": "rtmp://h/p"},
}).encode()  # fmt: skip


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
    first, later = (once for *_, once in desk.signals)
    assert first != later
    assert desk.counts["callbacks_verified", "head", "repeated"] == 1
    assert "geheim" not in repr(desk.signals)


async def test_the_previous_key_of_a_rotation_still_opens_and_is_counted(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    answer = await client.post("/callbacks/head", content=REPLY, headers=headers(OLD_KEY))
    assert answer.status_code == 200
    assert desk.counts["callback_keys", "head", "old"] == 1


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
    ("stale", headers(age_s=61)),
    ("future", headers(age_s=-61)),
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


@pytest.mark.parametrize("given", [[], headers(), headers("another-key")])
async def test_a_stranger_cannot_tell_an_unknown_room_from_a_known_one(
    client: httpx.AsyncClient, desk: Desk, given: list[tuple[str, str]]
) -> None:
    known = await client.post("/callbacks/query", content=REPLY, headers=given)
    unknown = await client.post("/callbacks/nobody", content=REPLY, headers=given)
    assert (unknown.status_code, unknown.text) == (known.status_code, known.text) == (401, "unauthorized")
    assert dict(unknown.headers) | {"date": ""} == dict(known.headers) | {"date": ""}
    big = b"x" * 70_000
    assert (await client.post("/callbacks/nobody", content=big, headers=given)).status_code == 413
    assert desk.rejected("unknown_room", "") == 1
    assert desk.rejected("too_large", "") == 1


async def test_who_knows_a_key_learns_that_a_room_is_not_there(client: httpx.AsyncClient) -> None:
    secret, hw_time = stamp("nobody")
    given = [("x-hw-mss-secret", secret), ("x-hw-mss-time", hw_time)]
    assert (await client.post("/callbacks/nobody", content=REPLY, headers=given)).status_code == 404


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


async def test_a_callback_of_the_rooms_standby_is_taken_by_the_room(
    client: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROOMS, "head", callback_room("head", AuthType.MSS_A_HEAD, standby="r2"))
    for room_id, status in ((b"r1", 200), (b"r2", 200), (b"r3", 400)):
        answer = await client.post(
            "/callbacks/head", content=REPLY.replace(b"r1", room_id), headers=headers()
        )
        assert answer.status_code == status
    assert {room for room, *_ in desk.signals} == {"head"}


async def test_an_unknown_event_is_taken_and_kept_but_not_published(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    content = b'{"event_type":"NEW_THING","message":{"a":1,"stream_key":"geheim"}}'
    assert (await client.post("/callbacks/head", content=content, headers=headers())).status_code == 200
    assert (desk.signals, desk.letters) == ([], [])
    assert desk.counts["callbacks_verified", "head", "unknown"] == 1
    [(room, kept)] = desk.kept
    assert (room, kept.event_type) == ("head", "NEW_THING")
    assert kept.body == b'{"event_type":"NEW_THING","message":{"a":1,"stream_key":"***"}}'


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
