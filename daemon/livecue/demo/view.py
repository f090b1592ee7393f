"""The demo on a terminal: rooms and their jobs, counts, the last replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from livecue.demo.watch import Watch
from livecue.domain import Job

_LABELS = {
    "events_in": "events in",
    "rule_hits": "rule hits",
    "cues_sent": "cues sent",
    "reports_sent": "report calls",
    "events_reported": "events reported",
    "callbacks_verified": "callbacks verified",
    "callbacks_rejected": "callbacks refused",
    "jobs_started": "jobs started",
    "jobs_stopped": "jobs stopped",
    "reply_p50_ms": "reply p50 ms",
    "reply_p99_ms": "reply p99 ms",
}
_STYLES = {"PROCESSING": "green", "WAITING": "yellow"}


class View:
    """Renders anew each time rich asks."""

    def __init__(
        self,
        watch: Watch,
        job: Callable[[str], Job | None],
        rooms: Mapping[str, str],
        left: Callable[[], str],
    ) -> None:
        """`left()`: how long the demo goes on, as text."""
        self._watch = watch
        self._job = job
        self._rooms = rooms
        self._left = left

    def __rich__(self) -> RenderableType:
        title = Text.assemble(
            ("livecue demo", "bold"), "  bus + sandbox + daemon on this machine  ", (self._left(), "dim")
        )
        return Group(title, self._jobs(), self._replies(), summary_table(self._watch.summary()))

    def _jobs(self) -> RenderableType:
        table = Table("room", "rules", "job", "state", expand=True)
        for room, packs in self._rooms.items():
            job = self._job(room)
            state = Text(job.state, _STYLES.get(job.state, "red")) if job else Text("off", "dim")
            table.add_row(room, packs, job.job_id[:12] if job else "", state)
        return Panel(table, title="live jobs", border_style="dim")

    def _replies(self) -> RenderableType:
        table = Table("room", "rule", "cue", "ms", expand=True)
        for room, entry in self._watch.replies:
            table.add_row(room, entry.rule_index, entry.text or "(layer)", str(entry.latency_ms))
        return Panel(table, title="the last replies", border_style="dim")


def summary_table(summary: Mapping[str, Any]) -> Table:
    """The numbers in three columns."""
    table = Table.grid(padding=(0, 3))
    cells = [f"{_LABELS[name]} [bold]{value}[/bold]" for name, value in summary.items()]
    for start in range(0, len(cells), 4):
        table.add_row(*cells[start : start + 4])
    return table
