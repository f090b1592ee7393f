"""Rules on the segment now being spoken (event type 10): the cloud's callback joined with its script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from app.processes import running, write_config
from app.test_asking_end_to_end import free_port
from bus.serving import until
from livecue.app.daemon import now_ms
from livecue.metastudio import AkSkAuth
from livecue.sandbox import Sandbox, SandboxOptions

SEGMENT = "现在给大家讲一下这款保温杯，三一六不锈钢内胆。"


async def room_with_a_script(sandbox: Sandbox) -> str:
    scene = {
        "script_name": "保温杯",
        "shoot_scripts": [{"sequence_no": 1, "title": "卖点", "text_config": {"text": SEGMENT}}],
    }
    auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, now_ms)
    async with httpx.AsyncClient(auth=auth) as client:
        url = f"{sandbox.endpoint}/v1/{sandbox.project_id}/smart-live-rooms"
        answer = await client.post(url, json={"room_name": "shop", "scene_scripts": [scene]})
        return str(answer.raise_for_status().json()["room_id"])


def rules() -> dict[str, Any]:
    tag = {"tag": "content", "match": "REGEX", "value": "不锈钢"}
    rule = {
        "rule_index": "steel",
        "event_type": 10,
        "hit_condition": {"relation": "AND", "tags": [tag]},
        "trigger": {
            "time_window": 0,
            "reply_mode": "SYSTEM_REPLY",
            "reply_texts": ["材质在详情页第二张图。"],
        },
    }
    return {"group_name": "script", "interaction_rules": [rule]}


async def test_a_rule_on_the_script_answers_when_its_segment_is_spoken(tmp_path: Path) -> None:
    pack, port, now = tmp_path / "pack", free_port(), datetime.now(UTC)
    pack.mkdir()
    (pack / "pack.yaml").write_text(yaml.safe_dump(rules(), allow_unicode=True), encoding="utf-8")
    async with Sandbox(SandboxOptions(script_speedup=2.0)).running() as sandbox:
        room = {
            "key": "shop",
            "room_id": await room_with_a_script(sandbox),
            "rules": [str(pack)],
            "callback": {"auth_type": "MSS_A_HEAD", "key": "key-of-the-script-test"},
            "start": {"output_urls": ["rtmp://push.example.com/live/x"], "stream_keys": ["k"]},
            "sessions": [{"name": "test", "start": now, "end": now + timedelta(hours=1)}],
        }
        auth = {"ak": sandbox.ak, "sk": sandbox.sk}
        config = write_config(
            tmp_path,
            metastudio={
                "endpoint": sandbox.endpoint,
                "project_id": sandbox.project_id,
                "auth": auth,
            },
            http={"port": port, "public_url": f"http://127.0.0.1:{port}"},
            rooms=[room],
        )
        async with running(config):
            await until(lambda: bool(sandbox.commands), within_s=30)
        said = sandbox.commands[0]
        assert said.params["rule_index"] == "steel"
        assert said.params["text_config"]["text"] == "材质在详情页第二张图。"
