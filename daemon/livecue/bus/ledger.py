"""State and outputs, stored together: one atomic batch per round of a partition.

The batch starts with the partition's cursor, published with the sequence its last version must
have (compare-and-set). So a second writer of the partition, or our own earlier life, can never
get a decision in twice: its whole batch is refused. See docs/decisions/0002.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.api import BusApiError, api_request
from livecue.bus.outbox import ask_messages
from livecue.bus.tail import Tail, to_the_end
from livecue.domain import Cue, Report
from livecue.runtime.ports import BusError, Cursor, RoomCommit, SeenPage, StaleStateError

_STREAM = "LIVE_OUT"
_WRONG_LAST_SEQUENCE = 10071
_CUE_TTL = "120s"  # a cue is dead after seconds; the rest is for who wants to look
_REPORT_TTL = "30s"
_SEEN_TTL = "26h"  # what is still to be decided is at most a day old, and knows the hour before that
_CUES_PER_MESSAGE = 200
_CUES_BYTES = 400_000  # of one message, well below a server's smallest max_payload
_MAX_BATCH = 900  # the server's limit is 1000 messages
_TIMEOUT_S = 5.0

_Item = tuple[str, dict[str, str], bytes]


class NatsLedger:
    """The ledger on LIVE_OUT."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def cursor(self, partition: int) -> Cursor:
        found = await self._last(f"live.cursor.{partition}")
        if found is None:
            return Cursor()
        body, revision = found
        stored = msgspec.json.decode(body, type=dict[str, Any])
        return Cursor(int(stored["seq"]), revision, str(stored.get("incarnation", "")))

    async def state(self, room: str) -> bytes | None:
        found = await self._last(f"live.state.{room}")
        return found[0] if found else None

    async def seen(self, partition: int) -> list[bytes]:
        tail = Tail(self._nc, _STREAM, [f"live.seen.{partition}.*"])
        return [msg.body async for msg in to_the_end(tail, f"the ids of partition {partition}")]

    async def commit(
        self, partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
    ) -> Cursor:
        body = msgspec.json.encode({"v": 1, "seq": cursor.seq, "incarnation": cursor.incarnation})
        fence = {"Nats-Rollup": "sub", "Nats-Expected-Last-Subject-Sequence": str(cursor.revision)}
        items: list[_Item] = [(f"live.cursor.{partition}", fence, body)]
        for slot, page in pages:
            headers = {"Nats-Rollup": "sub", "Nats-TTL": _SEEN_TTL}
            items.append((f"live.seen.{partition}.{slot}", headers, page))
        for room in rooms:
            items.extend(_outputs(room))
        if len(items) > _MAX_BATCH:
            raise BusError(f"{len(items)} outputs in one round are more than one atomic batch holds")
        last = await (self._publish_batch(items) if len(items) > 1 else self._publish_one(items[0]))
        return Cursor(cursor.seq, last - len(items) + 1, cursor.incarnation)

    async def _publish_one(self, item: _Item) -> int:
        subject, headers, body = item
        return _acked(await self._request(subject, body, headers))

    async def _publish_batch(self, items: list[_Item]) -> int:
        batch = secrets.token_hex(10)
        answer = b""
        for place, (subject, own, body) in enumerate(items, 1):
            headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(place), **own}
            if place == len(items):
                headers["Nats-Batch-Commit"] = "1"
            if place in {1, len(items)}:
                answer = await self._request(subject, body, headers)
                if place == 1 and answer:
                    _acked(answer)  # refused at once, e.g. no room for another batch
            else:
                await self._publish(subject, body, headers)
        return _acked(answer)

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            await self._nc.publish(subject, body, headers=headers)
        except (NatsError, OSError) as error:
            raise BusError(f"{subject} was not stored: {type(error).__name__}") from error

    async def _request(self, subject: str, body: bytes, headers: dict[str, str]) -> bytes:
        try:
            return (await self._nc.request(subject, body, headers=headers, timeout=_TIMEOUT_S)).data
        except (NatsError, OSError) as error:
            raise BusError(f"{subject} was not stored: {type(error).__name__}") from error

    async def _last(self, subject: str) -> tuple[bytes, int] | None:
        try:
            answer = await api_request(self._nc, f"STREAM.MSG.GET.{_STREAM}", {"last_by_subj": subject})
        except BusApiError as error:
            if error.code == 404:
                return None
            raise
        message = answer["message"]
        return base64.b64decode(message.get("data", "")), int(message["seq"])


def _acked(answer: bytes) -> int:
    """The last sequence of a stored batch.

    Raises:
        StaleStateError: the compare-and-set failed.
        BusError: refused otherwise.
    """
    ack = msgspec.json.decode(answer, type=dict[str, Any])
    failure = ack.get("error")
    if not failure:
        return int(ack["seq"])
    if failure.get("err_code") == _WRONG_LAST_SEQUENCE:
        raise StaleStateError("another writer moved this partition on")
    raise BusError(f"the batch was refused: {failure.get('description', 'no reason given')}")


def _outputs(room: RoomCommit) -> Iterator[_Item]:
    if room.state is not None:
        yield f"live.state.{room.room}", {"Nats-Rollup": "sub"}, room.state
    for cues in _chunks(room.cues):
        yield f"live.cues.{room.room}", {"Nats-TTL": _CUE_TTL}, b'{"v":1,"cues":[%b]}' % b",".join(cues)
    for report in room.reports:
        yield (
            f"live.reports.{room.room}",
            {"Nats-TTL": _REPORT_TTL},
            msgspec.json.encode({"v": 1, "report": report}),
        )
    for ttl_s, body in ask_messages(room.asks):
        yield f"live.asks.{room.room}", {"Nats-TTL": f"{ttl_s}s"}, body


def _chunks(cues: list[Cue]) -> Iterator[list[bytes]]:
    """Encoded cues, as many together as one message may hold."""
    chunk: list[bytes] = []
    size = 0
    for cue in map(msgspec.json.encode, cues):
        if chunk and (len(chunk) == _CUES_PER_MESSAGE or size + len(cue) > _CUES_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(cue)
        size += len(cue)
    if chunk:
        yield chunk


class _CuesWire(msgspec.Struct):
    cues: list[Cue]


class _ReportWire(msgspec.Struct):
    report: Report


_cues_decoder = msgspec.json.Decoder(_CuesWire)
_report_decoder = msgspec.json.Decoder(_ReportWire)


def read_cues(body: bytes) -> list[Cue]:
    """The cues of one `live.cues.<room>` message."""
    return _cues_decoder.decode(body).cues


def read_report(body: bytes) -> Report:
    """The report of one `live.reports.<room>` message."""
    return _report_decoder.decode(body).report
