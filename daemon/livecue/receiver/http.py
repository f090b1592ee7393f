"""The HTTP edge: `POST /callbacks/{room}` and `POST /api/rooms/{room}/events`.

Every answer is a constant text: who is refused learns nothing, and no failure shows its inside. 2xx
is sent only once the bus has acknowledged; a bus that does not is 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from livecue.receiver.replay import dedup_id
from livecue.receiver.rooms import CallbackRequest, CallbackRoom, Judgement, judge
from livecue.receiver.signature import Verdict, same_secret
from livecue.receiver.translate import Callback, UnknownEvent, UnreadableError, scrubbed, translate
from livecue.runtime.ports import BusError, Count, EventSink, Meter, Now, Signals

log = structlog.get_logger()

CALLBACK_BYTES = 256 * 1024
EVENTS_BYTES = 1024 * 1024
READ_S = 15.0
"""How long a body may take to arrive."""
RETRY_AFTER_S = 5

_MSG_ID = re.compile(r"[\x21-\x7e]{1,128}")

Dead = Callable[[str, str, bytes], Awaitable[None]]
"""Where a verified but unreadable body goes: room, reason, body without secrets."""

Endpoint = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """The request is answered with `status`; `headers` go along. Remedy: the caller's."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class _Edge(NamedTuple):
    rooms: Mapping[str, CallbackRoom]
    signals: Signals
    sink: EventSink | None
    meter: Meter
    now: Now
    dead: Dead
    event_rooms: Collection[str]
    event_tokens: Sequence[str]


def routes(
    rooms: Mapping[str, CallbackRoom],
    signals: Signals,
    sink: EventSink | None,
    meter: Meter,
    now: Now,
    *,
    dead: Dead,
    event_rooms: Collection[str] = (),
    event_tokens: Sequence[str] = (),
) -> list[Route]:
    """The receiver's routes for a Starlette application.

    Args:
        rooms: rooms that take callbacks, by key.
        signals: where verified callbacks go.
        sink: where events go; None: there is no such route.
        meter: counts CALLBACKS_VERIFIED and CALLBACKS_REJECTED, with a reason.
        now: wall clock, ms.
        dead: takes verified but unreadable bodies.
        event_rooms: keys of the rooms that take events.
        event_tokens: accepted bearer tokens (the current and the previous); none: nobody is let in.
    """
    edge = _Edge(rooms, signals, sink, meter, now, dead, event_rooms, event_tokens)
    found = [Route("/callbacks/{room}", _guarded(edge, _callback), methods=["POST"])]
    if sink is not None:
        found.append(Route("/api/rooms/{room}/events", _guarded(edge, _events), methods=["POST"]))
    return found


