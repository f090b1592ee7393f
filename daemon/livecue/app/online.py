"""`livecue check --online`: whether the cloud has what the file speaks of, and would not answer beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from livecue.app.limits import Limits
from livecue.app.rooms import desk_rules
from livecue.app.setting_up import SettingUp, Wanted, wanted_product, wanted_room
from livecue.domain import CloudError, Meaning, RoomKind
from livecue.engine.rules import ReplyRole
from livecue.metastudio import MetaStudio
from livecue.packs import LoadedRules
from livecue.runtime.desk import DeskRules
from livecue.settings import Loaded, Problem, Room
from livecue.settings.rooms_as_code import THINGS
from livecue.setups import SetupError, answered_twice, cloud_rules, plan_step

_OF_ALL: Final = {
    Meaning.UNAUTHENTICATED: "metastudio.auth",
    Meaning.FORBIDDEN: "metastudio.auth",
    Meaning.UNAVAILABLE: "metastudio.endpoint",
}
"""What no other room would fare better with, and where it stands."""

_ONE_OF_THEM: Final = "switch the cloud's off (enabled: false), or write report: unmatched"
_NO_VOICE: Final = (
    "no scene of the room has a voice, so that no reply can be spoken: "
    "set voice_config.voice_asset_id in its scene_scripts"
)
_MANY_CHATS: Final = (
    "the room may take several chats at once, so that a start without an answer may leave one that costs: "
    "set concurrency to 1, unless others start chats in it too"
)


_MAKE_ALL: Final = "livecue rooms apply, or livecue run, makes it"

_Said = tuple[str, str]
"""The field that it is said of, and what is wrong."""


class _Spot(NamedTuple):
    """A room or a product: where it stands in the file, what it is called there, the field that names it."""

    at: tuple[str, int]
    label: str
    field: str
    what: str


class OnlineCheck:
    """Looks at each product and each room of the file in the cloud. `warnings` are what does not fail the check."""

    def __init__(
        self,
        file: str,
        loaded: Loaded,
        rules: Mapping[str, LoadedRules],
        client: MetaStudio,
        limits: Limits,
    ) -> None:
        self._file = file
        self._loaded = loaded
        self._desks = desk_rules(loaded.settings, rules)
        self._cloud = SettingUp(client, limits)
        self.warnings: list[Problem] = []

    async def problems(self) -> list[Problem]:
        """What is wrong, products first, then room by room; at a fault that all share it ends."""
        found: list[Problem] = []
        for spot, look in self._looks():
            try:
                found += [self._problem(spot, *one) for one in await look()]
            except SetupError as error:
                found.append(self._problem(spot, spot.field, str(error)))
            except CloudError as error:
                where = _OF_ALL.get(error.meaning)
                if where is not None:
                    line = self._loaded.document.line(tuple(where.split(".")))
                    return [*found, Problem(self._file, line, where, str(error))]
                gone = f"the project has no {spot.what} with this ID: "
                missing = gone if error.meaning is Meaning.NOT_FOUND else ""
                found.append(self._problem(spot, spot.field, f"{missing}{error}"))
        return found

    def _looks(self) -> Iterator[tuple[_Spot, Callable[[], Awaitable[list[_Said]]]]]:
        for place, product in enumerate(self._loaded.settings.products):
            spot = _Spot(("products", place), f"products.{place}", "name", "product")
            yield spot, partial(self._product, spot, product)
        for place, room in _with_standbys(self._loaded.settings.rooms):
            spot = _Spot(("rooms", place), f"rooms.{room.key}", _id(room), f"{room.kind} room")
            yield spot, partial(self._room, spot, room)

    async def _product(self, spot: _Spot, product: Mapping[str, Any]) -> list[_Said]:
        one = wanted_product(product)
        product_id = await self._cloud.find(one.thing, one.name)
        if not product_id:
            return [(spot.field, f"the cloud has no such product yet: {_MAKE_ALL}")]
        shown = await self._cloud.show(one.thing, product_id)
        self._warn_of_changes(spot, one, product_id, shown)
        blocked = "the product is blocked and cannot be used: look in the MetaStudio console"
        return [(spot.field, blocked)] if shown.get("state") == "BLOCK" else []

    async def _room(self, spot: _Spot, room: Room) -> list[_Said]:
        return list(self._judged(spot, room, await self._shown(room)))

    async def _shown(self, room: Room) -> dict[str, Any] | None:
        """The room as the cloud shows it; None for one of the file that is not there yet."""
        thing = THINGS[room.kind]
        if room.room is None:
            return await self._cloud.show(thing, room.room_id)
        room_id = await self._cloud.find(thing, wanted_room(room).name)
        return await self._cloud.show(thing, room_id) if room_id else None

    def _judged(self, spot: _Spot, room: Room, shown: Mapping[str, Any] | None) -> Iterator[_Said]:
        if shown is None:
            yield (
                "room",
                f"the cloud has no such room yet: livecue rooms apply {room.key}, or livecue run, makes it",
            )
            return
        state = str(shown.get("room_state") or "ENABLE")
        if state in {"DISABLE", "BLOCKED"}:
            info = shown.get("error_info")
            why = info.get("error_msg") if isinstance(info, Mapping) else ""
            yield (
                _id(room),
                f"the room is {state}: {why or 'no reason given'}. Look in the MetaStudio console",
            )
        if room.room is not None:
            self._warn_of_changes(spot, wanted_room(room), str(shown.get("room_id") or ""), shown, room.key)
        if room.kind is RoomKind.CHAT:
            if not room.robot_id and not shown.get("robot_id"):
                yield "robot_id", "neither the file nor the room names a robot: write robot_id"
            if shown.get("concurrency") != 1:
                self.warnings.append(self._problem(spot, _id(room), _MANY_CHATS))
            return
        desk = self._desks[room.key]
        yield from _voices(room, desk, shown)
        rules, unread = cloud_rules(shown)
        for twice in answered_twice(desk.program, rules, desk.report):
            both = (
                f"the cloud's rule {twice.cloud!r} answers {twice.said!r}, and so does {twice.local!r} here"
            )
            yield "report", f"{both}: {_ONE_OF_THEM}"
        for name in unread:
            what = (
                f"the cloud's rule {name!r} cannot be read: whether it answers what livecue does is not known"
            )
            self.warnings.append(self._problem(spot, spot.field, what))

    def _warn_of_changes(
        self, spot: _Spot, one: Wanted, thing_id: str, shown: Mapping[str, Any], key: str = ""
    ) -> None:
        step = plan_step(one.thing, one.label, one.spec, thing_id, shown)
        if step.changes:
            more = f" and {len(step.changes) - 1} more" if len(step.changes) > 1 else ""
            command = f"livecue rooms plan {key}".rstrip()
            what = f"the cloud has otherwise: {step.changes[0].path}{more}; {command} shows it"
            self.warnings.append(self._problem(spot, spot.field, what))

    def _problem(self, spot: _Spot, field: str, what: str) -> Problem:
        line = self._loaded.document.line((*spot.at, field))
        return Problem(self._file, line, f"{spot.label}.{field}", what)


def _voices(room: Room, desk: DeskRules, shown: Mapping[str, Any]) -> Iterator[_Said]:
    """Whether the room can say what the rules would have it say (MSS.20010153)."""
    speaking = [rule for rule in desk.program.rules if rule.enabled and rule.speaks]
    scenes = shown.get("scene_scripts")
    rows = [scene for scene in scenes if isinstance(scene, Mapping)] if isinstance(scenes, list) else []
    if speaking and not any(_voice(scene) or scene.get("dh_id") for scene in rows):
        yield _id(room), _NO_VOICE
    partner = shown.get("co_streamer_config")
    if not (isinstance(partner, Mapping) and _voice(partner)):
        for rule in speaking:
            if rule.trigger.reply_role is ReplyRole.CO_STREAMER:
                what = f"the rule {rule.rule_name or rule.rule_index!r} lets the CO_STREAMER speak, who has no voice: "
                yield _id(room), what + "set co_streamer_config.voice_config, or reply_role: STREAMER"
                return


def _voice(around: Mapping[str, Any]) -> bool:
    config = around.get("voice_config")
    return isinstance(config, Mapping) and bool(config.get("voice_asset_id"))


def _id(room: Room) -> str:
    if room.room is not None:
        return "room"
    return "standby" if room.standby and room.standby == room.room_id else "room_id"


def _with_standbys(rooms: Iterable[Room]) -> Iterator[tuple[int, Room]]:
    """Each room, and after it the same in its standby: that has to speak and to keep silent alike."""
    for place, room in enumerate(rooms):
        yield place, room
        if room.standby:
            yield place, room.model_copy(update={"room": None, "room_id": room.standby})
