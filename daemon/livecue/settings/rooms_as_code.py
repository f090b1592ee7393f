"""Rooms and products that the file itself describes, instead of naming them by their ids.

```yaml
rooms:
  - key: flagship
    room:                         # instead of room_id; found again in the cloud by its room_name
      room_name: flagship         # the room's key, if not given
      play_policy: {repeat_count: -1}
      scene_scripts:
        - script_name: 保温杯
          model_asset_id: …
          voice_config: {voice_asset_id: …}
          shoot_scripts: [{title: 开场, text_config: {text: 大家好}}]
products:
  - {name: 保温杯, tags: [户外]}
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, Self

from pydantic import Field, model_validator

from livecue.domain import RoomKind
from livecue.metastudio import Thing
from livecue.settings.base import Strict
from livecue.setups import problems_of, product_problems

THINGS: Mapping[RoomKind, Thing] = {RoomKind.LIVE: Thing.ROOM, RoomKind.CHAT: Thing.CHAT_ROOM}

Found = tuple[tuple[str | int, ...], str, str]
"""Where in the file, what it is called there, and what is wrong."""


class InTheCloud(Strict):
    """Which room of the cloud it is: the one with `room_id`, or the one that `room` describes.

    `standby`: the id of the one that a live goes on in when its own cannot have it.
    """

    room_id: str = Field(default="", max_length=64)
    room: Mapping[str, Any] | None = None
    standby: str = Field(default="", max_length=64)

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if not self.room_id and self.room is None:
            raise ValueError("write room_id: with the room's ID in MetaStudio, or describe it under room:")
        if self.room_id and self.room is not None:
            raise ValueError("give either room_id or room, not both")
        return self


class _Room(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> RoomKind: ...
    @property
    def room(self) -> Mapping[str, Any] | None: ...
    @property
    def room_id(self) -> str: ...
    @property
    def standby(self) -> str: ...


def wanted(room: _Room) -> dict[str, Any]:
    """The room as the file describes it; its name is its key, if it has no other."""
    given = {name: value for name, value in (room.room or {}).items() if value is not None}
    return {"room_name": room.key} | given


def problems(rooms: Sequence[_Room], products: Sequence[Mapping[str, Any]]) -> Iterator[Found]:
    """What is wrong with the rooms and products that the file describes."""
    names: dict[tuple[Thing, str], str] = {}
    for place, room in enumerate(rooms):
        if room.room is None:
            continue
        thing, spec = THINGS[room.kind], wanted(room)
        for path, what in problems_of(thing, spec):
            yield ("rooms", place, "room", *path), _dotted(f"rooms.{room.key}.room", path), what
        first = names.setdefault((thing, str(spec["room_name"])), room.key)
        if first != room.key:
            what = f"the room {first} has this room_name, too: give each its own, they are found by it"
            yield ("rooms", place, "room", "room_name"), f"rooms.{room.key}.room.room_name", what
    seen: set[str] = set()
    for place, product in enumerate(products):
        name = str(product.get("name"))
        for path, what in product_problems(product):
            yield ("products", place, *path), _dotted(f"products.{place}", path), what
        if name in seen:
            what = f"the product {name!r} is there twice: give each its own name, they are found by it"
            yield ("products", place, "name"), f"products.{place}.name", what
        seen.add(name)


def shared_standbys(rooms: Sequence[_Room]) -> Iterator[Found]:
    """What is wrong with the standbys: each is for its room alone."""
    own = {room.room_id: room.key for room in rooms if room.room_id}
    spare: dict[str, str] = {}
    for place, room in enumerate(rooms):
        if not room.standby:
            continue
        at, where = ("rooms", place, "standby"), f"rooms.{room.key}.standby"
        key = own.get(room.standby)
        if key == room.key:
            yield at, where, "is the room's own room_id: name another room of the cloud, or leave it out"
        elif key is not None:
            yield at, where, f"is the room_id of {key}: name a room of the cloud that nothing else uses"
        first = spare.setdefault(room.standby, room.key)
        if first != room.key:
            yield at, where, f"is the standby of {first}, too: give each room its own"


def _dotted(start: str, path: Sequence[str | int]) -> str:
    return ".".join([start, *map(str, path)])
