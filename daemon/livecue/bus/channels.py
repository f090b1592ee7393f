"""livecue's own subjects as faststream publishers, and the one subscriber of signals.

The message models here are what `docs/asyncapi.yaml` is generated from.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from faststream.exceptions import IncorrectState
from faststream.nats import JStream, NatsBroker, NatsMessage
from faststream.nats.publisher.usecase import LogicPublisher
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from pydantic import BaseModel, Field

from livecue.runtime.ports import AuditEntry, BusError

PUBLISH_TIMEOUT_S = 5.0  # faststream's own default of 0.5 s is shorter than a leader election
_DEAD_BODY_BYTES = 65_536


class EventMessage(BaseModel):
    """One event of a room as the platform's connector saw it (S4 6.2.7)."""

    timestamp: int = Field(description="when it happened, ms since 1970")
    type: int = Field(description="1 danmaku, 2 enter, 3 like, 4 gift, 5 follow, 6 viewers")
    content: str | dict[str, Any] = Field(description="a JSON object, or the same as a string")


class EventReportMessage(BaseModel):
    """Several events of a room in one message."""

    total: int
    events: list[EventMessage]


class SignalMessage(BaseModel):
    """A verified callback, or what livecue did to the room's job."""

    v: Literal[1] = 1
    kind: str
    data: dict[str, Any]


class CuesMessage(BaseModel):
    """What rules decided the avatar shall say or show."""

    v: Literal[1] = 1
    cues: list[dict[str, Any]]


class ReportMessage(BaseModel):
    """Events that go to live-event-report."""

    v: Literal[1] = 1
    report: dict[str, Any]


class AsksMessage(BaseModel):
    """What rules decided to ask somebody outside: the outbox of callbacks and chats."""

    v: Literal[1] = 1
    asks: list[dict[str, Any]]


class AuditMessage(BaseModel):
    """What became of a cue, a report or an ask."""

    v: Literal[1] = 1
    outcome: str
    subject_id: str
    at_ms: int


class DeadMessage(BaseModel):
    """A message that could not be read, and why."""

    v: Literal[1] = 1
    reason: str
    detail: str
    encoding: Literal["utf-8", "base64"]
    body: str


def _whole_characters(cut: bytes) -> bytes:
    """`cut` without the character that the cut went through, if it is UTF-8."""
    for missing in range(1, 4):
        if cut[-missing] >= 0xC0:
            return cut[:-missing]
        if cut[-missing] < 0x80:
            break
    return cut


def dead_message(reason: str, detail: str, body: bytes) -> bytes:
    """The dead letter of `body`, cut at 64 KiB."""
    cut = body[:_DEAD_BODY_BYTES]
    try:
        encoding, text = "utf-8", _whole_characters(cut).decode() if len(body) > len(cut) else cut.decode()
    except UnicodeDecodeError:
        encoding, text = "base64", base64.b64encode(cut).decode()
    letter: dict[str, Any] = {"v": 1, "reason": reason, "detail": detail, "encoding": encoding, "body": text}
    if len(body) > len(cut):
        letter["cut_from_bytes"] = len(body)
    return msgspec.json.encode(letter)


_CHANNELS: tuple[tuple[str, str, str, Any], ...] = (
    ("events", "LIVE_IN", "viewers' events, as platforms publish them", EventMessage | EventReportMessage),
    ("signals", "LIVE_IN", "verified callbacks and job changes", SignalMessage),
    ("audit", "LIVE_AUDIT", "what became of each cue, report and ask", AuditMessage),
    ("dead", "LIVE_DEAD", "what could not be read, with the reason", DeadMessage),
    # These three are written by the ledger, inside its atomic batches.
    ("cues", "LIVE_OUT", "what the avatar is to say or show", CuesMessage),
    ("reports", "LIVE_OUT", "events on their way to live-event-report", ReportMessage),
    ("asks", "LIVE_OUT", "what a shop's webhook or a chat endpoint is to be asked", AsksMessage),
)

