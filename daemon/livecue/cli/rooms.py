"""`livecue rooms …`: rooms and products of the file against those of the cloud."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livecue.cli.exits import ConfigFile, load_settings
from livecue.cli.online import cloud
from livecue.cli.packs import write_pack

if TYPE_CHECKING:
    from livecue.app.setting_up import SettingUp, Wanted
    from livecue.metastudio import Thing
    from livecue.settings import Room, Settings
    from livecue.setups import ExportedProducts, Step

rooms = typer.Typer(help="Set up rooms and products as the file describes them.", no_args_is_help=True)

Rooms = Annotated[
    list[str] | None, typer.Argument(help="keys of rooms; none are all that the file describes")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
_SIGNS = {"create": "+", "update": "~", "keep": "="}
_LONGEST = 60


@rooms.command()
def plan(room: Rooms = None, config: ConfigFile = Path("livecue.yaml"), as_json: AsJson = False) -> None:
    """Show what the cloud has otherwise; exit 1 if it has anything otherwise."""
    _each(config, room or [], as_json, lambda cloud, one: cloud.plan(one), changed_fails=True)


@rooms.command()
def apply(room: Rooms = None, config: ConfigFile = Path("livecue.yaml"), as_json: AsJson = False) -> None:
    """Create and change rooms and products until they are as described; again is nothing to do."""
    _each(config, room or [], as_json, lambda cloud, one: cloud.apply(one), changed_fails=False)


@rooms.command()
def export(
    room: Annotated[
        list[str] | None, typer.Argument(help="keys of the file, or ids of other live rooms; none are all")
    ] = None,
    config: ConfigFile = Path("livecue.yaml"),
    pack: Annotated[
        Path | None, typer.Option(help="a new folder: the rules by which the cloud answers in the one room")
    ] = None,
    products: Annotated[
        bool, typer.Option("--products", help="the project's products, too, as `products:`")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write existing rooms as `rooms:` of the file, without secrets and with no rule that answers."""
    import yaml

    from livecue.app.redact import Redactor
    from livecue.app.rooms import secrets_of
    from livecue.setups import as_pack, without_product_ids

    settings = load_settings(config).settings
    names = room or [each.key for each in settings.rooms]
    if pack is not None and len(names) != 1:
        print("--pack is for one room: name it", file=sys.stderr)
        raise typer.Exit(2)
    shown, goods, failures = asyncio.run(_shown(settings, names, products=products))
    found = [_row(settings, name, without_product_ids(setup, goods.ids)) for name, setup in shown.items()]
    redactor = Redactor(secrets_of(settings))
    for text in failures:
        print(redactor.text(text), file=sys.stderr)
    if pack is not None and shown:
        write_pack(pack, as_pack(shown[names[0]]))
    out = {name: part for name, part in (("rooms", found), ("products", goods.rows)) if part}
    if out:
        as_yaml = yaml.safe_dump(out, allow_unicode=True, sort_keys=False, width=110)
        print(redactor.text(json.dumps(out, ensure_ascii=False) if as_json else as_yaml.rstrip()))
    if failures:
        raise typer.Exit(1)


async def _shown(
    settings: Settings, names: list[str], *, products: bool
) -> tuple[dict[str, dict[str, Any]], ExportedProducts, list[str]]:
    """The set-ups of rooms by the names asked for, the products as exported, and what went wrong."""
    from livecue.app.setting_up import SettingUp
    from livecue.domain import CloudError
    from livecue.setups import ExportedProducts, SetupError, exported_products

    shown: dict[str, dict[str, Any]] = {}
    goods = ExportedProducts([], {}, [])
    failures: list[str] = []
    known = {each.key: each for each in settings.rooms}
    async with cloud(settings) as (client, limits):
        setting_up = SettingUp(client, limits)
        for name in names:
            one = known.get(name)
            try:
                room_id = await _room_id(setting_up, one) if one else name
                shown[name] = await setting_up.show(_thing(one), room_id)
            except (CloudError, SetupError) as error:
                failures.append(f"{name}: {error}")
        if products:
            try:
                goods = exported_products(await setting_up.products())
            except CloudError as error:
                failures.append(f"products: {error}")
    several = "the cloud has several products named"
    failures += [f"{several} {name!r}: rename all but one" for name in goods.unclear]
    return shown, goods, failures


