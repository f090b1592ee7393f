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
_TRIES: Final = 12
"""How often a cloud that answers is asked for a room that it does not make: a minute."""

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
        """The same configuration, with a `room_id` in every room; without those that cannot be set up.

        One that was never there has no live that could be forgotten, and others must not wait for it.

        Raises:
            CloudError, SetupError: no room is left.
        """
        kept, ids = self._read(), dict[str, str]()
        failure: Exception | None = None
        for one in wanted_things(self._loaded.settings):
            try:
                thing_id = self._not_a_standby(one, await self._set_up(one, kept.get(one.label, {})))
            except (CloudError, SetupError) as error:
                failure = error
                log.warning("room-left-out", thing=one.thing, room=one.label, error=str(error))
            else:
                if one.thing is not Thing.PRODUCT:
                    ids[one.label] = thing_id
                    kept[one.label] = {"name": one.name, "id": thing_id}
                    self._keep(kept)
        rooms = tuple(
            room if room.room is None else _known(room, ids[room.key])
            for room in self._loaded.settings.rooms
            if room.room is None or room.key in ids
        )
        if failure is not None and not rooms:
            raise failure
        return replace(self._loaded, settings=self._loaded.settings.model_copy(update={"rooms": rooms}))

    def _not_a_standby(self, one: Wanted, thing_id: str) -> str:
        """The id. A room whose lives are another's, too, would be served and stopped twice."""
        for room in self._loaded.settings.rooms:
            if thing_id == room.standby and one.thing is not Thing.PRODUCT:
                what = f"the room {one.name!r} of the cloud is the standby of {room.key}: name another there"
                raise SetupError(what)
        return thing_id

    async def _set_up(self, one: Wanted, kept: Mapping[str, str]) -> str:
        """Its id, new or as it was kept. It is waited for while the cloud is away altogether."""
        refused = 0
        while True:
            try:
                step = await self._setting_up.apply(one)
            except (CloudError, SetupError) as error:
                log.warning("room-not-set-up", thing=one.thing, room=one.label, error=str(error))
                found = kept.get("id", "") if kept.get("name") == one.name else await self._found(one)
                if found:
                    return found
                refused += found is not None
                passes = isinstance(error, CloudError) and error.meaning in _PASSES
                if one.thing is Thing.PRODUCT or not passes or refused >= _TRIES:
                    raise
                await self._sleep(_PAUSE_S)
            else:
                log.info("room-set-up", thing=one.thing, room=one.label, id=step.id, action=step.action)
                return step.id

    async def _found(self, one: Wanted) -> str | None:
        """Its id, empty if there is none of that name; None if the cloud does not say."""
        with suppress(CloudError, SetupError):
            return await self._setting_up.find(one.thing, one.name)
        return None

    def _keep(self, known: Mapping[str, Mapping[str, str]]) -> None:
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
