"""`livecue rules import`: a rule group of the cloud becomes a pack."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livecue.cli.exits import ConfigFile, fail, load_settings
from livecue.cli.online import cloud
from livecue.cli.packs import write_pack

if TYPE_CHECKING:
    from livecue.settings import Settings


def import_group(
    group: Annotated[str, typer.Argument(help="name or id of a rule group of the cloud")],
    folder: Annotated[Path, typer.Argument(help="a new folder: the pack")],
    config: ConfigFile = Path("livecue.yaml"),
) -> None:
    """Write a rule group of the cloud as a pack; exit 1 if livecue cannot load it as it is."""
    from livecue.app.redact import Redactor
    from livecue.app.rooms import secrets_of
    from livecue.domain import CloudError
    from livecue.packs import PackError, load_pack
    from livecue.setups import SetupError

    settings = load_settings(config).settings
    try:
        write_pack(folder, asyncio.run(_group(settings, group)))
        load_pack(folder)
    except (CloudError, SetupError, PackError) as error:
        raise fail(Redactor(secrets_of(settings)).text(str(error))) from error


async def _group(settings: Settings, wanted: str) -> Mapping[str, Any]:
    from livecue.setups import the_group

    async with cloud(settings) as (client, limits), limits.slot("list_rule_groups"):
        return the_group(await client.setups.rule_groups(), wanted)
