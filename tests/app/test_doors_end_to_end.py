"""A real daemon and the sandbox: a URL that nobody can guess, a room's own token, a key changed while live."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.processes import livecue, running, write_config
from app.test_asking_end_to_end import free_port
from bus.serving import until
from livecue.sandbox import Sandbox, SandboxOptions

ROOM_IDS = ("11111111-aaaa-4bbb-8ccc-00000000000a", "11111111-aaaa-4bbb-8ccc-00000000000b")
EVENT = {"timestamp": 1, "type": 1, "content": {"user": {"userId": "u"}, "content": "hi"}}


def config(folder: Path, sandbox: Sandbox, port: int, token_hash: str) -> Path:
    now = datetime.now(UTC)
    shared: dict[str, Any] = {
        "start": {"output_urls": ["rtmp://push.example.com/live/x"], "stream_keys": ["k"]},
        "sessions": [{"name": "test", "start": now, "end": now + timedelta(hours=1)}],
    }
    callbacks = ({"auth_type": "NONE"}, {"key_file": str(folder / "key")})
    rooms = [
        {"key": key, "room_id": room_id, "callback": callback, **shared}
        for key, room_id, callback in zip(("open", "signed"), ROOM_IDS, callbacks, strict=True)
    ]
    rooms[0]["ingest"] = {"tokens_sha256": [token_hash]}
    return write_config(
        folder,
        metastudio={
            "endpoint": sandbox.endpoint,
            "project_id": sandbox.project_id,
            "auth": {"ak": sandbox.ak, "sk": sandbox.sk},
        },
        http={"port": port, "public_url": f"http://127.0.0.1:{port}"},
        rooms=rooms,
    )


def answered(sandbox: Sandbox) -> dict[str, int]:
    """The last status each room's callbacks were answered with."""
    return {urlsplit(one.url).path.rpartition("/")[2]: one.status for one in sandbox.records.callbacks}


async def test_callbacks_and_events_find_their_doors(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "key").write_text("the-key-it-starts-with")
    code, out, _ = await livecue("events", "token")
    token, hashed = (line.rpartition(" ")[2] for line in out.splitlines())
    assert (code, hashlib.sha256(token.encode()).hexdigest()) == (0, hashed)
    bearer = {"authorization": f"Bearer {token}"}
    async with (
        Sandbox(SandboxOptions(room_ids=ROOM_IDS)).running() as sandbox,
        running(config(tmp_path, sandbox, port, hashed)) as daemon,
        httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await until(lambda: answered(sandbox) == {"open": 200, "signed": 200}, within_s=30)
        for path in ("/callbacks/open", "/callbacks/open?token=guess", "/callbacks/nobody"):
            assert (await client.post(path, json={})).status_code == 401
        for room, status in (("open", 202), ("signed", 401), ("nobody", 401)):
            answer = await client.post(f"/api/rooms/{room}/events", json=EVENT, headers=bearer)
            assert answer.status_code == status
        await daemon.until_answer("/metrics", 'livecue_callback_keys_total{reason="token",room="open"}')
        (tmp_path / "key").write_text("the-key-that-follows")
        await until(lambda: any("key-changed" in line for line in daemon.lines))
        assert await daemon.end() == 0
        said = "".join(daemon.lines)
        secret = next(one.url for one in sandbox.records.callbacks if "/open" in one.url).partition("token=")[
            2
        ]
        assert len(secret) == 43
        assert "callback-rejected" in said
        assert not [one for one in (secret, token, "the-key-") if one in said]


async def test_the_first_token_opens_the_door_for_events_without_a_restart(tmp_path: Path) -> None:
    """Named in the configuration only after the start, then changed in its file alone."""
    rooms = [{"key": key, "room_id": room_id} for key, room_id in zip(("a", "b"), ROOM_IDS, strict=True)]
    port = free_port()

    def write(http: dict[str, Any], **of_the_first: Any) -> Path:
        return write_config(
            tmp_path, http={"port": port} | http, rooms=[{**rooms[0], **of_the_first}, rooms[1]]
        )

    def hashed(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    token = tmp_path / "token"
    async with (
        running(write({})) as daemon,
        httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client,
    ):

        async def answers(given: str, **expected: int) -> None:
            """Until the rooms answer a request with this token so."""
            found: dict[str, int] = {}
            headers = {"authorization": f"Bearer {given}"} if given else {}
            try:
                async with asyncio.timeout(10):
                    while found != expected:
                        for key in expected:
                            path = f"/api/rooms/{key}/events"
                            found[key] = (await client.post(path, json=EVENT, headers=headers)).status_code
                        await asyncio.sleep(0.1)
            except TimeoutError:
                raise AssertionError(f"{given}: {found}") from None

        await until(lambda: any('"running"' in line for line in daemon.lines), within_s=30)
        for given in ("", "the-first-token", "the-rooms-token"):
            await answers(given, a=401, b=401, nobody=401)
        write({}, ingest={"tokens_sha256": [hashed("the-rooms-token")]})
        await answers("the-rooms-token", a=202, b=401, nobody=401)
        token.write_text("the-first-token")
        write({"ingest_token_file": str(token)})
        await answers("the-first-token", a=202, b=202, nobody=404)
        await answers("the-rooms-token", a=401, b=401, nobody=401)
        token.write_text("the-token-that-follows")
        await answers("the-token-that-follows", a=202, b=202, nobody=404)
        await answers("the-first-token", a=401, b=401, nobody=401)
        assert await daemon.end() == 0
    assert not [line for line in daemon.lines if "token-that" in line or "the-first" in line]
