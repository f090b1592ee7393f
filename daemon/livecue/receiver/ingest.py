"""`POST /api/rooms/{room}/events`: events of platforms that cannot speak NATS.

The schema is the bus's own. Unlike MetaStudio's callbacks the caller has shown a token, so what is wrong
with a body is said.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from livecue.receiver.edge import RefusedError, read_body, taken
from livecue.receiver.rate import Debts
from livecue.receiver.signature import same_secret
from livecue.runtime.decoding import UnreadableError, read_events
from livecue.runtime.ports import BusError, Count, Delivery, EventSink, Lane, Meter, Now

log = structlog.get_logger()

EVENTS_BYTES = 1_000_000
"""Below the 1 MiB that a NATS server takes by default, headers included."""

_MSG_ID = re.compile(r"[\x21-\x7e]{1,128}")
_NO_TYPES: frozenset[int] = frozenset()


class IngestRoom(msgspec.Struct, frozen=True):
    """Who may post for a room: SHA-256 of bearer tokens in hex, beside the tokens that are good for all."""

    tokens_sha256: tuple[str, ...] = ()
    max_events_per_s: float = 1000

    def __repr__(self) -> str:
        return f"IngestRoom({len(self.tokens_sha256)} tokens)"


def token_hash(token: str) -> str:
    """What of a bearer token stands in the configuration."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class IngestDoor:
    """The endpoint. `rooms` and `tokens_sha256` are looked up anew for each request."""

    def __init__(
        self,
        rooms: Mapping[str, IngestRoom],
        tokens_sha256: Sequence[str],
        sink: EventSink,
        meter: Meter,
        now: Now,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tokens_sha256`: of the tokens that are good for every room."""
        self._rooms = rooms
        self._everywhere = tokens_sha256
        self._sink = sink
        self._meter = meter
        self._now = now
        self._mono_s = mono_s
        self._debts = Debts()

    async def __call__(self, request: Request) -> Response:
        name = request.path_params["room"]
        room = self._rooms.get(name)
        try:
            answer = await self._take(request, name, room)
        except RefusedError as refused:
            self._count(name if room else "", str(refused.status))
            raise
        except BusError:
            self._count(name, "503")
            raise
        self._count(name, "202")
        return answer

    async def _take(self, request: Request, name: str, room: IngestRoom | None) -> Response:
        token = _bearer(request)
        everywhere = same_secret(token, self._everywhere)
        here = same_secret(token, room.tokens_sha256 if room else ())
        if not everywhere and not here:
            log.warning("events-refused", room=name if room else "", reason="bearer token")
            raise RefusedError(401, "unauthorized", {"WWW-Authenticate": "Bearer"})
        if room is None:
            raise RefusedError(404, "not found")
        if wait_s := self._debts.wait_s(name, self._mono_s()):
            raise RefusedError(429, "too many events for this room", {"Retry-After": str(wait_s)})
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type != "application/json":
            raise RefusedError(415, "content type must be application/json")
        once = _message_id(request, name, everywhere=everywhere)
        body = await read_body(request, EVENTS_BYTES)
        events, unreadable = self._looked_over(name, body)
        self._debts.charge(name, events + unreadable, room.max_events_per_s, self._mono_s())
        await self._sink.publish_events(name, body, once)
        return taken(202, msgspec.json.encode({"events": events, "unreadable": unreadable}))

    def _looked_over(self, room: str, body: bytes) -> tuple[int, int]:
        """How many events can be read and how many cannot; the latter become dead letters, as on the bus.

        Raises:
            RefusedError: 422, none can.
        """
        found = read_events(Delivery(0, self._now(), Lane.EVENTS, room, body), _NO_TYPES)
        bad = [one for one in found if isinstance(one, UnreadableError)]
        if len(bad) == len(found):
            why = f"{bad[0].reason}: {bad[0].detail}" if bad else "not_an_event: `events` is empty"
            raise RefusedError(422, why)
        return len(found) - len(bad), len(bad)

    def _count(self, room: str, status: str) -> None:
        self._meter.count(Count.INGEST, room, reason=status)


def _bearer(request: Request) -> str:
    """The hash of the one bearer token given; empty if there is none, or more than one."""
    values = request.headers.getlist("authorization")
    scheme, _, given = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return token_hash(given.strip()) if scheme.lower() == "bearer" and given.strip() else ""


def _message_id(request: Request, room: str, *, everywhere: bool) -> str:
    """Nats-Msg-Id as on the bus, Idempotency-Key within its room.

    The bus knows ids of all rooms: who has a token for one room must not use up another's, nor ours.
    """
    found = []
    own = f"http-{room}-"
    for header, prefix in (("nats-msg-id", "" if everywhere else own), ("idempotency-key", own)):
        values = request.headers.getlist(header)
        if len(values) > 1 or any(_MSG_ID.fullmatch(value) is None for value in values):
            raise RefusedError(400, f"{header} must be one value of 1 to 128 printable characters")
        found += [prefix + value for value in values]
    return found[0] if found else ""
