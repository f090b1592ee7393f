"""CALLBACK: a rule's hit, POSTed to the shop per Standard Webhooks 1.0.0.

The body is the same in every attempt at one hit, and so is `webhook-id`: the shop keeps the ids it
has seen and does a thing once. A 2xx is all it has to answer; with `{"text": "..."}` in the body
the avatar says that, as long as it comes while the reply is fresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from livecue.domain import Ask
from livecue.outgoing.http import Http
from livecue.outgoing.signing import webhook_headers
from livecue.outgoing.spoken import plain
from livecue.runtime.ask_ports import AskError, Unanswered
from livecue.runtime.ports import Now

MAX_TEXT_CHARS: Final = 1024
TYPE: Final = "livecue.rule.hit"


@dataclass(frozen=True)
class CallbackRoom:
    """Where a room's rules ask. `secrets` sign, the newest first; `url` is for rules without their own."""

    secrets: tuple[str, ...] = field(repr=False)
    url: str = field(default="", repr=False)
    timeout_s: float = 10.0


class Webhook:
    """`Outside` for callbacks."""

    def __init__(self, http: Http, rooms: Mapping[str, CallbackRoom], now: Now) -> None:
        self._http = http
        self._rooms = rooms
        self._now = now

    async def ask(self, ask: Ask, within_s: float) -> str:
        room = self._rooms.get(ask.room)
        if room is None or not room.secrets:
            raise AskError(Unanswered.NOT_SET_UP, "the room has no asks.callback.secret")
        url = ask.url or room.url
        if not url:
            raise AskError(Unanswered.NOT_SET_UP, "neither the rule nor asks.callback names a URL")
        content = body_of(ask)
        headers = webhook_headers(room.secrets, webhook_id(ask), self._now() // 1000, content)
        headers["Content-Type"] = "application/json"
        answer = await self._http.post(url, headers, content, min(within_s, room.timeout_s))
        return _text(answer.body)


def webhook_id(ask: Ask) -> str:
    """One per hit, the same in every attempt, and safe in a header whatever the rule_index holds."""
    whole = f"{ask.room}\0{ask.id}\0{ask.at_ms}".encode("utf-8", "backslashreplace")
    return f"msg_{hashlib.blake2b(whole, digest_size=16).hexdigest()}"


def body_of(ask: Ask) -> bytes:
    """The payload: `timestamp` is when the event was stored, `texts` are the rule's own replies."""
    data: dict[str, Any] = {
        "room": ask.room,
        "job_id": ask.job_id,
        "rule_index": ask.rule_index,
        "rule_name": ask.rule_name,
        "event": {"type": ask.event_type, "content": dict(ask.content)},
        "texts": ask.texts,
        "scene": ask.scene,
    }
    when = datetime.fromtimestamp(ask.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return msgspec.json.encode({"type": TYPE, "timestamp": when.replace("+00:00", "Z"), "data": data})


def _text(body: bytes | None) -> str:
    """What to speak. A shop that answers `ok`, a page or nothing has taken the hit and says nothing."""
    if body is None:
        raise AskError(Unanswered.UNREADABLE, "the answer is larger than 64 KiB")
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    text = answer.get("text") if isinstance(answer, dict) else None
    if text is None:
        return ""
    if not isinstance(text, str):
        raise AskError(Unanswered.UNREADABLE, "`text` is not a string")
    text = plain(text)
    if len(text) > MAX_TEXT_CHARS:
        raise AskError(Unanswered.UNREADABLE, f"`text` is longer than {MAX_TEXT_CHARS} characters")
    return text
