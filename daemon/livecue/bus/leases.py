"""The leases in the bucket KV_livecue_leases: one table of who has what, and a record per replica.

Read by direct get, which any server of a cluster may answer from what it has: late, but never wrong in
what `runtime.leases` draws from it. Written by compare-and-set on the record's last revision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from livecue.bus.api import BusApiError, api_request
from livecue.runtime.lease_ports import Lease, Member, Snapshot, StaleRecordError
from livecue.runtime.ports import BusError

log = structlog.get_logger()

_BUCKET = "livecue_leases"
_STREAM = f"KV_{_BUCKET}"
_PREFIX = f"$KV.{_BUCKET}."
_MEMBER = "member-"
_TIMEOUT_S = 1.5
_GONE_TTL = "3600s"  # the word that a replica is gone; replicas of Kubernetes have new names for ever
_MOST = 1000
_WRONG_LAST_SEQUENCE = 10071


class _Table(msgspec.Struct):
    leases: dict[str, Lease]
    v: int = 1


class NatsLeases:
    """`LeaseStore` on NATS."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def created(self) -> str:
        return str((await api_request(self._nc, f"STREAM.INFO.{_STREAM}", {}))["created"])

    async def snapshot(self) -> Snapshot:
        table: dict[str, Lease] = {}
        members: dict[str, tuple[int, Member]] = {}
        revision = 0
        for msg in await self._last_of_all():
            headers = msg.headers or {}
            key, seq = headers["Nats-Subject"].removeprefix(_PREFIX), int(headers["Nats-Sequence"])
            try:
                if key == "table":
                    table, revision = msgspec.json.decode(msg.data, type=_Table).leases, seq
                elif key.startswith(_MEMBER):
                    members[key.removeprefix(_MEMBER)] = seq, msgspec.json.decode(msg.data, type=Member)
            except msgspec.MsgspecError as error:
                raise BusError(f"{key} of {_STREAM} is not livecue's: {error}: delete that key") from error
        return Snapshot(table, revision, members)

    async def _last_of_all(self) -> list[Msg]:
        """The last message of each key."""
        body = msgspec.json.encode({"multi_last": [f"{_PREFIX}>"], "batch": _MOST})
        found: list[Msg] = []
        try:
            inbox = self._nc.new_inbox()
            subscription = await self._nc.subscribe(inbox)
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await self._nc.publish(f"$JS.API.DIRECT.GET.{_STREAM}", body, reply=inbox)
                    while True:
                        msg = await subscription.next_msg(_TIMEOUT_S)
                        status = (msg.headers or {}).get("Status")
                        if status is None:
                            found.append(msg)
                        elif status in {"204", "404"}:  # the end, or nothing there
                            return found
                        else:
                            raise BusError(f"{_STREAM} was not read: status {status}")
            finally:
                if self._nc.is_connected:
                    await subscription.unsubscribe()
        except (NatsError, OSError, TimeoutError) as error:
            raise BusError(f"the leases cannot be read: {type(error).__name__}") from error

    async def put_member(self, replica: str, member: Member, revision: int) -> int:
        ttl = {"Nats-TTL": _GONE_TTL} if member.gone else {}
        body = {"v": 1, **msgspec.to_builtins(member)}
        return await self._put(f"{_MEMBER}{replica}", body, revision, ttl)

    async def put_table(self, table: Mapping[str, Lease], revision: int) -> int:
        return await self._put("table", _Table(dict(table)), revision, {})

    async def _put(self, key: str, body: Any, revision: int, more: Mapping[str, str]) -> int:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision), **more}
        try:
            reply = await self._nc.request(
                f"{_PREFIX}{key}", msgspec.json.encode(body), headers=headers, timeout=_TIMEOUT_S
            )
        except (NatsError, OSError) as error:
            raise BusError(f"the lease record {key} was not stored: {type(error).__name__}") from error
        ack: dict[str, Any] = msgspec.json.decode(reply.data)
        failure = ack.get("error")
        if not failure:
            return int(ack["seq"])
        if failure.get("err_code") == _WRONG_LAST_SEQUENCE:
            raise StaleRecordError(f"somebody else wrote {key}")
        raise BusApiError(
            f"{key} was refused: {failure.get('description')}", code=int(failure.get("code", 0))
        )
