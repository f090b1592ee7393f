"""`live.asks.<room>`: how asks lie in the outbox. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from livecue.domain import Ask, AskKind
from livecue.runtime.ask_ports import LASTS_MS

_MESSAGE_BYTES = 256_000  # well below a server's smallest max_payload
_LARGEST_ASK_BYTES = 128_000


def ask_messages(asks: Sequence[Ask]) -> Iterator[tuple[int, bytes]]:
    """(seconds to live, body) of the messages that hold `asks`, each kind by itself and in order."""
    for kind in AskKind:
        parts: list[msgspec.Raw] = []
        size = 0
        for ask in asks:
            if ask.kind is not kind:
                continue
            part = _encoded(ask)
            if parts and size + len(part) > _MESSAGE_BYTES:
                yield LASTS_MS[kind] // 1000, _message(parts)
                parts, size = [], 0
            parts.append(msgspec.Raw(part))
            size += len(part)
        if parts:
            yield LASTS_MS[kind] // 1000, _message(parts)


def _encoded(ask: Ask) -> bytes:
    """An ask whose event is beyond all measure goes without the event's content: it must not stop the room."""
    part = msgspec.json.encode(ask)
    if len(part) <= _LARGEST_ASK_BYTES:
        return part
    return msgspec.json.encode(msgspec.structs.replace(ask, content={}))


def _message(parts: list[msgspec.Raw]) -> bytes:
    return msgspec.json.encode({"v": 1, "asks": parts})


class _AsksWire(msgspec.Struct):
    asks: list[Ask]


_decoder = msgspec.json.Decoder(_AsksWire)


def read_asks(body: bytes) -> list[Ask]:
    """The asks of one `live.asks.<room>` message."""
    return _decoder.decode(body).asks
