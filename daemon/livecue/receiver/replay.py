"""Why a repeated callback counts once. Pure.

The cloud repeats a callback whose answer it did not see, and so may whoever recorded one. Neither is
refused: both get their 2xx, and the bus stores them once, because they carry the same dedup id. The
id is a function of the request, and the bus compares and stores in one step, so one cache serves all
replicas and every restart, and nothing can come between the mark and the signal. It works as long as
the bus remembers ids (120 s), which is as long as a signature can be believed (60 s either way): after
that a replay is stale, before that it is a duplicate. `Seen` beside it spares the bus the asking.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from livecue.domain import SignalKind
from livecue.receiver.translate import Callback

_REMEMBERED_MS = 120_000


class Seen:
    """Ids that the bus has acknowledged to this process, the latest `most` of the last 120 s."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._at_ms: OrderedDict[str, int] = OrderedDict()

    def before(self, once: str, now_ms: int) -> bool:
        """Whether it is one of them; an empty id never is."""
        at_ms = self._at_ms.get(once)
        return at_ms is not None and 0 <= now_ms - at_ms < _REMEMBERED_MS

    def add(self, once: str, now_ms: int) -> None:
        """Remember it; the oldest go."""
        if not once:
            return
        self._at_ms[once] = now_ms
        self._at_ms.move_to_end(once)
        while len(self._at_ms) > self._most:
            self._at_ms.popitem(last=False)

    def __len__(self) -> int:
        return len(self._at_ms)


def dedup_id(room: str, hw_time: str, secret: str, body: bytes, callback: Callback) -> str:
    """The id under which the bus stores this callback once; empty if it cannot have one.

    A finished reply happens once, whoever tells it how often. Every other callback may truly come
    twice with the same body (a scene or a stream state comes back), so only the signature's moment
    tells a repetition from news; without a signature (`secret` empty) there is no id.
    """
    if callback.kind == SignalKind.REPLY_FINISHED:
        told = f"{callback.data['job_id']}\n{callback.data['reply_id']}".encode()
        return f"reply-{room}-{hashlib.sha256(told).hexdigest()[:32]}"
    return exact_id(room, hw_time, secret, body) if secret else ""


def exact_id(room: str, hw_time: str, secret: str, body: bytes) -> str:
    """The same for the same body under the same signature, and only then."""
    digest = hashlib.sha256(f"{room}\n{hw_time}\n{secret.lower()}\n".encode("utf-8", "replace"))
    digest.update(hashlib.sha256(body).digest())
    return f"callback-{room}-{digest.hexdigest()[:32]}"
