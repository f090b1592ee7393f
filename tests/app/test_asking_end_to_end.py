"""A real daemon process, the sandbox as the cloud, a shop's webhook and a chat endpoint on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from livecue.outgoing.signing import webhook_headers
from livecue.sandbox import Sandbox, SandboxOptions
from metastudio.serving import Answer, Cloud, serving, silent

ROOM_ID = "11111111-aaaa-4bbb-8ccc-00000000a5c0"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "ingest-token-of-the-test"


def rule(index: str, word: str, mode: str, **trigger: Any) -> dict[str, Any]:
    return {
        "rule_index": index,
        "event_type": 1,
        "hit_condition": {
            "relation": "AND",
            "tags": [{"tag": "content", "match": "REGEX", "value": word}],
        },
        "trigger": {"time_window": 0, "reply_mode": mode, **trigger},
    }


RULES = [
    rule("stock", "库存", "CALLBACK", reply_texts=["请看详情页"]),
    rule("wash", "怎么洗", "INTELLIGENT_REPLY", reply_texts=["冷水手洗就好"]),
]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def daemon(folder: Path, sandbox: Sandbox, shop: str, chat: str) -> AsyncIterator[int]:
    """`livecue run` until the block ends; the port it listens on."""
    pack, now, port = folder / "pack", datetime.now(UTC), free_port()
    pack.mkdir()
    group = {"group_name": "asking", "interaction_rules": RULES}
    (pack / "pack.yaml").write_text(yaml.safe_dump(group, allow_unicode=True))
    config = {
        "data_dir": str(folder / "var"),
        "metastudio": {
            "endpoint": sandbox.endpoint,
            "project_id": sandbox.project_id,
            "auth": {"ak": sandbox.ak, "sk": sandbox.sk},
        },
        "http": {"port": port, "ingest_token": TOKEN},
        "asks": {"chat": {"base_url": f"{chat}/v1", "model": "some-model", "persona": "You sell shirts."}},
        "rooms": [
            {
                "key": "flagship",
                "room_id": ROOM_ID,
                "rules": [str(pack)],
                "asks": {"callback": {"url": f"{shop}/hits", "secret": SECRET}},
                "start": {"output_urls": ["rtmp://push.example.com/live/x"], "stream_keys": ["k"]},
                "sessions": [{"name": "test", "start": now, "end": now + timedelta(hours=1)}],
            }
        ],
    }
    file = folder / "livecue.yaml"
    file.write_text(yaml.safe_dump(config, allow_unicode=True))
    with (folder / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "livecue", "run", "-c", str(file)),
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        async with asyncio.timeout(30):
            while not any(job.state == "PROCESSING" for job in sandbox.jobs.values()):
                assert child.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
        await asyncio.sleep(2.5)  # until the daemon has seen it, too
        yield port
    finally:
        if child.returncode is None:
            child.terminate()
        assert await asyncio.wait_for(child.wait(), 20) == 0, (folder / "log").read_text()
        assert SECRET not in (folder / "log").read_text()


async def say(port: int, text: str) -> None:
    event = {"timestamp": 1, "type": 1, "content": {"user": {"userId": "u", "name": "小红"}, "content": text}}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/rooms/flagship/events",
        json.dumps(event).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=5).close())


async def heard(sandbox: Sandbox, text: str, within_s: float = 10.0) -> float:
    """Wait until the avatar was told to say `text`; how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within_s):
        while not any(text in str(one.params) for one in sandbox.commands):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return loop.time() - began


def says(text: str) -> Answer:
    return Answer(body={"choices": [{"message": {"role": "assistant", "content": text}}]})


async def test_the_shops_text_and_the_models_answer_are_spoken(tmp_path: Path) -> None:
    options = SandboxOptions(room_ids=(ROOM_ID,), start_delay_s=0.1)
    async with (
        Sandbox(options).running() as sandbox,
        serving(Cloud()) as shop,
        serving(Cloud()) as model,
        daemon(tmp_path, sandbox, shop.url, model.url) as port,
    ):
        shop.will(Answer(body={"text": "还有三十件"}))
        model.will(says("**常温**水轻轻洗。"))
        await say(port, "还有库存吗")
        await heard(sandbox, "还有三十件")
        await say(port, "这个怎么洗呀")
        await heard(sandbox, "常温水轻轻洗。")
        assert len(shop.asked) == len(model.asked) == 1
        hit = shop.asked[0]
        signed = webhook_headers(
            [SECRET], hit.headers["webhook-id"], int(hit.headers["webhook-timestamp"]), hit.body
        )
        assert hit.headers["webhook-signature"] == signed["webhook-signature"]
        assert hit.json["data"]["rule_index"] == "stock"
        assert hit.json["data"]["event"]["content"]["content"] == "还有库存吗"
        assert "You sell shirts." in model.asked[0].json["messages"][0]["content"]
        assert len(sandbox.commands) == 2


async def test_a_model_that_does_not_answer_gives_way_to_the_rules_text_in_three_seconds(
    tmp_path: Path,
) -> None:
    options = SandboxOptions(room_ids=(ROOM_ID,), start_delay_s=0.1)
    async with (
        Sandbox(options).running() as sandbox,
        serving(Cloud()) as shop,
        silent() as model,
        daemon(tmp_path, sandbox, shop.url, model) as port,
    ):
        await say(port, "这个怎么洗呀")
        assert 2.5 < await heard(sandbox, "冷水手洗就好") < 4.5
        assert len(sandbox.commands) == 1
