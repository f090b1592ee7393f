"""The tenant's limits (S4 1, table 1-2) and a true sliding window of one second. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

REGIONS = ("cn-north-4", "cn-east-3", "ap-southeast-3")
WINDOW_S = 1.0

# Calls per second and tenant in the order of REGIONS. None: that region does not offer the operation.
_WRITE = (4, 3, 3)
_ROOM_WRITE = (5, 3, 3)
_READ = (20, 10, 10)
_CHAT_WRITE = (5, 3, None)

OPERATIONS: Mapping[str, tuple[int | None, int | None, int | None]] = {
    "create_room": _ROOM_WRITE,
    "list_rooms": _READ,
    "show_room": _READ,
    "update_room": _ROOM_WRITE,
    "delete_room": _WRITE,
    "create_rule_group": _WRITE,
    "list_rule_groups": _READ,
    "update_rule_group": _WRITE,
    "delete_rule_group": _WRITE,
    "start": _WRITE,
    "list_jobs": _READ,
    "show_job": _READ,
    "stop": _WRITE,
    "command": _WRITE,
    "list_all_jobs": (10, 5, 5),
    "report": _WRITE,
    "create_product": _WRITE,
    "list_products": _READ,
    "show_product": _READ,
    "update_product": _WRITE,
    "delete_product": _WRITE,
    "set_product_assets": _WRITE,
    "create_chat_room": _CHAT_WRITE,
    "list_chat_rooms": _READ,
    "show_chat_room": _READ,
    "update_chat_room": _CHAT_WRITE,
    "delete_chat_room": _CHAT_WRITE,
    "start_chat_job": _CHAT_WRITE,
    "list_chat_jobs": _READ,
    "show_chat_job": _READ,
    "stop_chat_job": _CHAT_WRITE,
    # Newer than S4, limits not published: zero is no limit.
    "list_insert_commands": (0, 0, 0),
    "show_live_warning": (0, 0, 0),
    "create_token": (0, 0, 0),
}


def effective(region: str, overrides: Mapping[str, int]) -> dict[str, int | None]:
    """Calls per second by operation: 0 no limit, None not offered in `region`."""
    column = REGIONS.index(region)
    return {
        operation: overrides.get(operation, overrides.get("*", documented[column]))
        for operation, documented in OPERATIONS.items()
    }


class Window:
    """At most `limit` admissions in any second; a refused call takes no place (S4 1)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._admitted: deque[float] = deque()

    def admit(self, now_s: float) -> bool:
        """Whether a call at `now_s` (monotonic seconds) is within the limit; counts it if so."""
        if self._limit == 0:
            return True
        while self._admitted and self._admitted[0] <= now_s - WINDOW_S:
            self._admitted.popleft()
        if len(self._admitted) >= self._limit:
            return False
        self._admitted.append(now_s)
        return True
