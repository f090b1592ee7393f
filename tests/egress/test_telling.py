"""One line of the log for each cue, worth reading, bounded under a flood."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from egress.stage import T0, Stage
from livecue.app.logs import configure_logs
from livecue.app.redact import Redactor
from livecue.domain import Meaning, SignalKind
from livecue.egress.telling import shown
from livecue.runtime.memory import MemoryCloud
from runtime.making import cue, refusal


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


async def test_what_was_said_is_one_line_with_everything_that_tells_why(logs: list[Any]) -> None:
    said = cue("17.2:r1", age_ms=700, rule_index="r1", rule_name="价格", seconds=3.14, text="看下方链接")
    stage = Stage(said)
    await stage.run(0)
    stage.hear(SignalKind.REPLY_FINISHED, reply_id="command-1")
    await stage.run(0)
    sent, spoken = logs
    assert sent == {
        "event": "cue-sent",
        "log_level": "info",
        "room": "a",
        "event_id": "17.2",
        "rule": "r1",
        "rule_name": "价格",
        "cue": "17.2:r1",
        "kind": "speak",
        "text": "看下方链接",
        "latency_ms": 700,
        "seconds": 3.1,
    }
    assert (spoken["event"], spoken["log_level"], spoken["cue"]) == ("cue-spoken", "debug", "17.2:r1")


async def test_what_was_not_said_is_one_line_with_the_reason(logs: list[Any]) -> None:
    stage = Stage(
        cue("1:wrong", "b", rule_index="wrong"),
        cue("2:late", expires_ms=T0, age_ms=20_000),
        cloud=MemoryCloud(refusal(Meaning.INVALID)),
    )
    await stage.run(0)
    told = [(line["event"], line["log_level"], line["cue"], line["outcome"]) for line in logs]
    assert sorted(told) == [
        ("cue-ended", "info", "2:late", "expired"),
        ("cue-not-sent", "warning", "1:wrong", "refused"),
    ]
    assert next(line for line in logs if line["event"] == "cue-ended")["age_ms"] == 20_000


async def test_a_second_attempt_and_thanks_said_together_say_so(logs: list[Any]) -> None:
    stage = Stage(cue("1:r"), cloud=MemoryCloud(refusal(Meaning.NOT_PUSHED)))
    await stage.run(5_000)
    assert [line["attempt"] for line in logs if line["event"] == "cue-sent"] == [2]


async def test_a_flood_is_told_in_part_and_summed_up(logs: list[Any]) -> None:
    stage = Stage(*(cue(f"{n}:r", room, expires_ms=T0) for n in range(500) for room in "abcd"))
    await stage.settle()
    assert [line["event"] for line in logs] == ["cue-ended"] * 80
    assert {room: sum(line["room"] == room for line in logs) for room in "abcd"} == dict.fromkeys("abcd", 20)
    logs.clear()
    stage.clock.now_ms += 10_000
    stage.arrive(cue("x:r", expires_ms=T0))
    await stage.settle()
    assert [line["event"] for line in logs] == ["cues-untold", "cue-ended"]
    assert (logs[0]["expired"], logs[0]["no_job"]) == (960, 960)  # c and d have no live
    assert sorted(logs[0]["rooms"]) == list("abcd")


async def test_the_end_says_what_was_left_untold(logs: list[Any]) -> None:
    stage = Stage(*(cue(f"{n}:r", expires_ms=T0) for n in range(30)))
    await stage.settle()
    await stage.dispatcher.stop(0.1)
    assert (logs[-1]["event"], logs[-1]["expired"]) == ("cues-untold", 10)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("好", "好"),
        ("字" * 60, "字" * 60),
        ("字" * 61, "字" * 60 + "…"),
        ("x" * 100_000, "x" * 60 + "…"),
        ("a\n\x1b[31mb\u202ec\x00", "a [31mb c"),
        (" " * 500 + "far", "…"),
    ],
)
def test_a_text_is_cut_and_harmless(text: str, seen: str) -> None:
    assert shown(text) == seen


async def test_a_configured_secret_in_a_text_is_masked() -> None:
    kept, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    written = io.StringIO()
    configure_logs("info", Redactor(["GEHEIM-123"]), stream=written)
    try:
        stage = Stage(cue("1:r", text="der Schlüssel ist GEHEIM-123"))
        await stage.run(0)
    finally:
        structlog.configure(**kept)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
    line = json.loads(written.getvalue())
    assert (line["event"], line["text"]) == ("cue-sent", "der Schlüssel ist ***")
