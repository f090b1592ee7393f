"""How long after its event a reply is worth saying, if its rule does not say."""

from __future__ import annotations

import msgspec

from livecue.domain import EventType


class Ages(msgspec.Struct, frozen=True):
    """In milliseconds; `gift_ms` for replies to gifts, since thanks keep longer than an answer."""

    reply_ms: int = 20_000
    gift_ms: int = 60_000

    def of(self, event_type: int) -> int:
        return self.gift_ms if event_type == EventType.GIFT else self.reply_ms


DEFAULT_AGES = Ages()
