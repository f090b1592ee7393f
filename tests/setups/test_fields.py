"""The fields that livecue knows against those of the vendor's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from huaweicloudsdkmetastudio import v1

from livecue.metastudio import FORMS, Thing
from livecue.metastudio.setups import GROUPS
from livecue.setups.documented import TABLES
from livecue.setups.fields import KNOWN, READ_ONLY, WITH_THE_START
from livecue.setups.kinds import Rows, Table


def fields(*names: str) -> set[str]:
    return {field for name in names for field in getattr(v1, name).attribute_map.values()} - {"X-Request-Id"}


@pytest.mark.parametrize(
    ("thing", "bodies", "shown"),
    [
        (Thing.ROOM, ["CreateSmartLiveRoomReq"], "ShowSmartLiveRoomResponse"),
        (Thing.CHAT_ROOM, ["CreateSmartChatRoomReq"], "ShowSmartChatRoomResponse"),
        (Thing.PRODUCT, ["CreateProductRequestBody", "UpdateProductRequestBody"], "ShowProductResponse"),
    ],
)
def test_what_can_be_written_and_what_is_only_shown_is_as_the_sdk_has_it(
    thing: Thing, bodies: list[str], shown: str
) -> None:
    written = fields(*bodies)
    assert KNOWN[thing] | (WITH_THE_START if thing is Thing.ROOM else set()) == written
    assert fields(shown) - written <= READ_ONLY[thing]
    assert FORMS[thing].id in fields(shown)
    assert FORMS[thing].name in written


@pytest.mark.parametrize(
    ("thing", "answer"),
    [
        (Thing.ROOM, "ListSmartLiveRoomsResponse"),
        (Thing.CHAT_ROOM, "ListSmartChatRoomsResponse"),
        (Thing.PRODUCT, "ListProductsResponse"),
    ],
)
def test_lists_bear_the_names_of_the_sdk(thing: Thing, answer: str) -> None:
    assert FORMS[thing].rows in fields(answer)


def test_rule_groups_bear_the_names_of_the_sdk() -> None:
    assert GROUPS.rows in fields("ListInteractionRuleGroupsResponse")
    assert {GROUPS.id, GROUPS.name} <= fields("InteractionRuleGroupDetail")


def nested(table: Table, model: Any, path: str) -> Iterator[tuple[str, set[str], set[str]]]:
    """Each table within `table`: its path, the fields it knows, those that the SDK has there."""
    attributes = model.attribute_map
    yield path, set(table.fields) | table.others, set(attributes.values())
    for attribute, name in attributes.items():
        kind = table.fields.get(name)
        inner = kind.of if isinstance(kind, Rows) else kind
        if isinstance(inner, Table):
            named = model.openapi_types[attribute].removeprefix("list[").removesuffix("]")
            yield from nested(inner, getattr(v1, named), f"{path}.{name}")


@pytest.mark.parametrize(
    ("thing", "body"),
    [
        (Thing.ROOM, "CreateSmartLiveRoomReq"),
        (Thing.CHAT_ROOM, "CreateSmartChatRoomReq"),
        (Thing.PRODUCT, "CreateProductRequestBody"),
    ],
)
def test_what_is_checked_within_has_the_names_of_the_sdk(thing: Thing, body: str) -> None:
    found = list(nested(TABLES[thing], getattr(v1, body), str(thing)))
    assert len(found) > (16 if thing is Thing.ROOM else 3)
    for path, known, documented in found:
        assert documented - known == set(), path
        if path != str(thing):
            assert known - documented <= {"script_id", "rule_id"}, path
