"""The supervisor's notes on jobs it owes a stop, in the bucket KV_livecue_owned."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.api import BusApiError, api_request
from livecue.runtime.job_ports import Ownership
from livecue.runtime.ports import BusError, StaleStateError

_BUCKET = "livecue_owned"
_STREAM = f"KV_{_BUCKET}"
_TIMEOUT_S = 5.0
_AT_ONCE = 32  # a thousand rooms must not keep a tenant that changes hands waiting
_WRONG_LAST_SEQUENCE = 10071


class NatsOwnerships:
    """One key per room. Deleting writes an empty value: history is 1, so the note is gone.

    Every write is compare-and-set on the revision last seen, and loading writes each note anew: whoever had
    the tenant's lease before, and does not know that it is over, cannot change a note any more.
    """

    def __init__(self, nc: Client, stale: Callable[[], None] = lambda: None) -> None:
        """`stale()` is called when somebody else has written: what was loaded is not right any more."""
        self._nc = nc
        self._stale = stale
        self._revisions: dict[str, int] = {}

    async def load(self) -> dict[str, Ownership]:
        info = await api_request(self._nc, f"STREAM.INFO.{_STREAM}", {"subjects_filter": f"$KV.{_BUCKET}.>"})
        rooms = [subject.rpartition(".")[2] for subject in info["state"].get("subjects") or {}]
        owned: dict[str, Ownership] = {}
        for some in range(0, len(rooms), _AT_ONCE):
            notes = await asyncio.gather(*map(self._take, rooms[some : some + _AT_ONCE]))
            owned |= {room: note for room, note in notes if note is not None}
        return owned

    async def _take(self, room: str) -> tuple[str, Ownership | None]:
        """Read a note and write it anew."""
        body, self._revisions[room] = await self._get(room)
        if not body:
            return room, None
        note = msgspec.json.decode(body, type=Ownership)
        await self._put(room, body)
        return room, note

    async def save(self, room: str, owned: Ownership) -> None:
        await self._put(room, msgspec.json.encode(owned))

    async def drop(self, room: str) -> None:
        await self._put(room, b"")

    async def _put(self, room: str, body: bytes) -> None:
        if await self._written(room, body):
            return
        # Ours, stored but never acknowledged; or the server came back without its data; or another's.
        stored, revision = await self._get(room)
        if revision and stored != body:
            self._stale()
            raise StaleStateError(f"another replica wrote the note on {room}'s job")
        self._revisions[room] = revision
        if not revision and not await self._written(room, body):
            raise BusError(f"the note on {room}'s job was not stored: it changes too often")

    async def _written(self, room: str, body: bytes) -> bool:
        """False if the note has another revision than it had."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._revisions.get(room, 0))}
        try:
            reply = await self._nc.request(f"$KV.{_BUCKET}.{room}", body, timeout=_TIMEOUT_S, headers=headers)
        except (NatsError, OSError) as error:
            raise BusError(f"the note on {room}'s job was not stored: {type(error).__name__}") from error
        ack: dict[str, Any] = msgspec.json.decode(reply.data)
        failure = ack.get("error")
        if not failure:
            self._revisions[room] = int(ack["seq"])
            return True
        if failure.get("err_code") == _WRONG_LAST_SEQUENCE:
            return False
        raise BusError(f"the note on {room}'s job was refused: {failure.get('description')}")

    async def _get(self, room: str) -> tuple[bytes, int]:
        try:
            answer = await api_request(
                self._nc, f"STREAM.MSG.GET.{_STREAM}", {"last_by_subj": f"$KV.{_BUCKET}.{room}"}
            )
        except BusApiError as error:
            if error.code == 404:
                return b"", 0
            raise
        message = answer["message"]
        return base64.b64decode(message.get("data", "")), int(message["seq"])