def _guarded(edge: _Edge, handle: Callable[[_Edge, Request], Awaitable[Response]]) -> Endpoint:
    """Turn every way out of `handle` into a constant answer."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handle(edge, request)
        except RefusedError as refused:
            return Response(str(refused), refused.status, refused.headers, "text/plain")
        except BusError as error:
            log.warning("bus-refused", path=request.scope.get("path", ""), error=str(error))
            return _busy()
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.exception("request-failed", path=request.scope.get("path", ""))
            return Response("internal error", 500, media_type="text/plain")

    return endpoint


async def _callback(edge: _Edge, request: Request) -> Response:
    room = edge.rooms.get(request.path_params["room"])
    if room is None:
        edge.meter.count(Count.CALLBACKS_REJECTED, reason="unknown_room")
        raise RefusedError(404, "not found")
    try:
        body = await _body(request, CALLBACK_BYTES)
    except RefusedError:
        edge.meter.count(Count.CALLBACKS_REJECTED, room.room, reason="too_large_or_slow")
        raise
    judgement = judge(room, _as_received(room, request, body, edge.now()))
    if judgement.verdict != Verdict.GENUINE:
        _reject(edge, room, judgement.verdict)
        raise RefusedError(401, "unauthorized")
    try:
        callback = translate(body)
    except UnreadableError as error:
        return await _unreadable(edge, room, "unreadable", str(error), body)
    if isinstance(callback, UnknownEvent):
        edge.meter.count(Count.CALLBACKS_VERIFIED, room.room, reason="unknown")
        log.info("callback-unknown", room=room.room, event_type=callback.event_type)
        return _taken(200)
    if callback.room_id not in {"", room.room_id}:
        return await _unreadable(edge, room, "room_mismatch", "room_id is another room's", body)
    await _publish(edge, room, judgement, callback, body)
    return _taken(200)


async def _publish(
    edge: _Edge, room: CallbackRoom, judgement: Judgement, callback: Callback, body: bytes
) -> None:
    once = dedup_id(room.room, judgement.hw_time, judgement.secret, body, callback)
    await edge.signals.publish(room.room, callback.kind, callback.data, once)
    edge.meter.count(Count.CALLBACKS_VERIFIED, room.room, reason=str(callback.kind))


async def _unreadable(edge: _Edge, room: CallbackRoom, reason: str, why: str, body: bytes) -> Response:
    _reject(edge, room, reason)
    await edge.dead(room.room, f"callback: {why}", scrubbed(body))
    raise RefusedError(400, "bad request")


def _reject(edge: _Edge, room: CallbackRoom, reason: str) -> None:
    edge.meter.count(Count.CALLBACKS_REJECTED, room.room, reason=reason)
    log.warning("callback-rejected", room=room.room, auth_type=str(room.auth_type), reason=reason)


async def _events(edge: _Edge, request: Request) -> Response:
    if not _bearer_ok(request, edge.event_tokens):
        raise RefusedError(401, "unauthorized", {"WWW-Authenticate": "Bearer"})
    room = request.path_params["room"]
    if room not in edge.event_rooms:
        raise RefusedError(404, "not found")
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise RefusedError(415, "content type must be application/json")
    once = _message_id(request, room)
    body = await _body(request, EVENTS_BYTES)
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedError(400, "body must be a JSON object") from None
    if edge.sink is None:
        raise RefusedError(404, "not found")
    await edge.sink.publish_events(room, body, once)
    return _taken(202)


def _message_id(request: Request, room: str) -> str:
    """Nats-Msg-Id as on the bus; Idempotency-Key within its room, since the bus knows ids of all rooms."""
    found = []
    for header, prefix in (("nats-msg-id", ""), ("idempotency-key", f"http-{room}-")):
        values = request.headers.getlist(header)
        if len(values) > 1 or any(_MSG_ID.fullmatch(value) is None for value in values):
            raise RefusedError(400, f"{header} must be one value of 1 to 128 printable characters")
        found += [prefix + value for value in values]
    return found[0] if found else ""


def _bearer_ok(request: Request, tokens: Sequence[str]) -> bool:
    values = request.headers.getlist("authorization")
    if len(values) != 1:
        return False
    scheme, _, given = values[0].partition(" ")
    return scheme.lower() == "bearer" and same_secret(given.strip(), tokens)


async def _body(request: Request, most_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise RefusedError(413, "too large", {"Connection": "close"})
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_S):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise RefusedError(413, "too large", {"Connection": "close"})
                parts.append(part)
    except TimeoutError:
        raise RefusedError(408, "too slow", {"Connection": "close"}) from None
    return b"".join(parts)


def _as_received(room: CallbackRoom, request: Request, body: bytes, now_ms: int) -> CallbackRequest:
    return CallbackRequest(
        url=room.public_url,
        query=request.scope.get("query_string", b"").decode("latin-1"),
        headers=tuple((key.lower(), value) for key, value in request.headers.items()),
        body=body,
        now_s=now_ms / 1000,
    )


def _taken(status: int) -> Response:
    return Response(b"{}", status, media_type="application/json")


def _busy() -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return Response("try again later", 503, headers, "text/plain")
