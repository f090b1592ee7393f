from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from livecue.app.asking import callback_rooms, can_ask, chat_rooms
from livecue.app.rooms import secrets_of
from livecue.settings import ConfigError, Loaded, load

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHAT = {"base_url": "https://api.example.com/v1/", "model": "some-model"}


def loaded(folder: Path, everywhere: Any = None, flagship: Any = None) -> Loaded:
    """Two rooms: flagship with `asks` of its own, outlet without."""
    rooms: list[dict[str, Any]] = [{"key": key, "room_id": key} for key in ("flagship", "outlet")]
    data: dict[str, Any] = {
        "metastudio": {"project_id": "p", "auth": {"ak": "access", "sk": "secret-key"}},
        "rooms": rooms,
    }
    if everywhere is not None:
        data["asks"] = everywhere
    if flagship is not None:
        rooms[0]["asks"] = flagship
    file = folder / "livecue.yaml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True))
    return load(file)


def test_without_asks_nobody_is_asked(tmp_path: Path) -> None:
    settings = loaded(tmp_path).settings
    assert [can_ask(settings, room) for room in settings.rooms] == [(False, False), (False, False)]
    assert not callback_rooms(settings)
    assert not chat_rooms(settings)


def test_a_room_takes_from_all_rooms_what_it_leaves_out(tmp_path: Path) -> None:
    own = {"callback": {"url": "https://shop.example.com/own?key=k", "secret": SECRET}}
    settings = loaded(tmp_path, {"chat": CHAT, "callback": {"secret": SECRET}}, own).settings
    assert [can_ask(settings, room) for room in settings.rooms] == [(True, True), (False, True)]
    assert {key: room.url for key, room in callback_rooms(settings).items()} == {
        "flagship": "https://shop.example.com/own?key=k",
        "outlet": "",
    }
    assert {room.base_url for room in chat_rooms(settings).values()} == {"https://api.example.com/v1"}
    chat = chat_rooms(settings)["outlet"]
    assert (chat.timeout_s, chat.max_chars) == (3, 60)


def test_secrets_may_lie_in_files_and_are_kept_out_of_everything_shown(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(f"{SECRET}\n")
    (tmp_path / "key").write_text("sk-chat-key\n")
    asks = {
        "callback": {"secret_file": "hook", "previous_secret": "the-old-one-is-still-good-for-now"},
        "chat": {**CHAT, "api_key_file": "key"},
    }
    settings = loaded(tmp_path, asks).settings
    assert callback_rooms(settings)["outlet"].secrets == (SECRET, "the-old-one-is-still-good-for-now")
    held = {SECRET, "the-old-one-is-still-good-for-now", "sk-chat-key"}
    assert held <= set(secrets_of(settings))
    shown = repr(settings) + repr(callback_rooms(settings)) + repr(chat_rooms(settings))
    assert not [secret for secret in held if secret in shown]


@pytest.mark.parametrize(
    ("asks", "where", "what"),
    [
        ({"callback": {"url": "https://h/x"}}, "asks.callback.secret", "is missing"),
        ({"callback": {"secret": "short"}}, "asks.callback.secret", "shorter than 24 bytes"),
        ({"callback": {"secret": "whsec_AAAA"}}, "asks.callback.secret", "shorter than 24 bytes"),
        ({"callback": {"secret": "whsec_no base64, not at all, no"}}, "asks.callback.secret", "base64"),
        ({"callback": {"secret": SECRET, "url": "http://h/x"}}, "asks.callback.url", "https"),
        ({"callback": {"secret": SECRET, "url": "http://127.0.0.1.h/x"}}, "asks.callback.url", "https"),
        ({"chat": {"model": "m"}}, "asks.chat.base_url", "is missing"),
        ({"chat": {**CHAT, "base_url": "http://h"}}, "asks.chat.base_url", "https"),
        ({"chat": {**CHAT, "timeout_s": 60}}, "asks.chat.timeout_s", "10"),
        ({"chat": {**CHAT, "extra_body": {"stream": True}}}, "asks.chat.extra_body", "livecue's own"),
        ({"chat": {**CHAT, "personna": "x"}}, "asks.chat.personna", "did you mean `persona`"),
    ],
)
def test_a_wrong_value_refuses_to_start_and_says_where(
    tmp_path: Path, asks: Any, where: str, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, None, asks)
    said = str(caught.value)
    assert where.replace("asks", "rooms.0.asks", 1) in said
    assert what in said
    assert SECRET not in said
