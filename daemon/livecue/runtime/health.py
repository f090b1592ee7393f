"""What `/readyz` shows: a line per part of the daemon."""

from __future__ import annotations


class HealthBoard:
    """Parts report themselves; the daemon is ready when every expected part is fine."""

    def __init__(self, *expected: str) -> None:
        self._errors: dict[str, str] = dict.fromkeys(expected, "starting")

    def report(self, part: str, error: str = "") -> None:
        self._errors[part] = error

    @property
    def ready(self) -> bool:
        return not any(self._errors.values())

    def parts(self) -> dict[str, str]:
        """Each part with what is wrong with it, `ok` when nothing; `inbox-0`, `inbox-1` … are one part."""
        shown: dict[str, str] = {}
        for part, error in self._errors.items():
            name = part.partition("-")[0]
            if error or name not in shown:
                shown[name] = error or "ok"
        return shown
