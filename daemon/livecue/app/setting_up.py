"""Rooms and products in the cloud as the file wants them: looked at, planned, applied, shown again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from livecue.app.limits import Limits
from livecue.domain import CloudError, Meaning
from livecue.metastudio import MetaStudio, Thing
from livecue.settings import Room, Settings
from livecue.settings.rooms_as_code import THINGS, wanted
from livecue.setups import Action, SetupError, Step, plan_step
from livecue.setups.plan import the_one
from livecue.setups.products import with_product_ids

_TO_COME: Final = "(that of the product to be created)"
"""What a plan shows as the id of a product that is not there yet."""


@dataclass(frozen=True)
class Wanted:
    """One thing of the file: `label` is what the file calls it, `spec` how it is to be set up."""

    thing: Thing
    label: str
    name: str
    spec: Mapping[str, Any]


def wanted_things(settings: Settings, rooms: Collection[str] = ()) -> Iterator[Wanted]:
    """What the file describes: all products, since rooms may speak of them, then `rooms`, or all."""
    for product in settings.products:
        yield wanted_product(product)
    for room in settings.rooms:
        if room.room is not None and (not rooms or room.key in rooms):
            yield wanted_room(room)


def wanted_product(product: Mapping[str, Any]) -> Wanted:
    """A product that the file describes."""
    return Wanted(Thing.PRODUCT, str(product["name"]), str(product["name"]), product)


def wanted_room(room: Room) -> Wanted:
    """A room that the file describes."""
    spec = wanted(room)
    return Wanted(THINGS[room.kind], room.key, str(spec["room_name"]), spec)


class SettingUp:
    """Plans and applies set-ups, one after the other, within the tenant's limits.

    Every method raises `CloudError`, and `SetupError` where the cloud has two of one name.
    """

    def __init__(self, client: MetaStudio, limits: Limits) -> None:
        self._setups = client.setups
        self._limits = limits
        self._products: dict[str, str] = {}

    async def find(self, thing: Thing, name: str) -> str:
        """The id of the one with that name, empty if there is none."""
        async with self._limits.slot(f"list_{thing}s"):
            return the_one(thing, name, await self._setups.find(thing, name))

    async def show(self, thing: Thing, thing_id: str) -> dict[str, Any]:
        async with self._limits.slot(f"show_{thing}"):
            return await self._setups.show(thing, thing_id)

    async def products(self) -> list[dict[str, Any]]:
        """All of the project as they are set up."""
        async with self._limits.slot("list_products"):
            return await self._setups.everything(Thing.PRODUCT)

    async def plan(self, one: Wanted) -> Step:
        """What has to be done about it; products come before the rooms that speak of them."""
        thing_id = await self.find(one.thing, one.name)
        if one.thing is Thing.PRODUCT:
            self._products[one.name] = thing_id or _TO_COME
        spec = with_product_ids(one.spec, self._products)
        shown = await self.show(one.thing, thing_id) if thing_id else None
        return plan_step(one.thing, one.label, spec, thing_id, shown)

    async def apply(self, one: Wanted) -> Step:
        """Do what has to be done; the step that was taken, with the id.

        Raises:
            SetupError: the cloud took the call and shows something else all the same.
        """
        step = await self.plan(one)
        if step.action is Action.KEEP:
            return step
        thing_id = step.id
        if step.action is Action.CREATE:
            self._products.pop(one.name, None)  # no room must be told of it unless it comes
            thing_id = await self._create(one, step)
        else:
            async with self._limits.slot(f"update_{one.thing}"):
                await self._setups.update(one.thing, thing_id, step.body)
        left = await self.plan(one)
        if left.action is not Action.KEEP:
            fields = ", ".join(change.path for change in left.changes) or "it is not there"
            raise SetupError(f"the cloud took the call, but shows otherwise: {fields}. Look in its console")
        return replace(step, id=thing_id)

    async def _create(self, one: Wanted, step: Step) -> str:
        try:
            async with self._limits.slot(f"create_{one.thing}"):
                return await self._setups.create(one.thing, step.body)
        except CloudError as error:
            if error.meaning is not Meaning.OUTCOME_UNKNOWN:
                raise
            found = await self.find(one.thing, one.name)  # it may have been created all the same
            if not found:
                raise
            return found
