"""How fast one daemon decides what is stored, singly and in batches, beside a plain nats-py consumer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from livecue.bench.floor import fetch_rate, floor_stream
from livecue.bench.latency import danmaku
from livecue.bench.stage import ROOM, Stage, keyword_rules, machine, stage
from livecue.domain import MAX_AGE_S

_RULES = 50
_BATCH_EVENTS = 100
_HIT_EVERY = 50
_IN_FLIGHT = 400
_TIMEOUT_S = 180.0


async def bench_throughput(singles: int, batches: int) -> dict[str, Any]:
    """Messages and events per second, the floor's, and their ratio; single ones also with a Nats-Msg-Id each."""
    async with stage(keyword_rules(_RULES)) as ready:
        single = await _measure(ready, [_single(n) for n in range(singles)], 1)
        known = await _measure(ready, [_single(n) for n in range(singles)], 1, ids=True)
        batch = await _measure(ready, [_batch(n) for n in range(batches)], _BATCH_EVENTS)
    return {"single": single, "single_with_ids": known, "batch": batch, "rules": _RULES, **machine()}


def _text(n: int) -> str:
    return f"请问问题{n % _RULES}号怎么样" if n % _HIT_EVERY == 0 else f"主播今天真好看第{n}次来"


def _single(n: int) -> bytes:
    return danmaku(_text(n))


def _batch(n: int) -> bytes:
    events = [msgspec.Raw(danmaku(_text(n * _BATCH_EVENTS + i))) for i in range(_BATCH_EVENTS)]
    return msgspec.json.encode({"total": len(events), "events": events})


async def _measure(ready: Stage, bodies: list[bytes], events: int, *, ids: bool = False) -> dict[str, Any]:
    """Store everything first, then start the daemon on it: from its first commit to its last."""
    async with floor_stream(ready.nc) as subject:
        await _store(ready.nc, subject, bodies, ids=ids)
        floor = await fetch_rate(ready.nc, subject, len(bodies))
    last = await _store(ready.nc, f"live.events.{ROOM}", bodies, ids=ids)
    moments: list[tuple[float, int]] = []
    done = asyncio.Event()

    async def committed(msg: Msg) -> None:
        seq = int(msgspec.json.decode(msg.data)["seq"])
        moments.append((time.perf_counter(), seq))
        if seq >= last:
            done.set()

    subscription = await ready.nc.subscribe("live.cursor.*", cb=committed)
    async with ready.daemon(dispatch={"max_age_s": MAX_AGE_S}):  # what is too late costs less
        await ready.until(done.is_set, _TIMEOUT_S, "not everything was decided")
        rss_mb = ready.rss_mb()
    await subscription.unsubscribe()
    (start, first), (end, final) = moments[0], max(moments, key=lambda moment: moment[1])
    rate = (final - first) / (end - start)
    return {
        "messages_per_s": round(rate),
        "events_per_s": round(rate * events),
        "floor_messages_per_s": round(floor),
        "ratio": round(rate / floor, 2),
        "rss_mb": rss_mb,
    }


async def _store(nc: Client, subject: str, bodies: list[bytes], *, ids: bool = False) -> int:
    """Publish with a few hundred acknowledgements outstanding; the last sequence."""
    js = nc.jetstream()
    last = 0
    for start in range(0, len(bodies), _IN_FLIGHT):
        publishes: list[Awaitable[Any]] = [
            js.publish(subject, body, headers={"Nats-Msg-Id": f"{subject}-{start + n}"} if ids else None)
            for n, body in enumerate(bodies[start : start + _IN_FLIGHT])
        ]
        last = max(ack.seq for ack in await asyncio.gather(*publishes))
    return last
