"""`pack.test.yaml`: time scripts for rules, read with a line for every complaint.

A file is a list of scenarios; a scenario is a list of steps on a virtual clock. A step makes one
thing happen (or nothing: it lets time pass) and may say what livecue is to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from livecue.domain import EventType, SignalKind
from livecue.packs.expecting import Expect, read_expect
from livecue.packs.nodes import is_null, parse, plain
from livecue.packs.problems import Notes, PackError, Place
from livecue.packs.tables import Table, as_table

SCENARIO_KEYS = ("name", "packs", "scene", "report", "steps")
USER_KEYS = ("userId", "name", "level", "badge", "badgeLevel")
GIFT_KEYS = ("giftName", "giftNum", "totalValue", "giftValue")
EVENT_KEYS = ("type", "content")
ANSWER_KEYS = ("text", "fallback")
DOERS = {"enter": EventType.ENTER, "like": EventType.LIKE, "follow": EventType.FOLLOW}
ACTIONS = ("danmaku", "gift", *DOERS, "viewers", "event", "scene", "job", "answer")
STEP_KEYS = ("at", *ACTIONS, "user", "times", "every", "expect")

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, `times` times, `every_ms` apart, from `at_ms` after the live began.

    `event_type` None: no event but the signal `kind` with `data`, or nothing if that is empty, too.
    A content without a user gets a viewer of its own each time.
    """

    line: int
    at_ms: int
    told: str
    event_type: int | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    times: int = 1
    every_ms: int = 0
    expect: Expect | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One live of one room with the rules of `packs`, from its start on."""

    name: str
    file: Path
    line: int
    packs: tuple[Path, ...]
    steps: tuple[Step, ...]
    scene: str = ""
    report: str = "unmatched"


def load_script(file: Path) -> list[Scenario]:
    """The scenarios of `file`.

    Raises:
        PackError: it cannot be read; it names every problem.
    """
    notes = Notes()
    place = Place(str(file), notes)
    root = parse(file, place)
    scenarios: list[Scenario] = []
    if root is not None and not isinstance(root, SequenceNode):
        place.error(root, "a test file is a list of scenarios", "write `- name: …` and `  steps:` below it")
    elif root is not None:
        read = [_scenario(node, file, notes) for node in root.value]
        scenarios = [scenario for scenario in read if scenario is not None]
    if notes.problems:
        raise PackError(notes.in_order())
    return scenarios


def _scenario(node: Node, file: Path, notes: Notes) -> Scenario | None:
    place = Place(str(file), notes)
    table = as_table(node, place, "a scenario", SCENARIO_KEYS, prefix="", strict=True)
    if table is None:
        return None
    name = table.text("name", longest=256)
    if not name:
        place.error(node, "a scenario has no name", "write `name:` and what it shows")
    place.rule = name
    if "steps" not in table:
        place.error(node, "a scenario has no steps", "write `steps:` with a list of `- at: 0s` …")
    packs = [
        file.parent / table.text_of(item, "a pack", longest=1024) for item in table.items("packs", most=50)
    ]
    report = table.text("report", longest=20) or "unmatched"
    if report not in {"all", "unmatched", "none"}:
        place.error(table.at("report"), f"report is {report!r}", "write all, unmatched or none")
    return Scenario(
        name=name,
        file=file,
        line=node.start_mark.line + 1,
        packs=tuple(packs) or (file.parent,),
        steps=tuple(_steps(table)),
        scene=table.text("scene", longest=256),
        report=report,
    )


def _steps(table: Table) -> list[Step]:
    steps: list[Step] = []
    at_ms = 0
    for node in table.items("steps", most=10_000):
        entry = table.table_of(node, "step", STEP_KEYS, strict=True)
        if entry is None:
            continue
        given = _duration(entry, "at", at_ms)
        if given < at_ms:
            remedy = "put the steps in the order of their time"
            entry.place.error(entry.at("at"), "this step is earlier than the one before", remedy)
        at_ms = max(given, at_ms)
        steps.append(_step(entry, node, at_ms))
        at_ms += (steps[-1].times - 1) * steps[-1].every_ms
    return steps


def _step(table: Table, node: Node, at_ms: int) -> Step:
    present = _present(node)
    actions = [key for key in ACTIONS if key in present]
    if len(actions) > 1:
        remedy = "make two steps of it, the second with the same `at`"
        table.place.error(node, f"a step does both {actions[0]} and {actions[1]}", remedy)
    action = actions[0] if actions else ""
    event_type, content, kind, data = _happening(table, action, present.get(action))
    if event_type is not None and action not in {"viewers", "event"}:
        user = _user(table, present.get(action) if action in DOERS else None)
        content = ({"user": user} if user else {}) | content
    elif "user" in table:
        table.place.error(table.at("user"), f"{action or 'this step'} has no user", "remove `user`")
    return Step(
        line=node.start_mark.line + 1,
        at_ms=at_ms,
        told=_told(action, present.get(action)),
        event_type=event_type,
        content=content,
        kind=kind,
        data=data,
        times=table.whole("times", 1, 100_000, 1),
        every_ms=_duration(table, "every", 0),
        expect=read_expect(table, present.get("expect")),
    )


Happening = tuple[int | None, dict[str, Any], str, dict[str, Any]]


def _happening(table: Table, action: str, node: Node | None) -> Happening:
    """(event type, content, signal, its data) of what a step does."""
    if action == "danmaku":
        return EventType.DANMAKU, {"content": table.text("danmaku", longest=10_000)}, "", {}
    if action == "gift":
        gift = _fields(table, "gift", node, GIFT_KEYS, "giftName")
        return EventType.GIFT, {"gift": {"giftNum": 1} | gift}, "", {}
    if action in DOERS:
        return DOERS[action], {}, "", {}
    if action == "viewers":
        return EventType.VIEWERS, {"numberOfViewers": table.whole("viewers", 0, 10**9, 0)}, "", {}
    if action == "event":
        entry = table.table("event", EVENT_KEYS, strict=True)
        content = None if entry is None else entry.passed_on("content")
        return 0 if entry is None else entry.whole("type", 0, 100, 0), dict(content or {}), "", {}
    if action == "scene":
        return None, {}, SignalKind.SCRIPT_SWITCH, {"scene": table.text("scene", longest=256)}
    if action == "job":
        return None, {}, SignalKind.JOB_STARTED, {"job_id": table.text("job", longest=64)}
    if action == "answer":
        entry = table.table("answer", ANSWER_KEYS, strict=True)
        text = "" if entry is None else entry.text("text", longest=10_000)
        fallback = entry is not None and entry.flag("fallback", default=False)
        return None, {}, SignalKind.ANSWERED, {"text": text, "fallback": fallback}
    return None, {}, "", {}


def _user(table: Table, doer: Node | None) -> dict[str, Any]:
    """The user of a step: `user: 小李`, `user: {name: 小李, level: 3}`, and `enter: 小李` likewise."""
    own = _present(table.node).get("user")
    if own is None and (doer is None or is_null(doer) or plain(doer) is True):
        return {}
    user = _fields(table, "user", own or doer, USER_KEYS, "name")
    return {"userId": str(user.get("name", ""))} | user if user.get("name") else user


def _fields(table: Table, what: str, node: Node | None, known: tuple[str, ...], short: str) -> dict[str, Any]:
    """The mapping at `node`; a single text is its field `short`."""
    if isinstance(node, ScalarNode):
        return {} if is_null(node) else {short: str(node.value)}
    entry = None if node is None else table.table_of(node, what, known, strict=True)
    return {} if entry is None else {str(key.value): plain(value) for key, value in entry.node.value}


def _present(node: Node) -> dict[str, Node]:
    """The keys of a step, those with no value (`- enter:`) as well."""
    if not isinstance(node, MappingNode):
        return {}
    return {str(key.value): value for key, value in node.value if isinstance(key, ScalarNode)}


def _duration(table: Table, key: str, default: int) -> int:
    """Ms of `90s`, `1m30s`, `250ms`, or of a plain number of seconds."""
    if key not in table:
        return default
    node = table.at(key)
    value = plain(node)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10**7:
        return round(value * 1000)
    found = _DURATION.fullmatch(str(value).strip()) if isinstance(value, str) else None
    if found is None or not any(found.groups()):
        table.place.error(node, f"{key} is no time", "write 0s, 90s, 1m30s, 2h or 250ms")
        return default
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return round(((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds)


def _told(action: str, node: Node | None) -> str:
    """The step in a few words, for reports."""
    if not action or node is None:
        return "nothing happens"
    if isinstance(node, ScalarNode):
        return f"{action} {node.value}".strip() if not is_null(node) else action
    return f"{action} {', '.join(f'{key}: {value}' for key, value in dict(plain(node)).items())}"
