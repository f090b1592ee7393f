"""`livecue plan`: every start and stop of the coming days, as they will really happen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import typer

from livecue.cli.exits import ConfigFile, load_plans, load_settings
from livecue.cli.packs import AsJson, print_json


def plan(
    config: ConfigFile = Path("livecue.yaml"),
    days: Annotated[int, typer.Option(min=1, max=366, help="how far to look")] = 7,
    timezone: Annotated[str, typer.Option(help="show all times in this zone, else each in its own")] = "",
    since: Annotated[
        str, typer.Option("--from", help="date or time to look from, as 2026-10-24, else now")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show every run of every session with its offset, what the clocks do to it, and what is left out.

    Exits with 1 if sessions of a room overlap, or more rooms are live at once than the quota allows.
    """
    from livecue.app.plans import judge
    from livecue.supervisor.plan_checks import LOOK_AHEAD
    from livecue.supervisor.plan_view import HEADS, planned

    zone = _zone(timezone)
    now = _since(since, zone or UTC)
    loaded = load_settings(config)
    until = now + timedelta(days=days)
    plans = load_plans(config, loaded, now, max(until - now, LOOK_AHEAD))
    found = [line for one in plans for line in planned(one.room, one.sessions, now, until, zone)]
    found.sort(key=lambda line: line[1]["start_utc"])
    verdict = judge(config, loaded, plans, now, until - now)
    if as_json:
        print_json(
            {
                "from": now.isoformat(),
                "until": until.isoformat(),
                "runs": [line for _, line in found],
                "errors": [str(problem) for problem in verdict.errors],
                "warnings": [str(problem) for problem in verdict.warnings],
            }
        )
    else:
        _print_table([HEADS, *(row for row, _ in found)])
        live = sum(not line["left_out"] for _, line in found)
        print(
            f"{live} runs in {days} days from {now.isoformat(timespec='minutes')}, {len(found) - live} left out"
        )
    for problem in verdict.warnings:
        print(f"warning: {problem}", file=sys.stderr)
    for problem in verdict.errors:
        print(problem, file=sys.stderr)
    if verdict.errors:
        raise typer.Exit(1)


def _zone(name: str) -> tzinfo | None:
    from livecue.supervisor.crontab import load_zone

    try:
        return load_zone(name) if name else None
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error


def _since(text: str, zone: tzinfo) -> datetime:
    if not text:
        return datetime.now(UTC).astimezone(zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        print(f"--from {text!r} is no date or time; write it as 2026-10-24", file=sys.stderr)
        raise typer.Exit(2) from error
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=zone)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len, set_cell_size

    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [set_cell_size(cell, width) for cell, width in zip(row[:-1], widths, strict=True)]
        print("  ".join([*cells, row[-1]]).rstrip())
