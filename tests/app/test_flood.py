"""A flood that came while the daemon was down: nothing stale is said, gifts are counted, the fresh goes on."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from livecue.bench.stage import ROOM, Stage, stage

MESSAGES = 30_000
KINDS = (1, 1, 1, 1, 1, 2, 3, 3, 4, 6)  # how the flood is mixed
CONTENTS: dict[int, dict[str, Any]] = {
    1: {"content": "这件多少钱"},
    2: {},
    3: {},
    4: {"gift": {"giftName": "心", "giftNum": 2}},
    6: {"numberOfViewers": 5},
}
RULES = [
    {
        "rule_index": index,
        "rule_name": index,
        "event_type": event_type,
        "hit_condition": {"relation": "AND", "tags": [tag]},
        "trigger": {"time_window": window, "reply_mode": "SYSTEM_REPLY", "reply_texts": [text]},
        "livecue": {"max_age_s": 3, "per_user_cooldown_s": 60},
    }
    for index, event_type, tag, text, window in (
        ("price", 1, {"tag": "content", "match": "REGEX", "value": "多少钱"}, "旧的", 0),
        ("fresh", 1, {"tag": "content", "match": "REGEX", "value": "新鲜"}, "新鲜的", 0),
        (
            "gifts",
            4,
            {"tag": "giftNum", "operation": "SUM", "match": "MATH_GE", "value": "1000000"},
            "太多了",
            0,
        ),
    )
]


viewers = itertools.count()  # each says one thing: no cooldown holds a reply back, and each is given back


def event(event_type: int, content: dict[str, Any]) -> bytes:
    whole = {"user": {"userId": str(next(viewers)), "name": "小王"}} | content
    return json.dumps(
        {"timestamp": time.time_ns() // 1_000_000, "type": event_type, "content": json.dumps(whole)}
    ).encode()


async def flood(ready: Stage) -> Counter[int]:
    js = ready.nc.jetstream()
    kinds = Counter[int]()
    for start in range(0, MESSAGES, 500):
        some = [KINDS[n % len(KINDS)] for n in range(start, start + 500)]
        kinds.update(some)
        await asyncio.gather(
            *(js.publish(f"live.events.{ROOM}", event(kind, CONTENTS[kind])) for kind in some)
        )
    return kinds


def rss_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS:"))


async def audit(ready: Stage) -> Counter[str]:
    """Cues by their last outcome, of lines that stand for many each of them."""
    ends = Counter[str]()
    subscription = await ready.nc.jetstream().subscribe(f"live.audit.{ROOM}", ordered_consumer=True)
    while True:
        try:
            message = await subscription.next_msg(timeout=1)
        except TimeoutError:
            return ends
        line = json.loads(message.data)
        if ":price" in line["subject_id"]:
            ends[line["outcome"]] += 1 + len(line.get("others", ()))


class Metrics:
    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    async def get(self) -> dict[str, float]:
        def page() -> str:
            with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                return str(answer.read().decode())

        lines = [line for line in (await asyncio.to_thread(page)).splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.mark.parametrize("shed_after_s", [0.1, 60])
async def test_a_flood_that_waited_is_caught_up_with_and_only_the_fresh_is_answered(
    shed_after_s: float,
) -> None:
    async with stage(RULES) as ready:
        async with ready.daemon():
            await ready.job_running()
        kinds = await flood(ready)
        await asyncio.sleep(3.1)  # now the last of it is stale
        metrics = Metrics()
        async with ready.daemon(
            http={"port": metrics.port}, inbox={"shed_after_s": shed_after_s}, dispatch={"max_age_s": 3}
        ):
            begun_rss: list[int] = []
            asked = time.monotonic()
            waited = 0.0
            while not ready.sandbox.commands:
                await ready.nc.jetstream().publish(f"live.events.{ROOM}", event(1, {"content": "新鲜吗"}))
                await asyncio.sleep(0.5)
                begun_rss.append(rss_mb(ready.pid))
                waited = time.monotonic() - asked
                assert waited < 40
            said = [
                c.params["text_config"]["text"] for c in ready.sandbox.commands if "text_config" in c.params
            ]
            counts = await metrics.get()
            events = {
                kind: counts.get(f'livecue_events_total{{reason="{kind}",room="{ROOM}"}}', 0)
                for kind in kinds
            }
            shed = {
                kind: counts.get(f'livecue_shed_events_total{{reason="{kind}",room="{ROOM}"}}', 0)
                for kind in kinds
            }
        assert set(said) == {"新鲜的"}
        assert (events[4], events[6], shed[1], shed[4], shed[6]) == (kinds[4], kinds[6], 0, 0, 0)
        assert events[1] >= kinds[1]
        for kind in (2, 3):
            assert events[kind] + shed[kind] == kinds[kind]
        assert (shed[2] + shed[3] > 0) == (shed_after_s < 1)
        assert (await audit(ready))["expired"] == kinds[1]
        assert max(begun_rss) < 140
        assert waited < 15
