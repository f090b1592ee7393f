"""Publishing: acknowledged, at most once per id, and an error of one kind when it does not work."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from bus.serving import Heard, connected, stored, until
from bus.test_embedded import serving
from livecue.bus import channels as module
from livecue.bus.channels import Channels, dead_message
from livecue.bus.embedded import EmbeddedServer
from livecue.runtime.ports import AuditEntry, BusError, Outcome

WEIRD = ["a b", "规则:1", "line\nbreak", "\r\nNats-Msg-Id: x", "x" * 500, "\ud800", "", "a\tb", "ключ", "é"]


def entry(subject_id: str, outcome: Outcome = Outcome.SENDING) -> AuditEntry:
    return AuditEntry(outcome=outcome, subject_id=subject_id, at_ms=1)


async def test_a_published_signal_is_stored_when_the_call_returns_and_is_heard(
    heard: Heard, nc: Client
) -> None:
    await heard.channels.publish("a", "job_started", {"job_id": "j1"})
    assert (await stored(nc, "LIVE_IN"))["messages"] == 1
    await until(lambda: heard.signals)
    [(room, body)] = heard.signals
    assert room == "a"
    assert json.loads(body) == {"v": 1, "kind": "job_started", "data": {"job_id": "j1"}}


async def test_the_same_id_again_is_one_signal_and_without_an_id_it_is_another(
    heard: Heard, nc: Client
) -> None:
    for dedup_id in ("x", "x", "", ""):
        await heard.channels.publish("a", "k", {}, dedup_id)
    assert (await stored(nc, "LIVE_IN"))["messages"] == 3


async def test_events_are_stored_as_they_came(heard: Heard, nc: Client) -> None:
    await heard.channels.publish_events("a", b"\xff anything", "e1")
    await heard.channels.publish_events("a", b"\xff anything", "e1")
    assert (await stored(nc, "LIVE_IN"))["messages"] == 1
    last = await nc.jetstream().get_msg("LIVE_IN", seq=1)
    assert last.data == b"\xff anything"


async def test_a_claim_is_won_once_also_over_another_connection_and_is_apart_by_room(
    heard: Heard, server: EmbeddedServer
) -> None:
    assert await heard.channels.claim("a", entry("c1")) is True
    assert await heard.channels.claim("a", entry("c1", Outcome.EXPIRED)) is False
    async with connected(server) as other:
        assert await other.channels.claim("a", entry("c1")) is False
        assert await other.channels.claim("b", entry("c1")) is True


async def test_any_text_may_be_an_id_and_each_is_its_own(heard: Heard) -> None:
    for subject_id in WEIRD[:5] + WEIRD[6:]:
        one = entry(subject_id.replace("\ud800", "?"))
        assert await heard.channels.claim("a", one) is True, subject_id
        assert await heard.channels.claim("a", one) is False, subject_id


def test_an_id_in_a_header_is_plain_and_stays_what_it_is_where_it_can() -> None:
    safe = [module._header_safe(one) for one in WEIRD if one]
    assert len(set(safe)) == len(safe)
    assert all(one.isascii() and one.isprintable() and " " not in one and len(one) <= 128 for one in safe)
    assert module._header_safe("claim:a:1.0:r") == "claim:a:1.0:r"


async def test_an_end_is_written_once_though_it_is_told_twice(heard: Heard, nc: Client) -> None:
    for _ in range(2):
        await heard.channels.record("a", entry("c1", Outcome.SENT))
    assert (await stored(nc, "LIVE_AUDIT"))["messages"] == 1


async def test_a_dead_letter_is_scrubbed_before_it_is_kept(server: EmbeddedServer, nc: Client) -> None:
    async with connected(server, lambda body: body.replace(b"geheim", b"***")) as heard:
        await heard.channels.bury("a", "not_json", "why", b"a geheim b", "d1")
        await heard.channels.bury("a", "not_json", "why", b"a geheim b", "d1")
    assert (await stored(nc, "LIVE_DEAD"))["messages"] == 1
    letter = json.loads((await nc.jetstream().get_last_msg("LIVE_DEAD", "live.dead.a")).data or b"")
    assert letter == {"v": 1, "reason": "not_json", "detail": "why", "encoding": "utf-8", "body": "a *** b"}


@pytest.mark.parametrize("spare", range(3))
def test_a_long_dead_letter_is_cut_between_characters(spare: int) -> None:
    body = b"x" * spare + "好".encode() * 30_000
    letter: dict[str, Any] = json.loads(dead_message("r", "d", body))
    assert (letter["encoding"], letter["cut_from_bytes"]) == ("utf-8", len(body))
    assert 65_530 < len(letter["body"].encode()) <= 65_536
    assert set(letter["body"][spare:]) == {"好"}


def test_a_dead_letter_that_is_no_text_is_kept_in_base64() -> None:
    letter: dict[str, Any] = json.loads(dead_message("r", "d", b"\xff" * 70_000))
    assert letter["encoding"] == "base64"
    assert base64.b64decode(letter["body"]) == b"\xff" * 65_536
    assert "cut_from_bytes" not in json.loads(dead_message("r", "d", b"short"))


async def test_before_the_bus_is_connected_nothing_is_taken() -> None:
    with pytest.raises(BusError, match="not connected yet"):
        await Channels().publish("a", "k", {})


async def test_a_server_that_is_gone_is_an_error_of_the_bus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PUBLISH_TIMEOUT_S", 0.3)
    async with serving(tmp_path) as server, connected(server) as heard:
        await heard.channels.publish("a", "k", {})
        await server.stop()
        with pytest.raises(BusError, match=r"live\.signals\.a was not stored"):
            await heard.channels.publish("a", "k", {})
        with pytest.raises(BusError):
            await heard.channels.claim("a", entry("c1"))
    with pytest.raises(BusError):  # and after our own close
        await heard.channels.publish("a", "k", {})


async def test_a_stream_that_is_missing_is_an_error_of_the_bus(heard: Heard, nc: Client) -> None:
    await nc.jetstream().delete_stream("LIVE_AUDIT")
    with pytest.raises(BusError):
        await heard.channels.claim("a", entry("c1"))


async def test_nothing_is_larger_than_the_server_takes(heard: Heard) -> None:
    assert heard.bus.nc.max_payload == 2 * 1024 * 1024
    with pytest.raises(BusError, match="MaxPayload"):
        await heard.channels.publish_events("a", b"x" * (2 * 1024 * 1024 + 1))
