"""Why a repeated callback counts once, without a cache. Pure.

The cloud repeats a callback whose answer it did not see, and so may whoever recorded one. Neither is
refused: both get their 2xx, and the bus stores them once, because they carry the same dedup id. The
id is a function of the request, so it needs no memory, survives a restart and is the same on every
replica. It works as long as the bus remembers ids (120 s), which is longer than a signature is
believed (60 s and the clocks' skew): after that a replay is stale, before that it is a duplicate.
"""

from __future__ import annotations

import hashlib

from livecue.domain import SignalKind
from livecue.receiver.translate import Callback


def dedup_id(room: str, hw_time: str, secret: str, body: bytes, callback: Callback) -> str:
    """The id under which the bus stores this callback once; empty if it cannot have one.

    A finished reply happens once, whoever tells it how often. Every other callback may truly come
    twice with the same body (a scene or a stream state comes back), so only the signature's moment
    tells a repetition from news; without a signature (`secret` empty) there is no id.
    """
    if callback.kind == SignalKind.REPLY_FINISHED:
        told = f"{callback.data['job_id']}\n{callback.data['reply_id']}".encode()
        return f"reply-{room}-{hashlib.sha256(told).hexdigest()[:32]}"
    if not secret:
        return ""
    digest = hashlib.sha256(f"{room}\n{hw_time}\n{secret.lower()}\n".encode("utf-8", "replace"))
    digest.update(hashlib.sha256(body).digest())
    return f"callback-{room}-{digest.hexdigest()[:32]}"
