"""Callbacks that come twice, to two replicas on one real server: one signal, or one line of the audit."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time

import httpx
from nats.aio.client import Client
from starlette.applications import Starlette

from bus.serving import Heard, connected, stored
from livecue.app.metrics import PrometheusMeter
from livecue.bus.embedded import EmbeddedServer
from livecue.receiver import AuthType, CallbackDoor, CallbackRoom, IngestDoor, Key, Unknown, routes
from livecue.runtime.ports import AuditEntry, Count, Outcome

URL = "https://live.example.com/callbacks/flagship"


def body(event_type: str, **message: str) -> bytes:
    told = {"room_id": "r1", "job_id": "j1", **message}
    return json.dumps({"event_type": event_type, "message": told}).encode()


SWITCH = body("SHOOT_SCRIPT_SWITCH", scene_script_name="one")


def now() -> int:
    return time.time_ns() // 1_000_000


def replica(heard: Heard, meter: PrometheusMeter) -> httpx.AsyncClient:
    async def keep(room: str, unknown: Unknown) -> None:
        await heard.channels.record(
            room, AuditEntry(Outcome.KEPT, unknown.once, 1, detail=unknown.event_type)
        )

    async def dead(room: str, reason: str, letter: bytes) -> None:
        await heard.channels.bury(room, reason, "", letter)

    room = CallbackRoom("flagship", "r1", URL, AuthType.MSS_A_HEAD, (Key("k", "key"),))
    door = CallbackDoor({"flagship": room}, heard.channels, meter, now, dead=dead, keep=keep)
    found = routes(door, IngestDoor({}, [], heard.channels, meter, now))
    transport = httpx.ASGITransport(Starlette(routes=found))
    return httpx.AsyncClient(base_url="http://replica", transport=transport)


def signed(age_s: int = 0) -> dict[str, str]:
    hw_time = f"{int(time.time()) - age_s:08x}"
    secret = hmac.new(b"key", f"live.example.com/callbacks/flagship{hw_time}".encode(), hashlib.sha256)
    return {"x-hw-mss-secret": secret.hexdigest(), "x-hw-mss-time": hw_time}


async def test_a_callback_replayed_to_every_replica_at_once_is_one_signal(
    heard: Heard, nc: Client, server: EmbeddedServer
) -> None:
    meter = PrometheusMeter()
    async with connected(server) as other, replica(heard, meter) as one, replica(other, meter) as two:
        headers = signed()
        answers = await asyncio.gather(
            *(
                client.post("/callbacks/flagship", content=SWITCH, headers=headers)
                for client in (one, two) * 8
            )
        )
        assert {answer.status_code for answer in answers} == {200}
        assert (await stored(nc, "LIVE_IN"))["messages"] == 1
        again = await two.post("/callbacks/flagship", content=SWITCH, headers=signed(age_s=1))
        assert again.status_code == 200
        assert (await stored(nc, "LIVE_IN"))["messages"] == 2, "news at another moment"
    assert meter.total(Count.CALLBACK_KEYS, "k") == 17


async def test_a_replica_that_starts_anew_knows_what_was_told_before(
    heard: Heard, nc: Client, server: EmbeddedServer
) -> None:
    headers, meter = signed(), PrometheusMeter()
    async with replica(heard, meter) as one:
        await one.post("/callbacks/flagship", content=SWITCH, headers=headers)
        await one.post("/callbacks/flagship", content=SWITCH, headers=headers)
    assert meter.total(Count.CALLBACKS_VERIFIED, "repeated") == 1
    async with connected(server) as later, replica(later, meter) as two:
        await two.post("/callbacks/flagship", content=SWITCH, headers=headers)
    assert meter.total(Count.CALLBACKS_VERIFIED, "repeated") == 1, "its own memory is empty"
    assert (await stored(nc, "LIVE_IN"))["messages"] == 1


async def test_a_repeated_callback_of_an_unknown_type_is_one_line_of_the_audit(
    heard: Heard, nc: Client
) -> None:
    headers = signed()
    async with replica(heard, PrometheusMeter()) as one:
        for _ in range(2):
            answer = await one.post("/callbacks/flagship", content=body("NEW_THING"), headers=headers)
            assert answer.status_code == 200
    assert (await stored(nc, "LIVE_AUDIT"))["messages"] == 1
    line = json.loads((await nc.jetstream().get_msg("LIVE_AUDIT", seq=1)).data or b"")
    assert (line["outcome"], line["detail"]) == ("kept", "NEW_THING")