_STREAM_OF = {name: stream for name, stream, _, _ in _CHANNELS}


async def _as_it_is(message: NatsMessage) -> NatsMessage:
    """Faststream hands a handler what the decoder returns; ours wants the subject and the bytes."""
    return message


class Channels:
    """Publishing to livecue's subjects; every publish waits for the stream's acknowledgement."""

    def __init__(self, scrub: Callable[[bytes], bytes] = bytes) -> None:
        """`scrub` takes the secrets out of a body before it is kept as a dead letter."""
        self._scrub = scrub
        self._publishers: dict[str, LogicPublisher] = {}

    def bind(self, broker: NatsBroker, on_signal: Callable[[str, bytes], None]) -> None:
        """Publish through `broker` from now on, and hand it the subscriber of signals.

        `on_signal(room, body)` hears every signal as it is published, as a hint to be quick.
        """
        for name, stream, what, schema in _CHANNELS:
            self._publishers[name] = broker.publisher(
                f"live.{name}.{{room}}",
                stream=JStream(stream, declare=False),  # declaring would overwrite what streams.py set
                timeout=PUBLISH_TIMEOUT_S,
                title=name,
                description=what,
                schema=schema,
            )

        @broker.subscriber("live.signals.*", title="signals-heard", no_reply=True, decoder=_as_it_is)
        async def hear(message: NatsMessage) -> None:
            raw = message.raw_message
            on_signal(raw.subject.rpartition(".")[2], raw.data)

    async def publish(self, room: str, kind: str, data: Mapping[str, Any], dedup_id: str = "") -> None:
        body = msgspec.json.encode({"v": 1, "kind": str(kind), "data": data})
        await self._send("signals", room, body, dedup_id)

    async def publish_events(self, room: str, body: bytes, dedup_id: str = "") -> None:
        await self._send("events", room, body, dedup_id)

    async def bury(self, room: str, reason: str, detail: str, body: bytes, dedup_id: str = "") -> None:
        await self._send("dead", room, dead_message(reason, detail, self._scrub(body)), dedup_id)

    async def claim(self, room: str, entry: AuditEntry) -> bool:
        again = f":{entry.attempt}" if entry.attempt > 1 else ""
        dedup_id = f"claim:{room}:{entry.subject_id}{again}"
        return not await self._send("audit", room, _audit_body(entry), dedup_id)

    async def record(self, room: str, entry: AuditEntry) -> None:
        again = f":{entry.attempt}" if entry.attempt > 1 else ""
        dedup_id = f"{entry.outcome}:{room}:{entry.subject_id}{again}"
        await self._send("audit", room, _audit_body(entry), dedup_id)

    async def _send(self, name: str, room: str, body: bytes, dedup_id: str) -> bool:
        """True when the stream already held a message with this id."""
        publisher = self._publishers.get(name)
        subject = f"live.{name}.{room}"
        if publisher is None:
            raise BusError("the bus is not connected yet")
        headers = {"Nats-Msg-Id": _header_safe(dedup_id)} if dedup_id else {}
        try:
            ack = await publisher.publish(
                body, subject, headers=headers, stream=_STREAM_OF[name], timeout=PUBLISH_TIMEOUT_S
            )
        except (NatsError, JetStreamError, IncorrectState, OSError, TimeoutError) as error:
            raise BusError(f"{subject} was not stored: {type(error).__name__}") from error
        return bool(ack.duplicate)


def _header_safe(dedup_id: str) -> str:
    """A rule's index, and so a cue's id, may hold anything; a header may not."""
    if dedup_id.isascii() and dedup_id.isprintable() and " " not in dedup_id and len(dedup_id) <= 128:
        return dedup_id
    return hashlib.blake2b(dedup_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _audit_body(entry: AuditEntry) -> bytes:
    return msgspec.json.encode({"v": 1, **msgspec.to_builtins(entry)})
