"""What `/readyz` shows: a line per part of the daemon."""

from __future__ import annotations


class HealthBoard:
    """Parts report themselves; the daemon is ready when every expected part is fine.

    A warning is shown beside the parts and keeps nothing from being ready.
    """

    def __init__(self, *expected: str) -> None:
        self._errors: dict[str, str] = dict.fromkeys(expected, "starting")
        self._warnings: dict[str, str] = {}

    def report(self, part: str, error: str = "") -> None:
        self._errors[part] = error

    def warn(self, part: str, warning: str = "") -> None:
        """Something to look at that the part works in spite of; empty when it is over."""
        self._warnings[part] = warning
        self._errors.setdefault(part, "")

    def forget(self, part: str) -> None:
        """It is not done here any more."""
        self._errors.pop(part, None)
        self._warnings.pop(part, None)

    @property
    def ready(self) -> bool:
        return not any(self._errors.values())

    def parts(self) -> dict[str, str]:
        """Each part with what is wrong with it, `ok` when nothing; `inbox-0`, `inbox-1` … are one part."""
        shown: dict[str, str] = {}
        for part, error in self._errors.items():
            name = part.partition("-")[0]
            if error or name not in shown:
                shown[name] = error or self._warnings.get(part) or "ok"
        return shown
