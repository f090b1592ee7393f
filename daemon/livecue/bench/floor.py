"""The floor: the same messages, the same server, nats-py and nothing of livecue."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.js.api import StorageType, StreamConfig

_SUBJECT = "floor.events"
_BATCH = 256


@asynccontextmanager
async def floor_stream(nc: Client) -> AsyncIterator[str]:
    """A file stream like LIVE_IN; its subject."""
    js = nc.jetstream()
    await js.add_stream(StreamConfig(name="FLOOR", subjects=[_SUBJECT], storage=StorageType.FILE))
    try:
        yield _SUBJECT
    finally:
        await js.delete_stream("FLOOR")


async def fetch_rate(nc: Client, subject: str, count: int) -> float:
    """Messages per second that a plain pull consumer fetches and acknowledges."""
    js = nc.jetstream()
    subscription = await js.pull_subscribe(subject, durable="floor")
    taken = 0
    start = time.perf_counter()
    while taken < count:
        messages = await subscription.fetch(min(_BATCH, count - taken), timeout=10)
        for msg in messages:
            await msg.ack()
        taken += len(messages)
    return taken / (time.perf_counter() - start)
