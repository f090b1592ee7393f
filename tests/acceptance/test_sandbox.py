"""`livecue sandbox` seen from outside: the vendor's SDK, unchanged, drives a live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkmetastudio import v1 as sdk

from acceptance.processes import BIN, Process, until_now

ROOM = "24bad716-87b1-45e5-8912-6102f7693265"
NAMES = ("endpoint", "project_id", "ak", "sk")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the sandbox prints for its client."""
    process = Process(tmp_path / "sandbox.log")
    process.spawn(str(BIN / "livecue"), "sandbox", "--port", "0")

    def lines() -> dict[str, str]:
        return dict(re.findall(r"^(\w+): (\S+)$", process.words(), re.MULTILINE))

    until_now(lambda: set(NAMES) <= lines().keys(), 15, "the sandbox says nothing")
    yield lines()
    assert process.terminate()[0] == 0


async def test_the_vendors_sdk_drives_it_from_start_to_stop(told: dict[str, str]) -> None:
    credentials = BasicCredentials(told["ak"], told["sk"], told["project_id"])
    builder = sdk.MetaStudioClient.new_builder().with_credentials(credentials).with_endpoint(told["endpoint"])
    client = builder.with_http_config(HttpConfig(ignore_ssl_verification=True)).build()
    room = told.get("room_id", ROOM)

    async def ask(operation: str, request: Any) -> Any:
        return await asyncio.to_thread(getattr(client, operation), request)

    body = sdk.StartSmartLiveReq(output_urls=["rtmp://push.example.com/live"], stream_keys=["k"])
    started = await ask("start_smart_live", sdk.StartSmartLiveRequest(room_id=room, body=body))
    job_id = started.job_id
    assert "auth_key=" in started.live_event_report_url
    for _ in range(200):
        shown = await ask("show_smart_live", sdk.ShowSmartLiveRequest(room_id=room, job_id=job_id))
        if shown.state == "PROCESSING":
            break
        await asyncio.sleep(0.1)
    assert shown.state == "PROCESSING"
    insert = sdk.ControlSmartLiveReq(
        command="INSERT_PLAY_SCRIPT", params={"text_config": {"text": "七十九元"}, "play_type": "APPEND"}
    )
    request = sdk.ExecuteSmartLiveCommandRequest(room_id=room, job_id=job_id, body=insert)
    assert (await ask("execute_smart_live_command", request)).command_id
    event = sdk.LiveEvent(timestamp=1_690_819_199_000, type=1, content='{"content": "多少钱"}')
    report = sdk.ReportLiveEventReq(total=1, events=[event])
    await ask("live_event_report", sdk.LiveEventReportRequest(room_id=room, job_id=job_id, body=report))
    await ask("stop_smart_live", sdk.StopSmartLiveRequest(room_id=room, job_id=job_id))
    shown = await ask("show_smart_live", sdk.ShowSmartLiveRequest(room_id=room, job_id=job_id))
    assert shown.state == "SUCCEED"
