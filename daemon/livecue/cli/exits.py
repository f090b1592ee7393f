"""What every command needs: the configuration, and a way out with 1."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from livecue.packs import LoadedRules
    from livecue.settings import Loaded

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


def load_all(config: Path) -> tuple[Loaded, dict[str, LoadedRules]]:
    """Settings and rules, or every problem on stderr and exit 1."""
    from livecue.app.rooms import load_rules
    from livecue.packs import PackError

    loaded = load_settings(config)
    try:
        return loaded, load_rules(loaded)
    except PackError as error:
        raise fail(str(error)) from error
