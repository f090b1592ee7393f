"""From settings to whom the receiver believes: keys, tokens, recipes."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Iterator, Mapping

from livecue.app.web import ListenError
from livecue.receiver import AuthType, CallbackRoom, IngestRoom, Key, token_hash, url_token
from livecue.settings import Callback, Loaded, Settings
from livecue.settings.http import load_verifier, seconds

_SECRET_FILE = "callback-secret"  # noqa: S105 - its name


class CallbackSecretError(ListenError):
    """The secret behind the callback URLs of rooms with auth_type NONE can neither be read nor kept.

    Remedy: make `data_dir` writable, or set `http.callback_secret`.
    """


def told_url(room: CallbackRoom) -> str:
    """The URL that the cloud is told; under auth_type NONE it carries the room's token."""
    return f"{room.public_url}?token={room.token}" if room.token else room.public_url


def callback_secret(loaded: Loaded) -> str:
    """What tokens of URLs are derived from: configured, or made once and kept under `data_dir`.

    Empty if no room needs one.

    Raises:
        CallbackSecretError: it can neither be read nor kept.
    """
    settings = loaded.settings
    if not any(room.callback and room.callback.auth_type == "NONE" for room in settings.rooms):
        return ""
    if settings.http.callback_secret is not None:
        return settings.http.callback_secret.get_secret_value()
    file = loaded.path(settings.data_dir) / _SECRET_FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            beside = file.with_name(f"{_SECRET_FILE}.{os.getpid()}")
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(secrets.token_hex(32))
            beside.replace(file)
        kept = file.read_text("ascii").strip()
    except (OSError, UnicodeError) as error:
        raise CallbackSecretError(
            f"{file} cannot be kept ({type(error).__name__}), and the callback URLs of rooms with auth_type NONE "
            "rest on it: make data_dir writable, or set http.callback_secret"
        ) from error
    if len(kept) < 24:
        raise CallbackSecretError(f"{file} is too short to be secret: delete it, and livecue makes another")
    return kept


def callback_rooms(settings: Settings, secret: str = "") -> dict[str, CallbackRoom]:
    """The rooms that take callbacks, with the keys they are signed by; `secret` is behind URL tokens."""
    return {
        room.key: CallbackRoom(
            room=room.key,
            room_id=room.room_id,
            standby=room.standby,
            public_url=f"{settings.http.public_url}/callbacks/{room.key}",
            auth_type=AuthType(room.callback.auth_type),
            keys=tuple(_keys(room.callback)),
            forms=room.callback.uri_forms,
            token=url_token(secret, room.key) if room.callback.auth_type == "NONE" and secret else "",
            window_s=room.callback.freshness_s,
            recipe=room.callback.recipe.as_recipe() if room.callback.recipe else None,
            verifier=load_verifier(room.callback.verifier) if room.callback.verifier else None,
        )
        for room in settings.rooms
        if room.callback is not None
    }


def _keys(callback: Callback) -> Iterator[Key]:
    if callback.key is not None:
        yield Key("key", callback.key.get_secret_value())
    for one in callback.keys:
        yield Key(
            one.id,
            one.key.get_secret_value(),
            seconds(one.not_before, -math.inf),
            seconds(one.not_after, math.inf),
        )
    if callback.previous_key is not None:
        yield Key("previous_key", callback.previous_key.get_secret_value(), given=False)


def ingest_rooms(settings: Settings) -> dict[str, IngestRoom]:
    """Who may post events for each room."""
    return {
        room.key: IngestRoom(room.ingest.tokens_sha256, room.ingest.max_events_per_s)
        for room in settings.rooms
    }


def tokens_for_all(settings: Settings) -> list[str]:
    """SHA-256 of the bearer tokens that are good for every room."""
    token = settings.http.ingest_token
    return [token_hash(token.get_secret_value())] if token and token.get_secret_value() else []


def with_new_keys(
    rooms: Mapping[str, CallbackRoom], found: Mapping[str, CallbackRoom]
) -> dict[str, tuple[Key, ...]]:
    """The rooms whose keys are others in `found`, with those."""
    return {
        name: found[name].keys
        for name, room in rooms.items()
        if name in found and found[name].auth_type is room.auth_type and found[name].keys != room.keys
    }
