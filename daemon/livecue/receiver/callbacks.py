"""`POST /callbacks/{room}`: verified, translated, published, and only then answered 2xx.

Who is not believed gets 401 without a word of why, whether there is such a room or not; the log and the
metrics know the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from livecue.receiver.edge import RefusedError, read_body, taken
from livecue.receiver.replay import Seen, dedup_id, exact_id
from livecue.receiver.request import CallbackRequest
from livecue.receiver.rooms import CallbackRoom, Judgement, judge, stranger
from livecue.receiver.signature import Verdict
from livecue.receiver.translate import UnknownEvent, UnreadableError, scrubbed, translate
from livecue.runtime.ports import Count, Meter, Now, Signals

log = structlog.get_logger()

CALLBACK_BYTES = 64 * 1024

Dead = Callable[[str, str, bytes], Awaitable[None]]
"""Where a verified but unreadable body goes: room, reason, body without secrets."""


class Unknown(msgspec.Struct, frozen=True):
    """A verified callback of a type that this version does not know; `body` holds no secrets.

    `once` is the same for every repetition of it.
    """

    event_type: str
    once: str
    body: bytes


Keep = Callable[[str, Unknown], Awaitable[None]]
"""Where a callback of an unknown type goes."""


class CallbackDoor:
    """The endpoint."""

    def __init__(
        self,
        rooms: Mapping[str, CallbackRoom],
        signals: Signals,
        meter: Meter,
        now: Now,
        *,
        dead: Dead,
        keep: Keep,
        base: str = "",
    ) -> None:
        """`rooms` is looked up anew for each callback. `base`: the URL that ends in `/callbacks/`."""
        self._rooms = rooms
        self._signals = signals
        self._meter = meter
        self._now = now
        self._dead = dead
        self._keep = keep
        self._base = base
        self._seen = Seen()

    async def __call__(self, request: Request) -> Response:
        key = request.path_params["room"]
        room = self._rooms.get(key)
        try:
            body = await read_body(request, CALLBACK_BYTES)
        except RefusedError as refused:
            self._reject(room, "too_large" if refused.status == 413 else "too_slow")
            raise
        now_ms = self._now()
        if room is None:
            self._reject(None, "unknown_room")
            known = not stranger(
                self._rooms.values(), _as_received(f"{self._base}{key}", request, body, now_ms)
            )
            raise RefusedError(404, "not found") if known else RefusedError(401, "unauthorized")
        judgement = judge(room, _as_received(room.public_url, request, body, now_ms))
        if judgement.verdict != Verdict.GENUINE:
            self._reject(room, judgement.verdict, judgement.key_id)
            raise RefusedError(401, "unauthorized")
        await self._take(room, judgement, body, now_ms)
        return taken(200)

    async def _take(self, room: CallbackRoom, judgement: Judgement, body: bytes, now_ms: int) -> None:
        try:
            callback = translate(body)
        except UnreadableError as error:
            raise await self._unreadable(room, "unreadable", str(error), body) from None
        if isinstance(callback, UnknownEvent):
            once = exact_id(room.room, judgement.hw_time, judgement.secret, body)
            await self._keep(room.room, Unknown(callback.event_type, once, scrubbed(body)))
            log.info("callback-unknown", room=room.room, event_type=callback.event_type)
            self._verified(room, judgement, "unknown")
            return
        if callback.room_id not in {"", room.room_id, room.standby}:
            raise await self._unreadable(room, "room_mismatch", "room_id is another room's", body)
        once = dedup_id(room.room, judgement.hw_time, judgement.secret, body, callback)
        if self._seen.before(once, now_ms):
            self._verified(room, judgement, "repeated")
            return
        await self._signals.publish(room.room, callback.kind, callback.data, once)
        self._seen.add(once, now_ms)
        self._verified(room, judgement, str(callback.kind))

    def _verified(self, room: CallbackRoom, judgement: Judgement, what: str) -> None:
        self._meter.count(Count.CALLBACKS_VERIFIED, room.room, reason=what)
        self._meter.count(Count.CALLBACK_KEYS, room.room, reason=judgement.key_id)

    async def _unreadable(self, room: CallbackRoom, reason: str, why: str, body: bytes) -> RefusedError:
        self._reject(room, reason)
        await self._dead(room.room, f"callback: {why}", scrubbed(body))
        return RefusedError(400, "bad request")

    def _reject(self, room: CallbackRoom | None, reason: str, key_id: str = "") -> None:
        name, auth_type = (room.room, str(room.auth_type)) if room else ("", "")
        self._meter.count(Count.CALLBACKS_REJECTED, name, reason=str(reason))
        log.warning("callback-rejected", room=name, auth_type=auth_type, reason=str(reason), key_id=key_id)


def _as_received(url: str, request: Request, body: bytes, now_ms: int) -> CallbackRequest:
    return CallbackRequest(
        url=url,
        query=request.scope.get("query_string", b"").decode("latin-1"),
        headers=tuple((key.lower(), value) for key, value in request.headers.items()),
        body=body,
        now_s=now_ms / 1000,
    )
