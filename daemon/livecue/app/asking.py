"""The asker on its real ports: outbox and audit on the bus, webhook and chat endpoint by HTTP."""

from __future__ import annotations

import random

from pydantic import SecretStr

from livecue.bus.connection import Bus
from livecue.bus.readers import NatsAskLog, NatsHistory
from livecue.domain import AskKind
from livecue.outgoing import CallbackRoom, Chat, ChatRoom, Http, Webhook
from livecue.runtime.ask_ports import LASTS_MS
from livecue.runtime.asker import Asker
from livecue.runtime.ports import Audit, Meter, Now, Signals
from livecue.settings import AskCallback, AskChat, Room, Settings


def make_asker(
    settings: Settings, bus: Bus, audit: Audit, signals: Signals, http: Http, meter: Meter, now: Now
) -> Asker:
    """The asker of all rooms. It reads the outbox from as long ago as the bus keeps an ask."""
    since_ms = now() - max(LASTS_MS.values())
    return Asker(
        NatsAskLog(bus.nc, since_ms),
        NatsHistory(bus.nc, since_ms),
        {
            AskKind.CALLBACK: Webhook(http, callback_rooms(settings), now),
            AskKind.CHAT: Chat(http, chat_rooms(settings)),
        },
        audit,
        signals,
        meter,
        now,
        random.random,
    )


def can_ask(settings: Settings, room: Room) -> tuple[bool, bool]:
    """Whether the room's rules may call back without a URL of their own, and whether they may chat."""
    asks = settings.asks_of(room)
    return bool(asks.callback and asks.callback.url), asks.chat is not None


def callback_rooms(settings: Settings) -> dict[str, CallbackRoom]:
    """Where each room's CALLBACK rules ask."""
    found = ((room.key, settings.asks_of(room).callback) for room in settings.rooms)
    return {key: _callback_room(callback) for key, callback in found if callback}


def _callback_room(callback: AskCallback) -> CallbackRoom:
    secrets = (callback.secret, callback.previous_secret)
    return CallbackRoom(
        secrets=tuple(secret.get_secret_value() for secret in secrets if secret),
        url=callback.url,
        timeout_s=callback.timeout_s,
    )


def chat_rooms(settings: Settings) -> dict[str, ChatRoom]:
    """Whom each room's INTELLIGENT_REPLY rules ask."""
    found = ((room.key, settings.asks_of(room).chat) for room in settings.rooms)
    return {key: _chat_room(chat) for key, chat in found if chat}


def _chat_room(chat: AskChat) -> ChatRoom:
    return ChatRoom(
        base_url=chat.base_url,
        model=chat.model,
        api_key=chat.api_key.get_secret_value() if chat.api_key else "",
        persona=chat.persona,
        timeout_s=chat.timeout_s,
        max_chars=chat.max_chars,
        temperature=chat.temperature,
        products=chat.products,
        banned=chat.banned,
        extra_body=chat.extra_body,
    )


def secrets_of_asks(settings: Settings) -> list[SecretStr | None]:
    """What signs callbacks and opens chat endpoints."""
    held: list[SecretStr | None] = []
    for asks in (settings.asks, *(room.asks for room in settings.rooms)):
        if asks.callback:
            held += [asks.callback.secret, asks.callback.previous_secret]
        if asks.chat:
            held.append(asks.chat.api_key)
    return held
