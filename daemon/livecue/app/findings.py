"""What a check came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """`check`: what was looked at; `saw`: what was seen there; `remedy`: what to do, empty if all is well."""

    check: str
    verdict: Verdict
    saw: str
    remedy: str = ""

    @property
    def failed(self) -> bool:
        return self.verdict is Verdict.FAIL


def ok(check: str, saw: str) -> Finding:
    return Finding(check, Verdict.OK, saw)


def warn(check: str, saw: str, remedy: str) -> Finding:
    return Finding(check, Verdict.WARN, saw, remedy)


def fail(check: str, saw: str, remedy: str) -> Finding:
    return Finding(check, Verdict.FAIL, saw, remedy)


def from_error(check: str, error: Exception, remedy: str = "see what it says") -> Finding:
    """A failure with the error's own remedy, if it has one."""
    own = getattr(error, "remedy", "")
    return fail(check, str(getattr(error, "what", error)), own or remedy)
