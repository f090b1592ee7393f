"""The fields that livecue knows against those of the vendor's own SDK."""

from __future__ import annotations

import pytest
from huaweicloudsdkmetastudio import v1

from livecue.metastudio import FORMS, Thing
from livecue.setups.fields import KNOWN, READ_ONLY, WITH_THE_START


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
