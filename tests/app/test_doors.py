"""Who is believed, as the files say now: keys and tokens change without a restart."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.processes import write_config
from livecue.app.callbacks import CallbackSecretError, callback_secret
from livecue.app.doors import Doors
from livecue.app.metrics import PrometheusMeter
from livecue.app.redact import Redactor
from livecue.receiver import AuthType, Key, Verdict
from livecue.receiver.request import CallbackRequest
from livecue.receiver.rooms import judge
from livecue.receiver.signature import UriForm, sign, signed_uri
from livecue.runtime.ports import Outcome
from livecue.settings import load

NOW_S = 1_800_000_000
URL = "https://live.example.com/callbacks/flagship"


class Clock:
    def __init__(self) -> None:
        self.s = float(NOW_S)

    def __call__(self) -> int:
        return int(self.s * 1000)


def config(folder: Path, callback: dict[str, Any], **room: Any) -> Path:
    return write_config(
        folder,
        http={"public_url": "https://live.example.com"},
        rooms=[{"key": "flagship", "room_id": "r1", "callback": callback, **room}],
    )


def doors(file: Path, now: Callable[[], int] | None = None, redactor: Redactor | None = None) -> Doors:
    return Doors(load(file), redactor or Redactor([]), PrometheusMeter(), now or Clock(), every_s=0.02)


def believed(door: Doors, key: str, at_s: float = NOW_S) -> Verdict:
    room = door.callback_rooms["flagship"]
    hw_time = f"{int(at_s):08x}"
    secret = sign(key, signed_uri(URL, "", UriForm.BARE_SORTED), hw_time)
    headers = (("x-hw-mss-secret", secret), ("x-hw-mss-time", hw_time))
    return judge(room, CallbackRequest(URL, "", headers, b"{}", at_s)).verdict


def told(door: Doors) -> dict[str, Any]:
    found: dict[str, Any] = door.cloud_rooms["flagship"].start["live_event_callback_config"]
    return found


def held(door: Doors) -> list[str]:
    """The keys that a running job's are compared with."""
    room = door.cloud_rooms["flagship"].callback
    return [key.secret for key in room.keys] if room else []


async def watched(door: Doors, holds: Callable[[], bool]) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(door.run(stop))
    try:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 - whatever it is
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await task


