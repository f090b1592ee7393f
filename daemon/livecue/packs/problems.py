"""What is wrong with a pack, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from yaml import Node


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct. `line` counts from 1; `rule` is its name, empty if it concerns the whole file.

    `warning`: the pack loads all the same. `code`: one of lint's that calls it an error even so.
    """

    file: str
    line: int
    rule: str
    message: str
    remedy: str
    warning: bool = False
    code: str = ""

    def __str__(self) -> str:
        rule = f"rule {self.rule!r}: " if self.rule else ""
        return f"{self.file}:{self.line}: {'warning: ' if self.warning else ''}{rule}{self.message}; {self.remedy}"


class PackError(Exception):
    """Rule packs cannot be loaded; the text has one line per problem, all of them at once.

    Remedy: each line says where it stands and what to write instead. `problems` are in the order of
    the files and lines, warnings among them, since a misspelt key is often the cause of an error.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True)
class Notes:
    """The problems found so far, over all packs of one load."""

    problems: list[Problem] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(not problem.warning for problem in self.problems)

    def in_order(self) -> tuple[Problem, ...]:
        """By file, in the order the files were read, then by line."""
        place = {file: n for n, file in enumerate(dict.fromkeys(problem.file for problem in self.problems))}
        return tuple(sorted(self.problems, key=lambda problem: (place[problem.file], problem.line)))


@dataclass(slots=True)
class Place:
    """Where we are reading: every complaint gets its file, line (a node's, or a number) and rule from here.

    `lenient`: the rule takes no part, so what only its evaluation would mind is a warning.
    `exported`: the rule came from the cloud, so a word unknown here may be a newer one of the
    cloud's: it is kept in `unknown`, as (field, word), and makes the rule take no part.
    `can_call`, `can_chat`: what the room can ask.
    """

    file: str
    notes: Notes
    rule: str = ""
    lenient: bool = False
    exported: bool = False
    unknown: list[tuple[str, str]] = field(default_factory=list)
    can_call: bool = True
    can_chat: bool = True

    def error(self, at: Node | int, message: str, remedy: str) -> None:
        self._add(at, message, remedy, warning=False)

    def warn(self, at: Node | int, message: str, remedy: str, code: str = "") -> None:
        """`code`: lint calls it an error, if the rule is evaluated."""
        self._add(at, message, remedy, warning=True, code="" if self.lenient else code)

    def fault(self, at: Node | int, message: str, remedy: str) -> None:
        """An error in a rule that is evaluated, a warning in one that is not."""
        self._add(at, message, remedy, warning=self.lenient)

    def _add(self, at: Node | int, message: str, remedy: str, *, warning: bool, code: str = "") -> None:
        line = at if isinstance(at, int) else at.start_mark.line + 1
        self.notes.problems.append(Problem(self.file, line, self.rule, message, remedy, warning, code))
