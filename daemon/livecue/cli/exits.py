"""What every command needs: the configuration, and a way out with 1."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from livecue.packs import LoadedRules
    from livecue.settings import Loaded
    from livecue.supervisor import RoomPlan

ConfigFile = Annotated[Path, typer.Option("-c", "--config", help="livecue.yaml")]


def fail(text: str) -> typer.Exit:
    """Say what is wrong on stderr; raise the result to exit with 1."""
    print(text, file=sys.stderr)
    return typer.Exit(1)


def load_settings(config: Path) -> Loaded:
    """The settings, or every problem on stderr and exit 1."""
    from livecue.settings import ConfigError, load

    try:
        return load(config)
    except ConfigError as error:
        raise fail(str(error)) from error


def load_plans(config: Path, loaded: Loaded, now: datetime, ahead: timedelta) -> list[RoomPlan]:
    """When each room is to be live, calendars read now; or every problem of theirs on stderr and exit 1."""
    from livecue.app.calendars import CalendarReader, problems_of

    reader = CalendarReader(loaded, lambda: now, ahead)
    found = problems_of(config, loaded, asyncio.run(reader.read(keep=False)))
    if found:
        raise fail("\n".join(map(str, found)))
    return reader.plans()


def load_all(config: Path) -> tuple[Loaded, dict[str, LoadedRules]]:
    """Settings and rules, or every problem on stderr and exit 1."""
    from livecue.app.rooms import load_rules
    from livecue.packs import PackError

    loaded = load_settings(config)
    try:
        return loaded, load_rules(loaded)
    except PackError as error:
        raise fail(str(error)) from error