async def test_a_key_in_a_mounted_file_is_changed_without_a_restart(tmp_path: Path) -> None:
    """As Kubernetes does it: the file is a link whose target is exchanged."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"key-{name}\n")
    link = tmp_path / "mounted"
    link.symlink_to("one")
    door = doors(config(tmp_path, {"key_file": "mounted"}))
    assert believed(door, "key-one") == Verdict.GENUINE
    assert told(door)["key"] == "key-one"
    (fresh := tmp_path / "fresh").symlink_to("two")
    fresh.replace(link)
    await watched(door, lambda: believed(door, "key-two") == Verdict.GENUINE)
    assert believed(door, "key-one") == Verdict.WRONG
    assert told(door)["key"] == "key-two"


async def test_another_key_in_a_mounted_configuration_is_taken_without_a_restart(tmp_path: Path) -> None:
    """As a ConfigMap is mounted: everything in the folder leads through `..data`, which is exchanged."""
    old = {"id": "old", "key": "key-old"}
    for name, keys in (("..1", [old]), ("..2", [{"id": "new", "key": "key-new"}, old])):
        (tmp_path / name).mkdir()
        config(tmp_path / name, {"keys": keys})
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "livecue.yaml").symlink_to("..data/livecue.yaml")
    door = doors(tmp_path / "livecue.yaml")
    assert believed(door, "key-new") == Verdict.WRONG
    (fresh := tmp_path / "..data_tmp").symlink_to("..2")
    fresh.replace(tmp_path / "..data")
    await watched(door, lambda: believed(door, "key-new") == Verdict.GENUINE)
    assert believed(door, "key-old") == Verdict.GENUINE
    assert told(door)["key"] == "key-new"


async def test_a_key_that_cannot_be_read_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text("key-one")
    door = doors(config(tmp_path, {"key_file": "key"}))
    with capture_logs() as logged:
        file.write_text("k" * 33)
        await watched(door, lambda: any(line["event"] == "keys-refused" for line in logged))
    assert "k" * 33 not in repr(logged)
    assert believed(door, "key-one") == Verdict.GENUINE
    file.unlink()
    assert not await door.reload()
    assert believed(door, "key-one") == Verdict.GENUINE


async def test_a_key_whose_time_has_come_goes_to_the_cloud_while_the_old_one_is_still_believed(
    tmp_path: Path,
) -> None:
    keys = [
        {"id": "old", "key": "key-old", "not_after": "2027-01-15T08:02:00Z"},
        {"id": "new", "key": "key-new", "not_before": "2027-01-15T08:01:00Z"},
    ]
    clock = Clock()  # 2027-01-15T08:00:00Z
    door = doors(config(tmp_path, {"keys": keys}), clock)
    assert told(door)["key"] == "key-old"
    assert believed(door, "key-new") == Verdict.KEY_EARLY
    clock.s += 60
    await watched(door, lambda: told(door)["key"] == "key-new")
    assert believed(door, "key-old", clock.s) == Verdict.GENUINE
    assert believed(door, "key-new", clock.s) == Verdict.GENUINE
    assert believed(door, "key-old", clock.s + 60) == Verdict.KEY_EXPIRED


async def test_a_room_whose_keys_have_all_expired_is_named_once_and_still_goes_live(tmp_path: Path) -> None:
    keys = [{"id": "old", "key": "key-old", "not_after": "2027-01-15T07:59:00Z"}]
    door = doors(config(tmp_path, {"keys": keys}))
    with capture_logs() as logged:
        await watched(door, lambda: bool(logged))
        await asyncio.sleep(0.1)
    assert [(line["event"], line["rooms"]) for line in logged] == [("no-key-good", ["flagship"])]
    assert told(door)["key"] == "key-old"


async def test_of_a_changed_configuration_only_keys_and_tokens_are_taken_and_masked(tmp_path: Path) -> None:
    redactor = Redactor([])
    door = doors(config(tmp_path, {"key": "key-one"}), redactor=redactor)
    hashed = hashlib.sha256(b"t").hexdigest()
    config(tmp_path, {"key": "key-two"}, room_id="r2", ingest={"tokens_sha256": [hashed]})
    assert await door.reload()
    assert door.callback_rooms["flagship"].keys == (Key("key", "key-two"),)
    assert door.callback_rooms["flagship"].room_id == "r1"
    assert door.ingest_rooms["flagship"].tokens_sha256 == (hashed,)
    assert redactor.text("says key-two") == "says ***"


async def test_a_key_that_is_only_accepted_is_known_to_who_judges_jobs_and_no_news_for_the_cloud(
    tmp_path: Path,
) -> None:
    door = doors(config(tmp_path, {"key": "key-one"}))
    config(tmp_path, {"key": "key-one", "previous_key": "key-zero"})
    with capture_logs() as logged:
        await watched(door, lambda: len(held(door)) > 1)
    assert held(door) == ["key-one", "key-zero"]
    assert [line["event"] for line in logged] == ["keys-reloaded"]


def test_callbacks_that_the_start_sends_elsewhere_are_nobodys_loss(tmp_path: Path) -> None:
    own = {"live_event_callback_config": {"live_event_type_callback_url": "https://mine.example.com/"}}
    assert doors(config(tmp_path, {"key": "key-one"}, start=own)).cloud_rooms["flagship"].callback is None


def test_under_none_the_cloud_is_told_a_url_that_nobody_can_guess_and_the_log_is_not(tmp_path: Path) -> None:
    redactor = Redactor([])
    file = config(tmp_path, {"auth_type": "NONE"})
    door = doors(file, redactor=redactor)
    room = door.callback_rooms["flagship"]
    assert told(door)["auth_type"] == "NONE"
    assert told(door)["live_event_type_callback_url"] == f"{URL}?token={room.token}"
    assert len(room.token) == 43
    for query, verdict in ((f"token={room.token}", Verdict.GENUINE), ("", Verdict.MISSING)):
        assert judge(room, CallbackRequest(URL, query, (), b"{}", NOW_S)).verdict == verdict
    assert room.token not in redactor.text(f"GET {told(door)} {room.token}")
    assert (
        Redactor([]).text("GET /callbacks/a?x=1&token=abc-DEF HTTP") == "GET /callbacks/a?x=1&token=*** HTTP"
    )
    kept = load(file).path(load(file).settings.data_dir) / "callback-secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert doors(file).callback_rooms["flagship"].token == room.token, "the same after a restart"
    kept.unlink()
    assert doors(file).callback_rooms["flagship"].token != room.token


def test_a_secret_that_cannot_be_kept_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    file = config(tmp_path, {"auth_type": "NONE"})
    loaded = load(file)
    folder = loaded.path(loaded.settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "callback-secret").write_text("short")
    with pytest.raises(CallbackSecretError, match="delete it, and livecue makes another"):
        callback_secret(loaded)
    (folder / "callback-secret").unlink()
    (folder / "callback-secret").mkdir()
    with pytest.raises(CallbackSecretError, match=r"make data_dir writable, or set http\.callback_secret"):
        callback_secret(loaded)


def test_no_secret_is_made_where_none_is_needed(tmp_path: Path) -> None:
    loaded = load(config(tmp_path, {"key": "key-one"}))
    assert callback_secret(loaded) == ""
    assert not os.path.lexists(loaded.path(loaded.settings.data_dir) / "callback-secret")


def test_a_recipe_and_a_verifier_come_from_the_configuration(tmp_path: Path) -> None:
    recipe = {"parts": ["time", "body"], "signature": "header:X-Sign", "time": "header:x-time"}
    door = doors(config(tmp_path, {"auth_type": "MEITUAN_DEFAULT", "key": "k", "recipe": recipe}))
    room = door.callback_rooms["flagship"]
    assert (room.auth_type, room.recipe is not None) == (AuthType.MEITUAN_DEFAULT, True)
    assert told(door)["auth_type"] == "MEITUAN_DEFAULT"
    door = doors(config(tmp_path, {"auth_type": "MEITUAN_DEFAULT", "verifier": "builtins:callable"}))
    assert door.callback_rooms["flagship"].verifier is callable


def test_an_unknown_callback_is_one_line_of_the_audit_without_secrets(tmp_path: Path) -> None:
    from livecue.receiver import Unknown

    door = doors(config(tmp_path, {"key": "key-one"}), redactor=Redactor(["key-one"]))
    line = door._kept(Unknown("NEW", "callback-flagship-1", b'{"a":"key-one"}' + b"x" * 9000))
    assert (line.outcome, line.subject_id, line.detail) == (Outcome.KEPT, "callback-flagship-1", "NEW")
    assert line.text.startswith('{"a":"***"}')
    assert len(line.text) == 8192
