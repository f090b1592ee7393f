"""What commands need that speak to the cloud by themselves, and `livecue check --online`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livecue.app.limits import Limits
    from livecue.metastudio import MetaStudio
    from livecue.packs import LoadedRules
    from livecue.settings import Loaded, Settings


@asynccontextmanager
async def cloud(settings: Settings) -> AsyncIterator[tuple[MetaStudio, Limits]]:
    """The client of the configured project, and its limits."""
    from livecue.app.daemon import now_ms
    from livecue.app.limits import Limits
    from livecue.app.loops import cloud_client
    from livecue.app.metrics import PrometheusMeter

    async with cloud_client(settings, PrometheusMeter(), now_ms) as client:
        yield client, Limits(settings.metastudio.region, settings.metastudio.limits)


async def with_room_ids(loaded: Loaded) -> Loaded | None:
    """The configuration to run by: rooms that it describes are set up, and have their ids.

    None if SIGTERM or SIGINT came first.

    Raises:
        CloudError, SetupError: a room was never set up and cannot be.
    """
    from livecue.app.room_ids import RoomIds
    from livecue.app.setting_up import SettingUp

    if all(room.room is None for room in loaded.settings.rooms) and not loaded.settings.products:
        return loaded
    async with cloud(loaded.settings) as (client, limits):
        work = asyncio.create_task(RoomIds(loaded, SettingUp(client, limits)).resolved(), name="set-up-rooms")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        await asyncio.wait({work})
        return None if work.cancelled() else work.result()


def check_online(config: Path, loaded: Loaded, rules: Mapping[str, LoadedRules]) -> bool:
    """Tell what the cloud has to say about the configuration; whether it is fine."""
    from livecue.app.online import OnlineCheck
    from livecue.app.redact import Redactor
    from livecue.app.rooms import secrets_of

    async def look() -> tuple[list[str], list[str]]:
        async with cloud(loaded.settings) as (client, limits):
            check = OnlineCheck(str(config), loaded, rules, client, limits)
            problems = await check.problems()
            return [str(one) for one in problems], [str(one) for one in check.warnings]

    problems, warnings = asyncio.run(look())
    redactor = Redactor(secrets_of(loaded.settings))
    for line in (*(f"warning: {warning}" for warning in warnings), *problems):
        print(redactor.text(line), file=sys.stderr)
    return not problems
