"""What is suspicious in rules that load: rules that never answer, replies that never end, slow patterns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from livecue.engine.merging import merge_template
from livecue.engine.rules import Match, Operation, Relation, Rule
from livecue.engine.speech import CHARS_PER_MINUTE
from livecue.engine.template import FIGURES
from livecue.packs.covering import answers, covers, never
from livecue.packs.keywords import keywords
from livecue.packs.loading import LoadedRules, load_packs
from livecue.packs.problems import PackError, Problem
from livecue.packs.slow import slow
from livecue.packs.speech import spoken_s

ALWAYS_S = 8.0
"""A rule without a window may speak again at once: its replies have to fit the air that may wait."""

_OF_ONE_GIFT = frozenset(
    {"name", "userId", "level", "badge", "badgeLevel", "content", "giftNum", "totalValue"}
)

CODES = {
    "does-not-load": "the pack does not load",
    "loads-with-warning": "the pack loads, but something in it is passed over",
    "unreachable": "an earlier rule takes every event this rule could answer",
    "never-hits": "no event can meet the conditions",
    "keyword-shared": "two rules look for the same keyword",
    "keyword-shadowed": "an earlier rule's keyword is part of this one",
    "broken-markup": "a reply's SSML is not well-formed, so it is said as plain text",
    "reply-too-long": "a reply takes longer to speak than the rule's window",
    "merges-nothing": "a merge text says what differs from gift to gift",
    "slow-pattern": "the pattern is tried on every event, or needs a time limit",
    "sensitive-word": "a reply holds a word of the sensitive-word list",
}


class Severity(StrEnum):
    """SARIF's levels."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. `code` is a key of `CODES`, `rule` its name."""

    code: str
    severity: Severity
    file: str
    line: int
    rule: str
    message: str
    remedy: str

    def __str__(self) -> str:
        rule = f"rule {self.rule!r}: " if self.rule else ""
        return f"{self.file}:{self.line}: {self.severity} [{self.code}] {rule}{self.message}; {self.remedy}"


def lint(folders: Sequence[Path], sensitive: Iterable[str] = ()) -> list[Finding]:
    """Everything to be said about the packs of one room, by file and line."""
    try:
        loaded = load_packs(folders)
    except PackError as error:
        return [_of_problem(problem) for problem in error.problems]
    linter = _Linter(loaded, tuple(sensitive))
    order = {str(pack.file): n for n, pack in enumerate(loaded.packs)}
    findings = [_of_problem(problem) for problem in loaded.warnings] + list(linter.findings())
    return sorted(findings, key=lambda finding: (order.get(finding.file, -1), finding.line))


def _of_problem(problem: Problem) -> Finding:
    code = problem.code or ("loads-with-warning" if problem.warning else "does-not-load")
    severity = Severity.WARNING if problem.warning and not problem.code else Severity.ERROR
    return Finding(code, severity, problem.file, problem.line, problem.rule, problem.message, problem.remedy)


