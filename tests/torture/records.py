"""What a torture leaves on the bus and in the cloud, read for the auditor."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nats.js.api import DeliverPolicy

from acceptance.cloud import Cloud
from acceptance.writing import Bus
from torture.auditor import Event, Kind, Line, RoomRecord, Stored

_WAIT_S = 10


@dataclass(frozen=True)
class Accounts:
    """By room: the events as stored, and the audit. `dead`: what nobody could read."""

    stored: Mapping[str, Sequence[Stored]]
    audit: Mapping[str, Sequence[Line]]
    dead: Sequence[str]

    @classmethod
    async def read(cls, bus: Bus) -> Accounts:
        stored: defaultdict[str, list[Stored]] = defaultdict(list)
        audit: defaultdict[str, list[Line]] = defaultdict(list)
        async for subject, seq, body in everything(bus, "LIVE_IN", "live.events.>"):
            stored[subject.rpartition(".")[2]].append(Stored(seq, as_published(body)))
        async for subject, _, body in everything(bus, "LIVE_AUDIT", "live.audit.>"):
            told = (body["subject_id"], body["outcome"], body.get("rule_index", ""), body.get("events", 0))
            audit[subject.rpartition(".")[2]].append(Line(*told))
        dead = [str(body) async for _, _, body in everything(bus, "LIVE_DEAD", "live.dead.>")]
        return cls(stored, audit, dead)

    def room(self, key: str, room_id: str, cloud: Cloud, acknowledged: Sequence[Event]) -> RoomRecord:
        """All there is of one room."""
        reported = [json.loads(one["content"])["user"]["name"] for one in cloud.reported(room_id)]
        return RoomRecord(
            acknowledged=[one.number for one in acknowledged],
            stored=self.stored.get(key, ()),
            said=cloud.said(room_id),
            reported=[int(name.removeprefix("n")) for name in reported],
            audit=self.audit.get(key, ()),
            jobs=[job.over for job in cloud.jobs.values() if job.room_id == room_id],
        )


def as_published(body: Mapping[str, Any]) -> Event:
    """The event that was written so."""
    content = json.loads(body["content"])
    number = int(content["user"]["name"].removeprefix("n"))
    if gift := content.get("gift"):
        kind = Kind.ROCKET if gift["giftName"] == "火箭" else Kind.GIFT
        return Event(number, kind, gift["totalValue"])
    return Event(number, Kind.CALL if content["content"].startswith("第") else Kind.CHAT)


async def everything(bus: Bus, stream: str, subject: str) -> AsyncIterator[tuple[str, int, dict[str, Any]]]:
    """(subject, place, body) of all that a stream holds now, in order."""
    state = (await bus.js.stream_info(stream, subjects_filter=subject)).state
    left = sum((state.subjects or {}).values())
    reader = await bus.js.subscribe(
        subject, stream=stream, ordered_consumer=True, deliver_policy=DeliverPolicy.ALL
    )
    try:
        for _ in range(left):
            msg = await reader.next_msg(_WAIT_S)
            yield msg.subject, msg.metadata.sequence.stream, json.loads(msg.data)
    finally:
        await reader.unsubscribe()
