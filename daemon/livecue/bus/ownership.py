"""The supervisor's notes on jobs it owes a stop, in the bucket KV_livecue_owned."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.api import BusApiError, api_request
from livecue.runtime.ports import BusError, Ownership

_BUCKET = "livecue_owned"
_STREAM = f"KV_{_BUCKET}"
_TIMEOUT_S = 5.0


class NatsOwnerships:
    """One key per room. Deleting writes an empty value: history is 1, so the note is gone."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def load(self) -> dict[str, Ownership]:
        info = await api_request(self._nc, f"STREAM.INFO.{_STREAM}", {"subjects_filter": f"$KV.{_BUCKET}.>"})
        owned: dict[str, Ownership] = {}
        for subject in info["state"].get("subjects") or {}:
            body = await self._get(subject)
            if body:
                owned[subject.rpartition(".")[2]] = msgspec.json.decode(body, type=Ownership)
        return owned

    async def save(self, room: str, owned: Ownership) -> None:
        await self._put(room, msgspec.json.encode(owned))

    async def drop(self, room: str) -> None:
        await self._put(room, b"")

    async def _put(self, room: str, body: bytes) -> None:
        subject = f"$KV.{_BUCKET}.{room}"
        try:
            reply = await self._nc.request(subject, body, timeout=_TIMEOUT_S)
        except (NatsError, OSError) as error:
            raise BusError(f"the note on {room}'s job was not stored: {type(error).__name__}") from error
        ack: dict[str, Any] = msgspec.json.decode(reply.data)
        if ack.get("error"):
            raise BusError(f"the note on {room}'s job was refused: {ack['error'].get('description')}")

    async def _get(self, subject: str) -> bytes:
        try:
            answer = await api_request(self._nc, f"STREAM.MSG.GET.{_STREAM}", {"last_by_subj": subject})
        except BusApiError as error:
            if error.code == 404:
                return b""
            raise
        return base64.b64decode(answer["message"].get("data", ""))
