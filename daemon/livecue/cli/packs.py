"""What the commands about rules share."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from livecue.engine import Program
    from livecue.runtime.desk import DeskRules
    from livecue.settings import Loaded

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Config = Annotated[Path | None, typer.Option("-c", "--config", help="livecue.yaml")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="write there instead of to stdout")]


def fail(text: str) -> typer.Exit:
    """Say what is wrong on stderr; raise the result to exit with 1."""
    print(text, file=sys.stderr)
    return typer.Exit(1)


def write_pack(folder: Path, group: Mapping[str, Any]) -> None:
    """Write a rule group as the cloud has it into a new folder."""
    try:
        folder.mkdir(parents=True)
        (folder / "pack.json").write_text(json.dumps(group, ensure_ascii=False, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise fail(f"{folder}: cannot be made: {error.strerror}: name a folder that is not there") from error
    print(f"{folder}: {len(group.get('interaction_rules') or ())} rules", file=sys.stderr)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def program_of(packs: list[Path]) -> Program:
    """The rules of pack folders."""
    return desk_of(packs).program


def desk_of(packs: list[Path], config: Path | None = None, room: str = "") -> DeskRules:
    """What a desk decides by: the rules of pack folders, or those of a configured room."""
    from livecue.app.rooms import desk_rules, load_rules
    from livecue.engine import compile_rules
    from livecue.packs import PackError, load_packs
    from livecue.runtime.desk import DeskRules

    if bool(packs) == (config is not None):
        print("name rules: --pack FOLDER, or -c livecue.yaml and --room", file=sys.stderr)
        raise typer.Exit(2)
    try:
        if config is None:
            return DeskRules(compile_rules(load_packs(packs).rules))
        loaded = settings_of(config)
        keys = [each.key for each in loaded.settings.rooms]
        wanted = room or (keys[0] if len(keys) == 1 else "")
        if wanted not in keys:
            raise fail(f"name a room with --room: {', '.join(keys)}")
        return desk_rules(loaded.settings, load_rules(loaded))[wanted]
    except PackError as error:
        raise fail(str(error)) from error


def settings_of(config: Path) -> Loaded:
    from livecue.settings import ConfigError, load

    try:
        return load(config)
    except ConfigError as error:
        raise fail(str(error)) from error
