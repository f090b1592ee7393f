"""How long the tenant's limit holds up what could go otherwise. Pure; times are milliseconds of a clock that never steps."""

from __future__ import annotations


class Turn:
    """Of one queue: told at each of its steps how it stands."""

    def __init__(self) -> None:
        self._since_ms: int | None = None

    def held_up(self, now_ms: int, *, wanted: bool) -> None:
        """No slot is free. `wanted`: something waits for one."""
        if not wanted:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms

    def nobody(self) -> None:
        """A slot is free, and nothing may take it: what waits does so for another reason."""
        self._since_ms = None

    def goes(self, now_ms: int) -> float:
        """A call takes its slot; for how many seconds the limit has kept it waiting."""
        since_ms, self._since_ms = self._since_ms, None
        return 0.0 if since_ms is None else (now_ms - since_ms) / 1000
