"""Runs the scenarios of a test file through the engine, on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from livecue.domain import Ask, CueKind, LiveEvent, Signal, SignalKind
from livecue.engine import Decision, Program, RoomState, Rule, compile_rules, handle, signal, tick
from livecue.engine.explain import Explained, Verdict, explain
from livecue.packs.expecting import Expect, Seen
from livecue.packs.loading import load_packs
from livecue.packs.problems import PackError, Problem
from livecue.packs.script import Scenario, Step, load_script

ROOM = "test"
BEGIN_MS = 1_767_240_000_000
"""2026-01-01T12:00:00+08:00, when every scenario's live begins."""

_WHY = 6

Rules = Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that came out otherwise. `why`: the rules that explain it, each with its reason."""

    file: Path
    line: int
    step: str
    expected: str
    got: str
    why: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"{self.file}:{self.line}: {self.step}",
            f"    expected  {self.expected}",
            f"    got       {self.got}",
            *(f"    {line}" for line in self.diff),
            *(["    why"] if self.why else []),
            *(f"      {line}" for line in self.why),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario that was run; it passed if nothing failed."""

    scenario: Scenario
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        return not self.failures


def run_file(file: Path) -> list[Outcome]:
    """Every scenario of `file`.

    Raises:
        PackError: the file or a pack it needs cannot be loaded.
    """
    outcomes = []
    loaded: dict[tuple[Path, ...], tuple[Program, Rules]] = {}
    for scenario in load_script(file):
        if scenario.packs not in loaded:
            rules = load_packs(scenario.packs).rules
            loaded[scenario.packs] = compile_rules(rules), {rule.rule_index: rule for rule in rules}
        _check_names(scenario, loaded[scenario.packs][1])
        outcomes.append(run_scenario(scenario, *loaded[scenario.packs]))
    return outcomes


def _check_names(scenario: Scenario, rules: Rules) -> None:
    """Complain about expectations of rules that are not there."""
    known = set(rules) | {rule.rule_name for rule in rules.values()}
    problems = []
    for expect in (step.expect for step in scenario.steps):
        for name in () if expect is None else (expect.rule, expect.suppressed):
            if name and name not in known:
                close = get_close_matches(name, sorted(known), n=1, cutoff=0.4)
                remedy = (
                    f"did you mean {close[0]!r}?" if close else "write a rule_index or rule_name of its packs"
                )
                line = expect.line if expect else 0
                what = f"the packs have no rule {name!r}"
                problems.append(Problem(str(scenario.file), line, scenario.name, what, remedy))
    if problems:
        raise PackError(problems)


def run_scenario(scenario: Scenario, program: Program, rules: Rules) -> Outcome:
    """One scenario from the start of its live on."""
    return Outcome(scenario, tuple(_Run(scenario, program, rules).failures()))


