"""Configurations, rules and events as a user and a platform write them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from acceptance.processes import Livecue, free_port

if TYPE_CHECKING:
    from acceptance.cloud import Cloud

CALLBACK_KEY = "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly"
STREAM_KEY = "streamkey-7f3c0a9e51"
WIDE_OPEN = {"max_queued_s": 600, "max_share": 1}
"""Airtime for tests that are not about it."""


def tag(value: str, match: str = "REGEX", name: str = "content", operation: str = "NONE") -> dict[str, str]:
    return {"tag": name, "operation": operation, "match": match, "value": value}


def rule(
    index: str, tags: str | Sequence[Mapping[str, str]], *texts: str, relation: str = "AND", **more: Any
) -> dict[str, Any]:
    """A rule as the cloud exports it; a text as `tags` is one REGEX on the danmaku."""
    condition = {
        "relation": relation,
        "priority": more.pop("priority", 500),
        "tags": [tag(tags)] if isinstance(tags, str) else list(tags),
    }
    top: dict[str, Any] = {
        key: more.pop(key) for key in ("enabled", "enabled_scenes", "livecue") if key in more
    }
    trigger: dict[str, Any] = {
        "reply_mode": "SYSTEM_REPLY",
        "time_window": 0,
        "reply_texts": list(texts or (f"答{index}",)),
    }
    return {
        "rule_index": index,
        "rule_name": f"规则 {index}",
        "event_type": more.pop("event_type", 1),
        "hit_condition": condition,
        "trigger": trigger | more,
        **top,
    }


def pack(folder: Path, rules: Iterable[Mapping[str, Any]]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    body = {"group_name": folder.name, "interaction_rules": list(rules)}
    (folder / "pack.json").write_text(json.dumps(body, ensure_ascii=False))
    return str(folder)


def once(seconds: float, start_in: float = -1, name: str = "evening") -> dict[str, str]:
    """A one-off session from `start_in` to `seconds` from now."""
    now = datetime.now(UTC)
    start, end = now + timedelta(seconds=start_in), now + timedelta(seconds=seconds)
    return {"name": name, "start": start.isoformat(), "end": end.isoformat()}


def room(key: str, rules: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A room that is live for the next two hours, unless `sessions` says otherwise."""
    body = {"key": key, "room_id": str(uuid.uuid4()), "rules": list(rules), "report": "none"}
    return {**body, "sessions": [once(7200)], **more}


def config(cloud: Cloud, rooms: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """livecue.yaml for rooms at this cloud, their airtime wide open."""
    port = free_port()
    metastudio = {
        "endpoint": cloud.endpoint,
        "project_id": cloud.project_id,
        "auth": {"ak": cloud.ak, "sk": cloud.sk},
        "timeout_s": 2,
    }
    http = {"host": "127.0.0.1", "port": port, "public_url": f"http://127.0.0.1:{port}"}
    top = {"metastudio": metastudio, "http": http, "airtime": WIDE_OPEN, "rooms": list(rooms)}
    return {**top, **more}


def event(content: Mapping[str, Any], kind: int = 1, *, as_text: bool = True) -> dict[str, Any]:
    text = json.dumps(content, ensure_ascii=False)
    return {"timestamp": int(time.time() * 1000), "type": kind, "content": text if as_text else content}


def user(user_id: str = "douyin_95882940927", **more: Any) -> dict[str, Any]:
    return {"userId": user_id, "name": "小明", "level": "23", "badge": "粉丝团", "badgeLevel": 4} | more


def danmaku(text: str, user_id: str = "douyin_95882940927", **more: Any) -> dict[str, Any]:
    return event({"user": user(user_id), "content": text}, **more)


def gift(total: int | str, name: str = "小心心") -> dict[str, Any]:
    given = {"giftName": name, "giftNum": 10, "totalValue": total, "giftValue": 3}
    return event({"user": user(), "gift": given}, 4)


class Bus:
    """A platform's connector: publishes events, and listens to what livecue publishes."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self.js: JetStreamContext = nc.jetstream()

    async def publish(self, room_key: str, *messages: Any, msg_id: str = "") -> None:
        """Each message stored on its own: a dict is sent as JSON, bytes as they are."""
        headers = {"Nats-Msg-Id": msg_id} if msg_id else None
        for message in messages:
            body = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
            await self.js.publish(f"live.events.{room_key}", body, headers=headers, timeout=5)

    async def report(self, room_key: str, events: Sequence[Mapping[str, Any]]) -> None:
        """All in one LiveEventReport."""
        await self.publish(room_key, {"total": len(events), "events": list(events)})

    async def hear(self, subject: str) -> list[dict[str, Any]]:
        """A list that fills with what is published on `subject` from now on."""
        heard: list[dict[str, Any]] = []

        async def on(message: Msg) -> None:
            heard.append(json.loads(message.data))

        await self.nc.subscribe(subject, cb=on)
        await self.nc.flush()
        return heard

    async def overhear(self, subject: str) -> list[str]:
        """A list that fills with the subjects of what is published under `subject` from now on."""
        heard: list[str] = []

        async def on(message: Msg) -> None:
            heard.append(message.subject)

        await self.nc.subscribe(subject, cb=on)
        await self.nc.flush()
        return heard


@asynccontextmanager
async def bus_of(where: Livecue | str) -> AsyncIterator[Bus]:
    """A connection to a daemon's embedded server, or to the server at a URL."""
    url, token = where.nats() if isinstance(where, Livecue) else (where, None)
    nc = await nats.connect(url, token=token, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    try:
        yield Bus(nc)
    finally:
        await nc.close()
