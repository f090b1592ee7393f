"""The documented rate limits, as data (S4 table 1-2): calls per second and tenant.

They are shared by every process of the tenant; beyond them the gateway answers 429 APIGW.0308.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

AGAIN_MS: Final = 1010
"""How long after an answer the same call may send its next request: a second and a margin for rounding.

So the call, however many requests it takes, fills one place in any second of the server's clock.
"""

REGIONS: Final = ("cn-north-4", "cn-east-3", "ap-southeast-3")

# In the order of REGIONS; None: the region does not offer it.
_TABLE: Final[Mapping[str, tuple[int, int, int | None]]] = {
    "create_room": (5, 3, 3),
    "list_rooms": (20, 10, 10),
    "show_room": (20, 10, 10),
    "update_room": (5, 3, 3),
    "create_product": (4, 3, 3),
    "list_products": (20, 10, 10),
    "show_product": (20, 10, 10),
    "update_product": (4, 3, 3),
    "list_rule_groups": (20, 10, 10),
    "create_chat_room": (5, 3, None),
    "list_chat_rooms": (20, 10, 10),
    "show_chat_room": (20, 10, 10),
    "update_chat_room": (5, 3, None),
    "start": (4, 3, 3),
    "stop": (4, 3, 3),
    "show": (20, 10, 10),
    "list": (20, 10, 10),
    "list_tenant": (10, 5, 5),
    "command": (4, 3, 3),
    "report": (4, 3, 3),
    "list_inserts": (4, 3, 3),  # not in the table: taken as the command's own
    "start_chat": (5, 3, None),
    "show_chat": (20, 10, 10),
    "list_chats": (20, 10, 10),  # not in the table: taken as the list of live jobs
    "stop_chat": (5, 3, None),
}


def documented(region: str) -> Mapping[str, int]:
    """Calls per second by operation in `region`; for an unknown region the lowest of each row.

    An operation that the region does not offer is absent.
    """
    if region not in REGIONS:
        lowest = {name: min(limit for limit in row if limit is not None) for name, row in _TABLE.items()}
        return MappingProxyType(lowest)
    column = REGIONS.index(region)
    return MappingProxyType(
        {name: limit for name, row in _TABLE.items() if (limit := row[column]) is not None}
    )
