"""Asks to test with."""

from __future__ import annotations

from typing import Any

import msgspec

from livecue.domain import Ask, AskKind

AT_MS = 1_795_000_000_000

_ASK = Ask(
    id="17.0:size",
    room="flagship",
    job_id="job-1",
    rule_index="size",
    kind=AskKind.CALLBACK,
    event_id="17.0",
    event_type=1,
    content={"user": {"userId": "u-1", "name": "小红", "level": 3}, "content": "有大码吗"},
    at_ms=AT_MS,
    expires_ms=AT_MS + 15_000,
    texts=("有的，看详情页",),
    scene="tent",
    rule_name="sizes",
)


def callback(**changes: Any) -> Ask:
    return msgspec.structs.replace(_ASK, **changes)


def chat(**changes: Any) -> Ask:
    return msgspec.structs.replace(_ASK, kind=AskKind.CHAT, **changes)
