"""A real daemon: one question from a viewer, and what the metrics and the log have to tell of it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from app.running import ROOM, daemon

PACK = """group_name: 好
interaction_rules:
  - rule_name: 价格
    rule_index: price
    event_type: 1
    hit_condition: {relation: AND, tags: [{tag: content, match: REGEX, value: 多少钱}]}
    trigger: {reply_texts: [看下方链接]}
"""


def value(page: str, series: str) -> float:
    """Of this series on the page; 0 if it is not there."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0


async def test_a_question_is_followed_from_the_bus_to_the_air(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "pack.yaml").write_text(PACK, "utf-8")
    async with daemon(tmp_path, rules) as running:
        await running.says("多少钱")
        await running.until(lambda: running.spoken == ["看下方链接"], "the reply")
        await running.until(lambda: bool(running.logged("cue-sent")), "its line")
        async with asyncio.timeout(20):
            page = ""
            while not value(page, 'livecue_airtime_queued_seconds{room="shop"}'):
                page = (await running.get("/metrics"))[1]
        [line] = running.logged("cue-sent")
    assert (line["room"], line["rule"], line["rule_name"], line["text"]) == (
        ROOM,
        "price",
        "价格",
        "看下方链接",
    )
    assert line["cue"] == f"{line['event_id']}:price"
    assert 0 < line["latency_ms"] < 20_000
    for series, least in (
        ('livecue_rules_total{did="hit",rule="price"}', 1),
        ('livecue_rules_total{did="sent",rule="price"}', 1),
        ("livecue_decide_latency_seconds_count", 1),
        ("livecue_cue_wait_seconds_count", 1),
        ('livecue_limiter_wait_seconds_count{operation="command"}', 1),
        ('livecue_limiter_wait_seconds_count{operation="start"}', 1),
        ('livecue_jobs{state="PROCESSING"}', 1),
    ):
        assert value(page, series) >= least, series
    assert 'livecue_breaker_open{operation="command"} 0.0' in page
    assert 0 < value(page, "livecue_decide_latency_seconds_sum") < 20