class _Linter:
    def __init__(self, loaded: LoadedRules, sensitive: tuple[str, ...]) -> None:
        self._sensitive = sensitive
        self._places = {
            index: (str(pack.file), line) for pack in loaded.packs for index, line in pack.lines.items()
        }
        ordered = sorted(loaded.rules, key=lambda rule: rule.hit_condition.priority)
        self._rules = [rule for rule in ordered if answers(rule)]

    def findings(self) -> Iterator[Finding]:
        for at, rule in enumerate(self._rules):
            earlier = [other for other in self._rules[:at] if other.event_type == rule.event_type]
            yield from self._reach(rule, earlier)
            yield from self._replies(rule)
            yield from self._merge(rule)
            yield from self._patterns(rule)

    def _found(self, code: str, rule: Rule, message: str, remedy: str, *, error: bool = False) -> Finding:
        file, line = self._places[rule.rule_index]
        severity = Severity.ERROR if error else Severity.WARNING
        return Finding(code, severity, file, line, _name(rule), message, remedy)

    def _called(self, rule: Rule) -> str:
        file, line = self._places[rule.rule_index]
        return f"{_name(rule)!r} ({file}:{line})"

    def _reach(self, rule: Rule, earlier: list[Rule]) -> Iterator[Finding]:
        contradiction = never(rule)
        if contradiction:
            yield self._found("never-hits", rule, contradiction, "correct one of the two tags", error=True)
            return
        for other in earlier:
            if covers(other, rule):
                message = f"{self._called(other)} takes every event it could answer"
                remedy = "give this rule the lower priority number, or narrow the other one"
                yield self._found("unreachable", rule, message, remedy, error=True)
                return
        yield from self._shared(rule, earlier)

    def _shared(self, rule: Rule, earlier: list[Rule]) -> Iterator[Finding]:
        """Keywords that an earlier rule answers to; a rule of several conditions may well share some."""
        for other in earlier:
            if not _meet(other, rule) or not _each_alone(other):
                continue
            taken, mine = set(_words(other)), _words(rule)
            same = [word for field, word in mine if (field, word) in taken]
            if same:
                message = f"{_listed(same)} also in {self._called(other)}, which comes first"
                yield self._found("keyword-shared", rule, message, "keep each keyword in one of the two")
            if not _each_alone(rule):
                continue
            for field, word in mine:
                part = next((each for at, each in taken if at == field and each in word), "")
                if part and word not in same:
                    message = f"{word!r} holds {part!r}, to which {self._called(other)} answers first"
                    remedy = "remove it here, or make the other keyword longer"
                    yield self._found("keyword-shadowed", rule, message, remedy)

    def _replies(self, rule: Rule) -> Iterator[Finding]:
        window_s = rule.trigger.time_window
        limit_s = window_s if window_s > 0 else ALWAYS_S if window_s == 0 else float("inf")
        for number, text in enumerate(rule.trigger.reply_texts, start=1):
            needed_s = spoken_s(text)
            if needed_s > limit_s:
                window = f"time_window is {window_s}" if window_s else f"without a window {ALWAYS_S:g} fit"
                message = f"reply {number} takes {needed_s:.1f} s to speak, {window}"
                remedy = f"at most {int(limit_s * CHARS_PER_MINUTE / 60)} characters, or a longer time_window"
                yield self._found("reply-too-long", rule, message, remedy, error=True)
            for word in self._sensitive:
                if word in text:
                    message = f"reply {number} holds the sensitive word {word!r}"
                    yield self._found("sensitive-word", rule, message, "say it otherwise", error=True)

    def _merge(self, rule: Rule) -> Iterator[Finding]:
        """Thanks become one if their texts are equal."""
        if rule.livecue.merge:
            used = merge_template(rule.livecue.merge.text).variables
            own = [path for path in used if path in FIGURES or path.rpartition(".")[2] in _OF_ONE_GIFT]
            if own:
                message = f"the merge text says {{{own[0]}}}, which differs from gift to gift"
                remedy = "take it out: {names} and {count} speak for all of them"
                yield self._found("merges-nothing", rule, message, remedy)

    def _patterns(self, rule: Rule) -> Iterator[Finding]:
        for tag in rule.hit_condition.tags:
            why = slow(tag.value) if (tag.match, tag.operation) == (Match.REGEX, Operation.NONE) else ""
            if why:
                message = f"/{tag.value[:60]}/ {why}"
                remedy = "write words joined by |, each with a keyword that has to be there"
                yield self._found("slow-pattern", rule, message, remedy)


def _name(rule: Rule) -> str:
    return rule.rule_name or rule.rule_index


def _words(rule: Rule) -> list[tuple[str, str]]:
    """(field, keyword) of every REGEX of the rule."""
    found: list[tuple[str, str]] = []
    for tag in rule.hit_condition.tags:
        if tag.match is Match.REGEX and tag.operation is Operation.NONE:
            found += [(tag.tag, word) for word in keywords(tag.value)[0]]
    return found


def _listed(words: list[str]) -> str:
    shown = ", ".join(map(repr, words[:5]))
    more = f" and {len(words) - 5} more" if len(words) > 5 else ""
    return f"the keyword {shown} is" if len(words) == 1 else f"the keywords {shown}{more} are"


def _each_alone(rule: Rule) -> bool:
    """Whether one keyword is enough for a hit."""
    condition = rule.hit_condition
    return condition.relation is Relation.OR or len(condition.tags) == 1


def _meet(one: Rule, other: Rule) -> bool:
    """Whether some scene has both."""
    scenes, others = set(one.enabled_scenes), set(other.enabled_scenes)
    return not scenes or not others or bool(scenes & others)
