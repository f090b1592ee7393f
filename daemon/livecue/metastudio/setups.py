"""How rooms and products are set up in the cloud (S4 6.1.1-6.1.4, 6.3.1-6.3.4, 7.1.1; S2).

Live rooms, smart-chat rooms and products are kept alike: created, found by name, shown, replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode

from livecue.domain import Meaning
from livecue.metastudio.errors import error
from livecue.metastudio.models import count_of
from livecue.metastudio.wire import Call, Wire

PAGE: Final = 100


class Thing(StrEnum):
    """What can be set up; the value is part of the operations' names (`create_room`, …)."""

    ROOM = "room"
    CHAT_ROOM = "chat_room"
    PRODUCT = "product"


@dataclass(frozen=True)
class Form:
    """Where a kind of thing lives in the API: path, name of the list, and of its id and name."""

    path: str
    rows: str
    id: str
    name: str


FORMS: Final[Mapping[Thing, Form]] = {
    Thing.ROOM: Form("smart-live-rooms", "smart_live_rooms", "room_id", "room_name"),
    Thing.CHAT_ROOM: Form("smart-chat-rooms", "smart_chat_rooms", "room_id", "room_name"),
    Thing.PRODUCT: Form("products", "products", "product_id", "name"),
}


GROUPS: Final = Form(
    "smart-live-interaction-rule-groups", "interaction_rule_groups", "group_id", "group_name"
)
_ALL_S: Final = 60.0
"""How long a list of everything may take: its pages are a second apart."""


class Setups:
    """The set-up calls of a `MetaStudio`; every method raises `MetaStudioError` alone."""

    def __init__(self, wire: Wire, base: str, timeout_s: float) -> None:
        """`base` is the project's URL; `timeout_s` the total time of one call."""
        self._wire = wire
        self._base = base
        self._timeout_s = timeout_s

    async def create(self, thing: Thing, body: Mapping[str, Any]) -> str:
        """Create one (S4 6.1.1, 6.3.1; S2); the id it was given.

        Raises:
            MetaStudioError: OUTCOME_UNKNOWN: find it by name before creating it again.
        """
        operation, form = f"create_{thing}", FORMS[thing]
        answer = await self._begin(operation).exchange("POST", f"{self._base}/{form.path}", body=body)
        found = answer.get(form.id)
        if not isinstance(found, str) or not found:
            raise error(operation, Meaning.OUTCOME_UNKNOWN, detail=f"the answer names no {form.id}")
        return found

    async def find(self, thing: Thing, name: str) -> list[str]:
        """The ids of those that bear exactly this name; the cloud itself searches for a part of it."""
        form = FORMS[thing]
        rows = await self._listed(f"list_{thing}s", form, {form.name: name})
        return [str(row[form.id]) for row in rows if row.get(form.name) == name and row.get(form.id)]

    async def everything(self, thing: Thing) -> list[dict[str, Any]]:
        """All of the project as the list shows them: of a product that is all there is (S4 6.3.2)."""
        return await self._listed(f"list_{thing}s", FORMS[thing], {}, within_s=_ALL_S)

    async def rule_groups(self) -> list[dict[str, Any]]:
        """All rule groups of the project with their rules (S4 6.1.7)."""
        return await self._listed("list_rule_groups", GROUPS, {}, within_s=_ALL_S)

    async def show(self, thing: Thing, thing_id: str) -> dict[str, Any]:
        """One as it is set up (S4 6.1.3, 6.3.4, 7.1.1.3). A room's answer may hold its stream keys."""
        operation = f"show_{thing}"
        return await self._begin(operation).exchange("GET", self._url(operation, thing, thing_id))

    async def update(self, thing: Thing, thing_id: str, body: Mapping[str, Any]) -> None:
        """Replace one by `body` (S4 6.1.4, 6.3.3, 7.1.1.4); a running job keeps what it began with."""
        operation = f"update_{thing}"
        await self._begin(operation).exchange("PUT", self._url(operation, thing, thing_id), body=body)

    async def _listed(
        self, operation: str, form: Form, query: Mapping[str, str], *, within_s: float = 0
    ) -> list[dict[str, Any]]:
        call, offset = self._begin(operation, within_s), 0
        found: list[dict[str, Any]] = []
        while True:
            page = urlencode({"offset": offset, "limit": PAGE} | dict(query), quote_via=quote)
            answer = await call.exchange("GET", f"{self._base}/{form.path}?{page}")
            rows = answer.get(form.rows)
            rows = rows if isinstance(rows, list) else []
            found += [dict(row) for row in rows if isinstance(row, Mapping)]
            offset += len(rows)
            total = count_of(answer)
            if len(rows) < PAGE or (total is not None and offset >= total):
                return found

    def _begin(self, operation: str, within_s: float = 0) -> Call:
        now_s = asyncio.get_running_loop().time()
        return self._wire.call(operation, now_s + max(self._timeout_s, within_s))

    def _url(self, operation: str, thing: Thing, thing_id: str) -> str:
        if not thing_id.strip("."):
            raise error(operation, Meaning.INVALID, detail=f"the id of a {thing} is empty or only dots")
        return f"{self._base}/{FORMS[thing].path}/{quote(thing_id, safe='')}"
