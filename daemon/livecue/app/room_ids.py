"""At the start: rooms that the file describes are set up, and known by their ids from then on.

An id, once known, is kept beside the other data: with a cloud that cannot be reached, or one that
refuses a change, the daemon starts all the same, for the lives of the evening do not wait.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import structlog

from livecue.app.setting_up import SettingUp, Wanted, wanted_things
from livecue.domain import CloudError, Meaning
from livecue.metastudio import Thing
from livecue.settings import Loaded, Room
from livecue.setups import SetupError

log = structlog.get_logger()

FILE: Final = "rooms.json"
_PAUSE_S: Final = 5.0
_PASSES: Final = frozenset({
    Meaning.UNAVAILABLE, Meaning.SLOW_DOWN, Meaning.OUTCOME_UNKNOWN, Meaning.NO_RESOURCE,
})  # fmt: skip


class RoomIds:
    """Sets up what the file describes, and gives the settings the ids."""

    def __init__(
        self,
        loaded: Loaded,
        setting_up: SettingUp,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._loaded = loaded
        self._setting_up = setting_up
        self._sleep = sleep
        self._file = loaded.path(loaded.settings.data_dir) / FILE

    async def resolved(self) -> Loaded:
        """The same configuration, with a `room_id` in every room.

        Raises:
            CloudError, SetupError: a room was never set up and cannot be.
        """
        known = self._read()
        for one in wanted_things(self._loaded.settings):
            await self._set_up(one, known)
        rooms = [
            room if room.room is None else _known(room, known[room.key]["id"])
            for room in self._loaded.settings.rooms
        ]
        return replace(
            self._loaded, settings=self._loaded.settings.model_copy(update={"rooms": tuple(rooms)})
        )

    async def _set_up(self, one: Wanted, known: dict[str, dict[str, str]]) -> None:
        is_room = one.thing is not Thing.PRODUCT
        while True:
            try:
                step = await self._setting_up.apply(one)
            except (CloudError, SetupError) as error:
                had = known.get(one.label, {}) if is_room else {}
                thing_id = had.get("id", "") if had.get("name") == one.name else ""
                thing_id = thing_id or await self._found(one)
                log.warning("room-not-set-up", thing=one.thing, room=one.label, error=str(error))
                if thing_id or not is_room:
                    self._keep(one, thing_id, known)
                    return
                if not (isinstance(error, CloudError) and error.meaning in _PASSES):
                    raise
                await self._sleep(_PAUSE_S)
            else:
                log.info("room-set-up", thing=one.thing, room=one.label, id=step.id, action=step.action)
                self._keep(one, step.id, known)
                return

    async def _found(self, one: Wanted) -> str:
        """Its id, if that much can be had."""
        with suppress(CloudError, SetupError):
            return await self._setting_up.find(one.thing, one.name)
        return ""

    def _keep(self, one: Wanted, thing_id: str, known: dict[str, dict[str, str]]) -> None:
        if one.thing is Thing.PRODUCT:
            return
        known[one.label] = {"name": one.name, "id": thing_id}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            half = self._file.with_suffix(".new")
            half.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
            half.replace(self._file)
        except OSError as error:
            log.warning("room-ids-not-kept", file=str(self._file), error=str(error))

    def _read(self) -> dict[str, dict[str, str]]:
        """What was kept; what cannot be read was not kept."""
        try:
            kept: Any = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        rows = kept.items() if isinstance(kept, Mapping) else ()
        return {
            str(key): {"name": str(row.get("name", "")), "id": str(row.get("id", ""))}
            for key, row in rows
            if isinstance(row, Mapping)
        }


def _known(room: Room, room_id: str) -> Room:
    """The room with its id, and with the robot that its description names, if the file names no other."""
    robot_id = room.robot_id or str((room.room or {}).get("robot_id") or "")
    return room.model_copy(update={"room_id": room_id, "robot_id": robot_id})