def _thing(room: Room | None) -> Thing:
    from livecue.domain import RoomKind
    from livecue.settings.rooms_as_code import THINGS

    return THINGS[room.kind if room else RoomKind.LIVE]


def _row(settings: Settings, name: str, shown: dict[str, Any]) -> dict[str, Any]:
    """One row of `rooms:`."""
    from livecue.setups import exported

    one = next((room for room in settings.rooms if room.key == name), None)
    kind = {} if one is None or one.kind == "live" else {"kind": str(one.kind)}
    return {"key": name if one else _key(name)} | kind | {"room": exported(_thing(one), shown)}


async def _room_id(setting_up: SettingUp, room: Room) -> str:
    from livecue.app.setting_up import wanted_room
    from livecue.setups import SetupError

    if room.room is None:
        return room.room_id
    one = wanted_room(room)
    found = await setting_up.find(one.thing, one.name)
    if not found:
        raise SetupError("the cloud has no such room yet: livecue rooms apply makes it")
    return found


def _key(room_id: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", room_id.lower())[:63]


def _each(
    config: Path,
    names: list[str],
    as_json: bool,
    act: Callable[[SettingUp, Wanted], Awaitable[Step]],
    *,
    changed_fails: bool,
) -> None:
    from livecue.app.redact import Redactor
    from livecue.app.rooms import secrets_of
    from livecue.app.setting_up import wanted_things
    from livecue.setups import Action

    settings = load_settings(config).settings
    _check_names(settings, names)
    things = list(wanted_things(settings, names))
    if not things:
        print(f"{config}: no room has `room:` and there are no products: nothing to set up", file=sys.stderr)
    steps, failures = asyncio.run(_steps(settings, things, act))
    redactor = Redactor(secrets_of(settings))
    if as_json:
        print(redactor.text(json.dumps([_step_json(step) for step in steps], ensure_ascii=False)))
    else:
        for step in steps:
            print(redactor.text("\n".join(_lines(step, done=not changed_fails))))
    for text in failures:
        print(redactor.text(text), file=sys.stderr)
    if failures or (changed_fails and any(step.action is not Action.KEEP for step in steps)):
        raise typer.Exit(1)


def _check_names(settings: Settings, names: list[str]) -> None:
    described = [room.key for room in settings.rooms if room.room is not None]
    for name in names:
        if name not in described:
            listed = ", ".join(described) or "none"
            print(f"{name} is no room with `room:` in the file; those are: {listed}", file=sys.stderr)
            raise typer.Exit(2)


async def _steps(
    settings: Settings, things: list[Wanted], act: Callable[[SettingUp, Wanted], Awaitable[Step]]
) -> tuple[list[Step], list[str]]:
    """What came of each, and what went wrong; one that fails does not keep the others."""
    from livecue.app.setting_up import SettingUp
    from livecue.domain import CloudError
    from livecue.setups import SetupError

    steps, failures = [], []
    async with cloud(settings) as (client, limits):
        setting_up = SettingUp(client, limits)
        for one in things:
            try:
                steps.append(await act(setting_up, one))
            except (CloudError, SetupError) as error:
                failures.append(f"{one.label}: {error}")
    return steps, failures


def _lines(step: Step, *, done: bool) -> list[str]:
    past = {"create": "created", "update": "updated", "keep": "as described"}
    future = {"create": "to be created", "update": "to be updated", "keep": "as described"}
    aside = f" ({step.id})" if step.id else ""
    what = step.thing.replace("_", " ")
    head = f"{_SIGNS[step.action]} {what} {step.label}{aside}: {(past if done else future)[step.action]}"
    return [head, *(f"    {one.path}: {_short(one.old)} -> {_short(one.new)}" for one in step.changes)]


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _step_json(step: Step) -> dict[str, Any]:
    changed = [{"path": one.path, "old": one.old, "new": one.new} for one in step.changes]
    plain = {"thing": step.thing, "key": step.label, "name": step.name, "id": step.id, "action": step.action}
    return plain | {"changes": changed}
