"""The file of `livecue sandbox --faults`: YAML or JSON to a plan, or every mistake by line with its remedy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import inf, isfinite
from pathlib import Path
from typing import Any

import yaml

from livecue.sandbox import faults as known
from livecue.sandbox.faults import CALLBACK, EVERY, JOB, Fault, FaultPlan
from livecue.sandbox.limits import OPERATIONS

MAX_S = 86_400.0
_EVENTS = ("SHOOT_SCRIPT_SWITCH", "RTMP_STREAM_STATE_CHANGE", "REPLY_COMMAND_FINISH")
_COMMON = frozenset({"target", "effect", "room", "from_s", "until_s", "calls", "probability"})
Place = tuple[str | int, ...]


class FaultsError(Exception):
    """The file of faults cannot be used; every line names a place and what to write there."""


def load(path: Path) -> FaultPlan:
    """The plan in the file at `path`.

    Raises:
        FaultsError: the file cannot be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FaultsError(f"{path}: is not UTF-8 text: save it as UTF-8") from error
    except OSError as error:
        raise FaultsError(f"{path}: cannot be read: {error.strerror}: name another with --faults") from error
    return parse(text, str(path))


def parse(text: str, name: str = "faults") -> FaultPlan:
    """The plan in `text`, which complaints call `name`.

    Raises:
        FaultsError: something in it is wrong.
    """
    check = _Check(name)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            check.index(node, ())
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise FaultsError(f"{name}:{mark.line + 1 if mark else 1}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FaultsError(f"{name}:1: is not YAML: {str(error).splitlines()[0]}") from error
    plan = check.plan(data)
    if check.problems:
        raise FaultsError("\n".join(problem for _, problem in sorted(check.problems)))
    return plan


@dataclass
class _Check:
    name: str
    problems: list[tuple[int, str]] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)

    def index(self, node: yaml.Node, place: Place) -> None:
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*place, str(key.value))
                if inner in self.lines:
                    self.lines[inner] = key.start_mark.line + 1
                    self.wrong(inner, "is given twice: keep one")
                self.lines[inner] = key.start_mark.line + 1
                self.index(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                self.index(item, (*place, number))

    def wrong(self, place: Place, what: str) -> None:
        whole = place
        while whole and whole not in self.lines:
            whole = whole[:-1]
        line = self.lines.get(whole, 1)
        where = ".".join(map(str, place))
        self.problems.append((line, f"{self.name}:{line}: {where + ': ' if where else ''}{what}"))

    def plan(self, data: Any) -> FaultPlan:
        if not isinstance(data, dict) or not isinstance(data.get("faults"), list):
            self.wrong(("faults",) if isinstance(data, dict) else (), "must be a list: start with `faults:`")
            return FaultPlan()
        self.keys((), data, {"faults", "seed"})
        seed = self.whole((), data, "seed", 0, 0, 2**63)
        return FaultPlan(tuple(self.fault(i, item) for i, item in enumerate(data["faults"])), seed)

    def fault(self, number: int, data: Any) -> Fault:
        place: Place = ("faults", number)
        if not isinstance(data, dict):
            self.wrong(place, "must be a mapping: write `target:` and `effect:` below it")
            return Fault(targets=frozenset(), effect="")
        targets = self.words(place, data, "target", (*OPERATIONS, EVERY, CALLBACK, JOB))
        if not targets and "target" not in data:
            self.wrong((*place, "target"), f"is missing: name operations, {EVERY}, {CALLBACK} or {JOB}")
        if len(targets) > 1 and targets & {CALLBACK, JOB}:
            self.wrong((*place, "target"), "callback and job stand alone: write a fault of its own for each")
        effects = (
            known.CALLBACK_EFFECTS
            if CALLBACK in targets
            else known.JOB_EFFECTS
            if JOB in targets
            else known.CALL_EFFECTS
        )
        effect = self.word(place, data, "effect", effects) if targets else ""
        if effect:
            self.keys(place, data, _COMMON | {key.rstrip("!") for key in effects[effect]}, f"of {effect}")
            for key in sorted(effects[effect]):
                if key.endswith("!") and key[:-1] not in data:
                    self.wrong((*place, key[:-1]), f"is missing: {effect} needs it")
        fault = self.values(place, data, targets, effect)
        self.together(place, fault)
        return fault

    def values(self, place: Place, data: Mapping[str, Any], targets: frozenset[str], effect: str) -> Fault:
        retry = self.whole(place, data, "retry_after_s", -1, 0, int(MAX_S))
        lost = effect == known.LOSE_HEARTBEAT
        return Fault(
            targets=targets,
            effect=effect,
            rooms=self.words(place, data, "room"),
            events=self.words(place, data, "event", _EVENTS),
            from_s=self.number(place, data, "from_s", 0, MAX_S),
            until_s=self.number(place, data, "until_s", inf, MAX_S),
            calls=self.calls((*place, "calls"), data.get("calls")),
            probability=self.number(place, data, "probability", 1, 1),
            latency_s=self.latency((*place, "latency_s"), data.get("latency_s", 0)),
            when=self.word(place, data, "when", (known.BEFORE, known.AFTER), known.BEFORE),
            says=self.word(place, data, "says", (known.DONE, known.FAILED, known.RUNNING), ""),
            status=self.whole(place, data, "status", 500, 400, 599),
            error_code=known.HEARTBEAT_LOST
            if lost
            else self.text(place, data, "error_code", Fault.error_code),
            error_msg=self.text(place, data, "error_msg", Fault.error_msg),
            retry_after_s=None if retry < 0 else retry,
            times=self.whole(place, data, "times", 2, 2, 100),
            after_s=self.number(place, data, "after_s", 0, MAX_S),
            state=self.word(place, data, "state", ("FAILED", "BLOCKED", "CANCELED"), "FAILED"),
            chat_state=self.whole(place, data, "chat_state", 0, 0, 32),
        )

    def together(self, place: Place, fault: Fault) -> None:
        """What is right by itself and wrong beside the rest."""
        if fault.until_s <= fault.from_s:
            self.wrong(
                (*place, "until_s"), f"is not after from_s ({fault.from_s:g}): this fault never strikes"
            )
        if fault.rooms and fault.targets and fault.targets <= known.ROOMLESS:
            self.wrong((*place, "room"), f"{', '.join(sorted(fault.targets))} names no room: leave it out")
        can = {known.DONE: known.HOLLOW, known.RUNNING: known.SHOWING}.get(fault.says)
        if can is not None and fault.targets and not fault.targets <= can:
            self.wrong((*place, "says"), f"{fault.says} can be said on {', '.join(sorted(can))} alone")

    def keys(self, place: Place, data: Mapping[Any, Any], allowed: Collection[str], of: str = "") -> None:
        for key in data:
            if key not in allowed:
                close = get_close_matches(str(key), allowed, 1)
                hint = f"did you mean `{close[0]}`?" if close else f"use {', '.join(sorted(allowed))}"
                self.wrong((*place, str(key)), f"is no key {of or 'here'}; {hint}")

    def word(
        self,
        place: Place,
        data: Mapping[str, Any],
        key: str,
        allowed: Collection[str],
        default: str | None = None,
    ) -> str:
        value = data.get(key, default)
        if value == default and default is not None:
            return default
        if isinstance(value, str) and value in allowed:
            return value
        what = "is missing" if key not in data else f"{value!r} is unknown"
        self.wrong((*place, key), f"{what}: use one of {', '.join(allowed)}")
        return default or ""

    def words(
        self, place: Place, data: Mapping[str, Any], key: str, allowed: Collection[str] = ()
    ) -> frozenset[str]:
        if key not in data:
            return frozenset()
        given = data[key] if isinstance(data[key], list) else [data[key]]
        if not given or not all(isinstance(item, str) and item for item in given):
            self.wrong((*place, key), "must be a word, or a list of words")
            return frozenset()
        for item in given:
            if allowed and item not in allowed:
                close = get_close_matches(item, allowed, 1)
                hint = f"did you mean `{close[0]}`?" if close else f"use one of {', '.join(allowed)}"
                self.wrong((*place, key), f"{item!r} is unknown; {hint}")
        return frozenset(item for item in given if not allowed or item in allowed)

    def text(self, place: Place, data: Mapping[str, Any], key: str, default: str) -> str:
        value = data.get(key, default)
        if isinstance(value, str) and value:
            return value
        self.wrong((*place, key), f"{value!r} is no text: write it in quotes")
        return default

    def number(self, place: Place, data: Mapping[str, Any], key: str, default: float, most: float) -> float:
        value = data.get(key, default)
        if key not in data or _is_number(value, 0, most):
            return float(value)
        self.wrong((*place, key), f"{value!r} is not a number from 0 to {most:g}")
        return float(default)

    def whole(
        self, place: Place, data: Mapping[str, Any], key: str, default: int, least: int, most: int
    ) -> int:
        value = data.get(key, default)
        if key not in data or (isinstance(value, int) and _is_number(value, least, most)):
            return int(value)
        self.wrong((*place, key), f"{value!r} is not a whole number from {least} to {most}")
        return default

    def latency(self, place: Place, value: Any) -> tuple[float, float]:
        pair = value if isinstance(value, list) else [value, value]
        if len(pair) == 2 and all(_is_number(item, 0, MAX_S) for item in pair) and pair[0] <= pair[1]:
            return float(pair[0]), float(pair[1])
        self.wrong(place, f"{value!r} is no latency: write seconds, as 1.5, or least and most, as [0.5, 3]")
        return 0.0, 0.0

    def calls(self, place: Place, value: Any) -> tuple[tuple[int, int], ...]:
        given = value if isinstance(value, list) else [] if value is None else [value]
        spans = [_span(item) for item in given]
        if None in spans or (value is not None and not spans):
            self.wrong(place, f"{value!r} is no count: write 3, 2-4, 5- or a list of those; the first is 1")
        return tuple(span for span in spans if span is not None)


def _is_number(value: Any, least: float, most: float) -> bool:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return plain and isfinite(value) and least <= value <= most


def _span(value: Any) -> tuple[int, int] | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    least, dash, most = str(value).replace(" ", "").partition("-")
    if not least.isdecimal() or (most and not most.isdecimal()):
        return None
    first = int(least)
    last = int(most) if most else 2**63 if dash else first
    return (first, last) if 1 <= first <= last else None