class _Run:
    def __init__(self, scenario: Scenario, program: Program, rules: Rules) -> None:
        self._scenario = scenario
        self._program = program
        self._rules = rules
        self._names = {index: rule.rule_name for index, rule in rules.items()}
        self._state = RoomState()
        self._count = 0
        self._job = "live-1"
        self._asked: Ask | None = None
        self._hear(SignalKind.JOB_STARTED, {}, BEGIN_MS)
        if scenario.scene:
            self._hear(SignalKind.SCRIPT_SWITCH, {"scene": scenario.scene}, BEGIN_MS)

    def failures(self) -> Iterator[Failure]:
        for step in self._scenario.steps:
            for turn in range(step.times):
                at_ms = BEGIN_MS + step.at_ms + turn * step.every_ms
                failure = self._take(step, at_ms, turn)
                if failure is not None:
                    yield failure
                    break

    def _take(self, step: Step, at_ms: int, turn: int) -> Failure | None:
        decision = tick(self._program, self._state, at_ms)
        event, before = None, None
        if step.event_type is not None:
            event = self._event(step.event_type, step.content, at_ms)
            before = deepcopy(self._state) if step.expect else None
            decision = handle(self._program, self._state, event)
        elif step.kind:
            decision = self._hear(step.kind, dict(step.data), at_ms)
        self._asked = next(iter(decision.asks), self._asked)
        if step.expect is None:
            return None
        seen = self._seen(decision, event)
        expect = step.expect
        if expect.met(seen):
            return None
        why: tuple[str, ...] = ()
        if event is not None and before is not None:
            found = explain(self._program, before, event)
            why = tuple(_why(found.rules, {expect.rule or "", expect.suppressed or ""}))
        return Failure(
            file=self._scenario.file,
            line=step.expect.line,
            step=f"{self._scenario.name}: at {step.at_ms / 1000:g} s, {_told(step, turn)}",
            expected=str(expect),
            got=str(seen),
            why=why,
            diff=tuple(_diff(expect, seen)),
        )

    def _hear(self, kind: str, data: dict[str, Any], at_ms: int) -> Decision:
        self._count += 1
        if kind == SignalKind.JOB_STARTED:
            self._job = data.get("job_id") or self._job
        if kind == SignalKind.ANSWERED and self._asked is not None:
            asked = self._asked
            data |= {
                "ask_id": asked.id,
                "rule_index": asked.rule_index,
                "event_id": asked.event_id,
                "at_ms": asked.at_ms,
                "expires_ms": asked.expires_ms,
            }
        told = {"job_id": self._job} | data
        heard = Signal(ROOM, f"s.{self._count}", at_ms, kind, told)
        return signal(self._program, self._state, heard)

    def _event(self, event_type: int, content: Mapping[str, Any], at_ms: int) -> LiveEvent:
        """The event; whoever is not named is a viewer of his own."""
        self._count += 1
        if event_type in {1, 2, 3, 4, 5}:
            user = {"userId": f"viewer-{self._count}", "name": f"观众{self._count}"}
            content = {"user": user} | dict(content)
        raw = json.dumps(content, ensure_ascii=False)
        return LiveEvent(ROOM, f"{self._count}.0", at_ms, at_ms, event_type, content, raw)

    def _seen(self, decision: Decision, event: LiveEvent | None) -> Seen:
        spoken = next((cue for cue in decision.cues if cue.kind is not CueKind.SHOW_LAYER), None)
        first = spoken or next(iter(decision.cues), None)
        asked = next(iter(decision.asks), None)
        reported = None
        if event is not None:
            mode = self._scenario.report
            reported = mode == "all" or (mode == "unmatched" and not decision.matched)
        index = first.rule_index if first else asked.rule_index if asked else decision.hit_rule
        return Seen(
            text=spoken.text if spoken else "",
            audio=spoken.audio_url if spoken else "",
            rule=index,
            suppressed=decision.suppressed,
            layer=any(cue.kind is CueKind.SHOW_LAYER for cue in decision.cues),
            reported=reported,
            asks=bool(decision.asks),
            names=self._names,
        )


def _told(step: Step, turn: int) -> str:
    return step.told if step.times == 1 else f"{step.told} (time {turn + 1} of {step.times})"


def _diff(expect: Expect, seen: Seen) -> Iterator[str]:
    """The two texts below one another, where a reply was to be a text and is another one."""
    wanted = [expect.equals] if expect.equals is not None else list(expect.one_of)
    if wanted and seen.text not in wanted:
        yield from (f"- {text}" for text in wanted)
        yield f"+ {seen.text or '(no words)'}"


def _why(rules: tuple[Explained, ...], named: set[str]) -> Iterator[str]:
    """The rules that matter: those the step names, those that took part; then the nearest of the rest."""
    telling = {Verdict.ANSWERED, Verdict.SHOWN, Verdict.SUPPRESSED, Verdict.NOT_REACHED}
    first = [
        rule
        for rule in rules
        if rule.verdict in telling or {rule.rule_index, rule.rule_name} & (named - {""})
    ]
    chosen = first[:_WHY] if first else list(rules[:_WHY])
    for rule in chosen:
        name = f" ({rule.rule_name})" if rule.rule_name else ""
        yield f"{rule.rule_index}{name}: {rule.verdict}: {rule.reason}"
    left = len(rules) - len(chosen)
    if left:
        yield f"and {left} more rules that took no part"
