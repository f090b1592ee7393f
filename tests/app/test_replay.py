from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import nats
import pytest
from typer.testing import CliRunner

from livecue.app.replay import RecordingError, compare, read_recording, write_recording
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.recording import recorded
from livecue.bus.streams import ensure_streams
from livecue.cli.main import cli
from livecue.engine import Program, compile_rules
from livecue.engine.rules import HitCondition, Match, Rule, Tag, Trigger
from livecue.runtime.ports import BusError, Delivery

SHIPPED = Path(__file__).parents[2] / "rules"


def answering(**rules: tuple[str, str]) -> Program:
    return compile_rules(
        [
            Rule(
                rule_index=index,
                event_type=1,
                hit_condition=HitCondition(tags=(Tag("content", Match.REGEX, pattern),)),
                trigger=Trigger(time_window=10, reply_texts=(text,)),
            )
            for index, (pattern, text) in rules.items()
        ]
    )


def said(text: str, at_s: int, room: str = "shop") -> bytes:
    body: dict[str, Any] = {"timestamp": 1, "type": 1, "content": {"content": text}}
    return json.dumps({"at_ms": at_s * 1000, "room": room, "body": body}).encode()


def test_the_difference_is_what_viewers_would_have_heard() -> None:
    lines = [said("价格", 1), said("价格", 2), said("尺码", 3), said("发货", 4), said("哈哈", 5), b""]
    old = answering(price=("价格", "十块"), size=("尺码", "均码"))
    new = answering(price=("价格", "九块"), ship=("发货", "明天"))
    found = compare(read_recording(lines), old, new)
    assert [f"{one.told}: {one.old} -> {one.new}" for one in found.differences] == [
        "danmaku 价格: 十块  [price] -> 九块  [price]",
        "danmaku 尺码: 均码  [size] -> nothing",
        "danmaku 发货: nothing -> 明天  [ship]",
    ]
    assert found.counts == {
        "events": 5,
        "replies_old": 2,
        "replies_new": 2,
        "same": 0,
        "changed": 1,
        "gone": 1,
        "added": 1,
    }


def test_the_same_rules_make_no_difference_and_rooms_keep_apart() -> None:
    lines = [said("价格", 1), said("价格", 2, "other"), said("价格", 3)]
    rules = answering(price=("价格", "十块"))
    found = compare(read_recording(lines), rules, rules)
    assert (found.differences, found.counts["replies_new"], found.counts["same"]) == ([], 2, 2)


def test_batches_strings_and_signals_are_read_and_the_unreadable_counted() -> None:
    price = {"timestamp": 1, "type": 1, "content": json.dumps({"content": "价格"})}
    one, two = ({"v": 1, "kind": "job_started", "data": {"job_id": job}} for job in "12")
    lines = [
        json.dumps({"at_ms": 0, "room": "shop", "body": one, "lane": "signals"}),
        json.dumps({"at_ms": 1, "room": "shop", "body": {"total": 2, "events": [price, {"type": "?"}]}}),
        json.dumps({"at_ms": 2, "room": "shop", "body": two, "lane": "signals"}),
        json.dumps({"at_ms": 3, "room": "shop", "body": json.dumps(price)}),
    ]
    rules = answering(price=("价格", "十块"))
    counts = compare(read_recording(line.encode() for line in lines), rules, rules).counts
    assert (counts["events"], counts["unreadable"], counts["replies_new"]) == (2, 1, 2)


def test_a_line_that_is_none_is_named() -> None:
    with pytest.raises(RecordingError, match="line 2: Object missing required field `at_ms`"):
        list(read_recording([said("x", 1), b"{}"]))


def test_a_recording_reads_back_as_it_was_stored() -> None:
    kept = [
        Delivery(7, 1000, "events", "shop", '{"type":1,"content":{"content":"价"}}'.encode()),
        Delivery(9, 2000, "signals", "shop", b'{"v":1,"kind":"job_started","data":{}}'),
        Delivery(10, 3000, "events", "shop", b"not JSON"),
    ]
    assert list(read_recording(map(write_recording, kept))) == kept


async def test_what_the_bus_holds_is_recorded_by_room(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    await server.start()
    try:
        nc = await nats.connect(server.url, token=server.token)
        await ensure_streams(nc, 1)
        js = nc.jetstream()
        for n in range(600):
            await js.publish(f"live.events.{('one', 'two')[n % 2]}", str(n).encode())
        await js.publish("live.signals.one", b"{}")
        url = server.url.replace("nats://", f"nats://{server.token}@")
        every = [delivery async for delivery in recorded(url)]
        assert [delivery.body for delivery in every[:600]] == [str(n).encode() for n in range(600)]
        one = [(delivery.lane, delivery.room) async for delivery in recorded(url, room="one")]
        assert one == [("events", "one")] * 300 + [("signals", "one")]
        await _check_commands(url, tmp_path)
        await nc.close()
    finally:
        await server.stop()


async def _check_commands(url: str, folder: Path) -> None:
    """`rules record` to a file and `rules replay` from the bus itself see the same events."""
    run = CliRunner().invoke
    file, pack = folder / "two.jsonl", SHIPPED / "welcome"
    found = await asyncio.to_thread(run, cli, ["rules", "record", url, "--room", "two", "-o", str(file)])
    assert (found.exit_code, found.stderr) == (0, "300 messages\n")
    assert [each.body for each in read_recording(file.read_bytes().splitlines())][:2] == [b"1", b"3"]
    versions = ["--old", str(pack), "--new", str(pack)]
    played = await asyncio.to_thread(run, cli, ["rules", "replay", url, *versions])
    assert played.output.startswith("0 events: 0 replies before")


async def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(BusError, match="no NATS server there"):
        _ = [delivery async for delivery in recorded("nats://127.0.0.1:9")]
