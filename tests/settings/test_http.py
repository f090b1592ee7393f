"""Keys, tokens and recipes as the configuration gives them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.pages import blocks, read
from livecue.app.callbacks import callback_rooms, ingest_rooms, tokens_for_all
from livecue.app.rooms import secrets_of
from livecue.receiver import token_hash
from livecue.settings import ConfigError, Settings, load

HASH = hashlib.sha256(b"token").hexdigest()


def settings(folder: Path, room: dict[str, Any], **http: Any) -> Settings:
    data = {
        "metastudio": {"project_id": "p", "auth": {"ak": "AKAK", "sk": "SKSK"}},
        "http": {"public_url": "https://live.example.com", **http},
        "rooms": [{"key": "a", "room_id": "r1", **room}],
    }
    (file := folder / "livecue.yaml").write_text(yaml.safe_dump(data))
    return load(file).settings


def test_several_keys_come_from_files_in_order_each_with_its_time(tmp_path: Path) -> None:
    (tmp_path / "winter").write_text("winter-key\n")
    keys = [
        {"id": "winter", "key_file": "winter", "not_after": "2027-03-08T00:00:00+08:00"},
        {"id": "spring", "key": "spring-key", "not_before": "2027-03-01T00:00:00+08:00"},
    ]
    found = settings(tmp_path, {"callback": {"key": "first-key", "previous_key": "old-key", "keys": keys}})
    ours = callback_rooms(found)["a"].keys
    assert [(key.id, key.secret, key.given) for key in ours] == [
        ("key", "first-key", True),
        ("winter", "winter-key", True),
        ("spring", "spring-key", True),
        ("previous_key", "old-key", False),
    ]
    assert ours[1].not_after_s - ours[2].not_before_s == 7 * 86_400
    assert {"winter-key", "spring-key", "first-key", "old-key"} <= set(secrets_of(found))
    assert "winter-key" not in repr(found) + repr(ours)


def test_hashes_of_tokens_may_stand_in_a_file_but_not_in_both_places(tmp_path: Path) -> None:
    (tmp_path / "hashes").write_text(f"{HASH.upper()}\n{'0' * 64}\n")
    found = settings(tmp_path, {"ingest": {"tokens_sha256_file": "hashes", "max_events_per_s": 5}})
    room = ingest_rooms(found)["a"]
    assert (room.tokens_sha256, room.max_events_per_s) == ((HASH, "0" * 64), 5)
    assert token_hash("token") == HASH
    both = {"tokens_sha256_file": "hashes", "tokens_sha256": [HASH]}
    with pytest.raises(ConfigError, match="give either tokens_sha256 or tokens_sha256_file"):
        settings(tmp_path, {"ingest": both})


def test_the_one_token_for_all_rooms_still_works_and_an_empty_one_opens_nothing(tmp_path: Path) -> None:
    assert tokens_for_all(settings(tmp_path, {}, ingest_token="token")) == [HASH]
    assert tokens_for_all(settings(tmp_path, {}, ingest_token="")) == []
    assert tokens_for_all(settings(tmp_path, {})) == []


def test_the_callbacks_shown_in_the_documentation_load(tmp_path: Path) -> None:
    for name in ("callback-winter", "callback-spring", "callback-key"):
        (tmp_path / name).write_text("a-key")
    shown = [text for _, text in blocks(read("docs/configuration.md")) if text.startswith("callback:")]
    assert len(shown) == 2
    for text in shown:
        room = yaml.safe_load(text.replace("/etc/livecue/secrets", str(tmp_path)))
        assert callback_rooms(settings(tmp_path, room))["a"].keys
