"""What `/readyz` shows: a line per part of the daemon."""

from __future__ import annotations

from typing import Final

ELSEWHERE: Final = "not done here"
"""Shown of a part that was forgotten, to who asks for it by name."""


class HealthBoard:
    """Parts report themselves; the daemon is ready when every expected part is fine.

    A warning is shown beside the parts and keeps nothing from being ready.
    """

    def __init__(self, *expected: str) -> None:
        self._errors: dict[str, str] = dict.fromkeys(expected, "starting")
        self._known: dict[str, None] = dict.fromkeys(expected)
        self._warnings: dict[str, str] = {}

    def report(self, part: str, error: str = "") -> None:
        self._errors[part] = error
        self._known[_name(part)] = None

    def warn(self, part: str, warning: str = "") -> None:
        """Something to look at that the part works in spite of; empty when it is over."""
        self._warnings[part] = warning
        self._errors.setdefault(part, "")
        self._known[_name(part)] = None

    def forget(self, part: str) -> None:
        """It is not done here any more."""
        self._errors.pop(part, None)
        self._warnings.pop(part, None)

    @property
    def known(self) -> tuple[str, ...]:
        """The parts there are or ever were, also those that are not done here any more."""
        return tuple(self._known)

    @property
    def ready(self) -> bool:
        return not any(self._errors.values())

    def ill(self) -> dict[str, str]:
        """Each part with its error, empty when it has none."""
        errors: dict[str, str] = {}
        for part, error in self._errors.items():
            name = _name(part)
            errors[name] = error or errors.get(name, "")
        return errors

    def parts(self) -> dict[str, str]:
        """Each part with what is wrong with it, `ok` when nothing; `inbox-0`, `inbox-1` … are one part."""
        shown: dict[str, str] = {}
        for part, error in self._errors.items():
            name = _name(part)
            if error or name not in shown:
                shown[name] = error or self._warnings.get(part) or "ok"
        return shown


def _name(part: str) -> str:
    """`inbox-0`, `inbox-1` … are one part."""
    return part.partition("-")[0]
