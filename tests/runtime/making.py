"""Cues, reports, jobs, rules and a clock for the tests of the running line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from livecue.domain import CloudError, Cue, CueKind, Job, JobState, Meaning, Report, ReportedEvent, ReportMode
from livecue.engine import compile_rules
from livecue.engine.rules import Rule
from livecue.runtime.desk import DeskRules
from livecue.runtime.ports import Delivery, Lane

T0 = 1_790_000_000_000
JOB = Job("job-1", JobState.PROCESSING, "https://report.example.com/1")


class Clock:
    """Wall clock in ms that only a test moves."""

    def __init__(self) -> None:
        self.now_ms = T0

    def __call__(self) -> int:
        return self.now_ms


def cue(cue_id: str, room: str = "a", *, priority: int = 500, age_ms: int = 0, **more: Any) -> Cue:
    fields: dict[str, Any] = {
        "expires_ms": T0 - age_ms + 15_000,
        "rule_index": "r",
        "text": "好",
        "limited": True,
    } | more
    return Cue(
        id=cue_id,
        room=room,
        job_id=fields.pop("job_id", ""),
        kind=CueKind.SPEAK,
        at_ms=T0 - age_ms,
        priority=priority,
        **fields,
    )


def report(report_id: str, room: str = "a", *, events: int = 1, age_ms: int = 0) -> Report:
    event = ReportedEvent(T0, 1, "{}")
    return Report(report_id, room, T0 - age_ms, (event,) * events)


def refusal(meaning: Meaning, *, status: int = 400, retry_after_s: float | None = None) -> CloudError:
    return CloudError("no", meaning=meaning, status=status, error_code="MSS.1", retry_after_s=retry_after_s)


def rule(index: str, word: str, *, event_type: int = 1, time_window: int = 0) -> dict[str, Any]:
    return {
        "rule_index": index,
        "event_type": event_type,
        "hit_condition": {"relation": "AND", "tags": [{"tag": "content", "match": "REGEX", "value": word}]},
        "trigger": {"time_window": time_window, "reply_mode": "SYSTEM_REPLY", "reply_texts": [f"答{word}"]},
    }


def desk_rules(*rules: dict[str, Any], report: ReportMode = ReportMode.UNMATCHED) -> DeskRules:
    return DeskRules(compile_rules([msgspec.convert(one, Rule) for one in rules]), report)


def said(text: str) -> dict[str, Any]:
    return {"timestamp": T0, "type": 1, "content": {"content": text}}


def delivery(
    body: Any, *, seq: int = 1, at_ms: int = T0, room: str = "a", lane: Lane = Lane.EVENTS
) -> Delivery:
    return Delivery(seq, at_ms, lane, room, body if isinstance(body, bytes) else msgspec.json.encode(body))


async def until(holds: Callable[[], object], *, within_s: float = 10) -> None:
    """Wait for something that has to come true; polled, with a deadline."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.005)


async def settle(step: Callable[[], Awaitable[float]], sending: set[Any]) -> None:
    """Let a sender do all it can do at this moment of virtual time."""
    for _ in range(100):
        pause_s = await step()
        sent = bool(sending)
        while sending:
            await asyncio.wait(set(sending))
            await asyncio.sleep(0)
        if pause_s > 0 and not sent:
            return
    raise AssertionError("the sender never comes to rest")
