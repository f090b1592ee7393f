"""The Dockerfile as text: its stages, and in each its instructions with continued lines and heredocs joined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Stage:
    """What stands from one FROM to the next. `body` of an instruction is its heredoc."""

    base: str
    steps: list[Step] = field(default_factory=list)

    def all(self, word: str) -> list[Step]:
        return [step for step in self.steps if step.word == word]

    def last(self, word: str) -> str:
        return self.all(word)[-1].rest


@dataclass(frozen=True)
class Step:
    word: str
    rest: str
    body: str = ""


def stages() -> tuple[list[Step], list[Stage]]:
    """The ARGs before the first stage, and the stages."""
    before: list[Step] = []
    found: list[Stage] = []
    for step in _steps((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        if step.word == "FROM":
            found.append(Stage(step.rest))
        elif found:
            found[-1].steps.append(step)
        else:
            before.append(step)
    return before, found


def _steps(text: str) -> Iterator[Step]:
    lines = iter(re.sub(r"\\\n", " ", text).splitlines())
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        body = ""
        if heredoc := re.search(r"<<'(\w+)'$", rest):
            rest = rest[: heredoc.start()].strip()
            for inner in lines:
                if inner == heredoc[1]:
                    break
                body += f"{inner}\n"
        yield Step(word, re.sub(r"\s+", " ", rest).strip(), body)
