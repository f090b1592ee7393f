"""Danmaku published -> command received by the sandbox, at a steady rate, beside raw publish -> fetch -> ack."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError

from livecue.bench.floor import floor_stream
from livecue.bench.stage import ROOM, BenchError, Stage, keyword_rules, machine, stage

_RULES = 50
_HIT_EVERY = 20  # at 50 events/s: 2.5 replies/s, below the documented 4 commands/s of cn-north-4
_SETTLE_S = 3.0


async def bench_latency(rate: float, seconds: float) -> dict[str, Any]:
    """Both distributions in ms, and their ratios. `rate`: events per second."""
    async with stage(keyword_rules(_RULES)) as ready:
        floor = await _floor(ready.nc, rate, min(seconds, 10.0))
        async with ready.daemon():
            await ready.job_running()
            reply = await _replies(ready, rate, seconds)
            rss_mb = ready.rss_mb()
    ratio = {name: round(reply[name] / floor[name], 1) for name in ("p50_ms", "p99_ms")}
    return {"rate_per_s": rate, "reply": reply, "floor": floor, "ratio": ratio, "rss_mb": rss_mb, **machine()}


async def _replies(ready: Stage, rate: float, seconds: float) -> dict[str, Any]:
    sent: list[float] = []
    js = ready.nc.jetstream()
    count = int(rate * seconds)
    start = time.monotonic()
    for n in range(count):
        await asyncio.sleep(max(0.0, start + n / rate - time.monotonic()))
        hit = n % _HIT_EVERY == 0
        text = f"请问问题{len(sent) % _RULES}号怎么样" if hit else f"主播今天真好看第{n}次来"
        if hit:
            sent.append(time.monotonic())
        await js.publish(f"live.events.{ROOM}", danmaku(text))
    await asyncio.sleep(_SETTLE_S)
    received = [record.at_s for record in ready.sandbox.commands if record.command == "INSERT_PLAY_SCRIPT"]
    if len(received) != len(sent):
        raise BenchError(f"{len(sent)} questions got {len(received)} replies")
    return distribution([after - before for before, after in zip(sent, received, strict=True)])


async def _floor(nc: Client, rate: float, seconds: float) -> dict[str, Any]:
    """The same messages through the same server with nothing but nats-py."""
    js = nc.jetstream()
    async with floor_stream(nc) as subject:
        subscription = await js.pull_subscribe(subject, durable="floor")
        taken: list[float] = []

        async def consume(count: int) -> None:
            while len(taken) < count:
                try:
                    for msg in await subscription.fetch(1, timeout=1):
                        await msg.ack()
                        taken.append(time.monotonic())
                except NatsTimeoutError:
                    continue

        count = int(rate * seconds)
        consumer = asyncio.create_task(consume(count), name="floor-consumer")
        sent = []
        start = time.monotonic()
        for n in range(count):
            await asyncio.sleep(max(0.0, start + n / rate - time.monotonic()))
            sent.append(time.monotonic())
            await js.publish(subject, danmaku(f"主播今天真好看第{n}次来"))
        await asyncio.wait_for(consumer, 10)
    return distribution([after - before for before, after in zip(sent, taken, strict=True)])


def danmaku(text: str) -> bytes:
    """One danmaku event as a connector publishes it."""
    content = {"user": {"userId": "bench_1", "name": "观众", "level": 3}, "content": text}
    event = {
        "timestamp": time.time_ns() // 1_000_000,
        "type": 1,
        "content": msgspec.json.encode(content).decode(),
    }
    return msgspec.json.encode(event)


def distribution(seconds: list[float]) -> dict[str, Any]:
    """n, p50, p99 and maximum in ms."""
    ordered = sorted(value * 1000 for value in seconds)
    return {
        "n": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2], 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
        "max_ms": round(ordered[-1], 2),
    }
