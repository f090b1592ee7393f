"""Reading a stream in order from a position on, without acknowledgements.

A tail is an ephemeral pull consumer with one pull request out at a time. It keeps its own position
and opens a new consumer behind the last message it saw whenever the old one is gone: after a
reconnect, when somebody deletes it, or when its heartbeats stop. So a crash loses no place and
waits for no ack_wait, and a deleted consumer is neither silence nor a storm of requests.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from livecue.bus.api import api_request
from livecue.runtime.ports import BusError

_BATCH = 256
_EXPIRES_S = 20
_HEARTBEAT_S = 4
_SILENT_S = 2.5 * _HEARTBEAT_S
_GONE_AFTER_S = 60
_FAREWELL_S = 1.0
_LOOK_S = 0.05  # the first look opens the reader, which knows how much there is
_REST_WAIT_S = 5.0


class StoredMsg(msgspec.Struct, frozen=True, gc=False):
    """A message with its place and store time."""

    subject: str
    seq: int
    at_ms: int
    body: bytes
    msg_id: str = ""


class StreamReplacedError(BusError):
    """The stream was deleted and made anew: its sequences count from 1 again.

    Remedy: begin again from the new stream's start.
    """


async def stream_created(nc: Client, stream: str) -> str:
    """When the stream was made, as the server says it: the name of its incarnation."""
    return str((await api_request(nc, f"STREAM.INFO.{stream}", {}))["created"])


class Place(NamedTuple):
    """Where a delivery stands: in the stream (`seq`), in its consumer (`turn`), and how many follow."""

    seq: int
    turn: int
    at_ms: int
    pending: int


def placed(msg: Msg) -> Place:
    """The place out of the reply subject of a JetStream delivery."""
    tokens = msg.reply.split(".")
    first = 5 if len(tokens) == 9 else 7  # since 2.10 a domain and an account hash may stand before
    seq, turn, at_ns, pending = map(int, tokens[first : first + 4])
    return Place(seq, turn, at_ns // 1_000_000, pending)


def _msg_id(msg: Msg) -> str:
    return msg.headers.get("Nats-Msg-Id", "") if msg.headers else ""


class Tail:
    """One reader of one stream. Not safe for use by two tasks at once."""

    def __init__(
        self,
        nc: Client,
        stream: str,
        subjects: list[str],
        *,
        after_seq: int = 0,
        since_ms: int | None = None,
        created: str = "",
    ) -> None:
        """Read messages with a sequence above `after_seq`, or stored since `since_ms`.

        `created` is the stream's creation time that `after_seq` belongs to; empty: whatever is there.
        """
        self._created = created
        self._nc = nc
        self._stream = stream
        self._subjects = subjects
        self._seen = after_seq
        self._since_ms = since_ms
        self._queue: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._subscription: Subscription | None = None
        self._consumer = ""
        self._asked = 0
        self._heard = 0.0
        self._reconnects = -1
        self._turn = 0
        self._pending = 0

    async def take(self, limit: int, wait_s: float) -> list[StoredMsg]:
        """Up to `limit` messages in order; an empty list when none came within `wait_s`.

        Raises:
            BusError: the consumer cannot be opened now; call again after a pause.
        """
        await self._keep_open()
        if not self._queue:
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._arrived.wait()
        taken: list[StoredMsg] = []
        while self._queue and len(taken) < limit:
            msg = self._queue.popleft()
            place = placed(msg)
            if place.turn != self._turn + 1:
                # What came before was on its way when the connection broke: read it again.
                await self.close()
                break
            self._turn, self._seen, self._pending = place.turn, place.seq, place.pending
            taken.append(StoredMsg(msg.subject, place.seq, place.at_ms, msg.data, _msg_id(msg)))
        return taken

    @property
    def lag(self) -> int:
        """Messages stored but not yet taken, as of the last delivery."""
        return self._pending + len(self._queue)

    async def close(self) -> None:
        """Forget the consumer; messages not taken yet stay in the stream."""
        subscription, self._subscription = self._subscription, None
        consumer, self._consumer = self._consumer, ""
        self._queue.clear()
        self._asked = 0
        with suppress(NatsError, BusError, OSError, TimeoutError):
            if subscription is not None:
                await subscription.unsubscribe()
            if consumer and self._nc.is_connected:
                async with asyncio.timeout(_FAREWELL_S):  # a courtesy: it goes by itself after _GONE_AFTER_S
                    await api_request(self._nc, f"CONSUMER.DELETE.{self._stream}.{consumer}", {})

    async def _keep_open(self) -> None:
        now = asyncio.get_running_loop().time()
        stale = self._reconnects != self._nc.stats["reconnects"] or now - self._heard > _SILENT_S
        if self._subscription is None or (stale and not self._queue):
            await self.close()
            await self._open()
        if self._asked <= 0 and len(self._queue) < _BATCH:
            await self._pull()

    async def _open(self) -> None:
        if not self._nc.is_connected:
            raise BusError("the bus is not connected")
        created = await stream_created(self._nc, self._stream)
        if created != (self._created or created):
            raise StreamReplacedError(f"{self._stream} was made anew")
        self._created = created
        config: dict[str, Any] = {
            "ack_policy": "none",
            "filter_subjects": self._subjects,
            "inactive_threshold": _GONE_AFTER_S * 1_000_000_000,
            "mem_storage": True,
            "num_replicas": 1,
        }
        if self._seen or self._since_ms is None:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": self._seen + 1}
        else:
            start = datetime.fromtimestamp(self._since_ms / 1000, UTC).isoformat()
            config |= {"deliver_policy": "by_start_time", "opt_start_time": start}
        name = f"livecue-{secrets.token_hex(6)}"
        try:
            inbox = self._nc.new_inbox()
            self._subscription = await self._nc.subscribe(inbox, cb=self._on_msg, pending_bytes_limit=-1)
            self._inbox = inbox
        except (NatsError, OSError) as error:
            raise BusError(f"cannot read {self._stream}: {type(error).__name__}") from error
        answer = await api_request(
            self._nc,
            f"CONSUMER.CREATE.{self._stream}.{name}",
            {"stream_name": self._stream, "config": config | {"name": name}, "action": "create"},
        )
        self._consumer = name
        self._reconnects = self._nc.stats["reconnects"]
        self._turn = 0
        self._pending = int(answer.get("num_pending", 0))
        self._asked = 0
        self._heard = asyncio.get_running_loop().time()

    async def _pull(self) -> None:
        request = {
            "batch": _BATCH,
            "expires": _EXPIRES_S * 1_000_000_000,
            "idle_heartbeat": _HEARTBEAT_S * 1_000_000_000,
            "max_bytes": self._nc.max_payload + 65_536,
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        self._asked = _BATCH
        try:
            await self._nc.publish(subject, msgspec.json.encode(request), reply=self._inbox)
        except (NatsError, OSError) as error:
            raise BusError(f"cannot read {self._stream}: {type(error).__name__}") from error

    async def _on_msg(self, msg: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        status = msg.headers.get("Status") if msg.headers and not msg.reply.startswith("$JS.ACK") else None
        if status is None:
            self._queue.append(msg)
            self._asked -= 1
            self._arrived.set()
        elif status != "100":
            # 404, 408, 409: this pull is over. A deleted consumer says so and is opened anew.
            self._asked = 0
            if "Deleted" in str((msg.headers or {}).get("Description", "")) or status == "503":
                self._heard = 0.0
            self._arrived.set()


async def to_the_end(tail: Tail, what: str) -> AsyncIterator[StoredMsg]:
    """What is there now, in order; the tail is closed afterwards.

    Raises:
        BusError: not everything could be read, and a half would be as good as a lie.
    """
    try:
        msgs = await tail.take(_BATCH, _LOOK_S)
        while msgs or tail.lag:
            for msg in msgs:
                yield msg
            if not tail.lag:
                return
            msgs = await tail.take(_BATCH, _REST_WAIT_S)
            if not msgs:
                raise BusError(f"{what} cannot be read to its end")
    finally:
        await tail.close()
