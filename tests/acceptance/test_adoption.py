"""Jobs that somebody else started, with callbacks of their own: served, and told of."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

from acceptance.calling import by_head, post, switch
from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon
from acceptance.processes import Livecue, until
from acceptance.writing import CALLBACK_KEY, bus_of, danmaku, pack, room, rule

THEIR_KEY, THEIR_TOKEN, KEY_BEFORE = "their-own-key-51c0", "their-own-token-77ab", "our-key-before-90de"
ALL = ["SHOOT_SCRIPT_SWITCH", "RTMP_STREAM_STATE_CHANGE", "REPLY_COMMAND_FINISH"]


def called_back(url: str, auth_type: str, key: str, events: list[str]) -> dict[str, Any]:
    """The body of a start that asks for these callbacks (S3, table 8)."""
    config = {"live_event_type_callback_url": url, "auth_type": auth_type, "key": key}
    return {"live_event_callback_config": config | {"callback_event_type": events}}


async def listed(one: Livecue) -> str:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livecue", "jobs", "list", "-c", str(one.folder / "livecue.yaml")),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 0
    return out.decode()


async def test_a_strangers_job_with_other_callbacks_is_served_and_told_of_once_without_secrets(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    rules = [pack(tmp_path / "p", [rule("r", "问", "答")])]
    head = {"auth_type": "MSS_A_HEAD", "key": CALLBACK_KEY, "previous_key": KEY_BEFORE}
    foreign = room("foreign", rules, callback=head)
    unproved = room("unproved", rules, callback={"auth_type": "NONE"})
    known = room("known", rules, callback=head)
    one = daemon([foreign, unproved, known])
    theirs = cloud.begin_job(
        foreign["room_id"],
        called_back(f"https://their.example.com/cb?token={THEIR_TOKEN}", "MSS_A", THEIR_KEY, ALL[:1]),
    )
    cloud.begin_job(
        unproved["room_id"],
        called_back(f"{one.url}/callbacks/unproved?token={THEIR_TOKEN}", "NONE", "", ALL),
    )
    ours = cloud.begin_job(
        known["room_id"], called_back(f"{one.url}/callbacks/known", "MSS_A_HEAD", KEY_BEFORE, ALL)
    )
    one.up_and_ready()
    async with bus_of(one) as bus:
        for key in ("foreign", "unproved", "known"):
            await bus.publish(key, danmaku("问"))
        for each in (foreign, unproved, known):
            await until(lambda each=each: cloud.said(each["room_id"]) == ["答"])  # type: ignore[misc]
    assert {line["how"] for line in one.logged("job-started")} == {"adopted"}
    url = f"{one.url}/callbacks/known"
    said = post(url, switch(known["room_id"], ours.job_id, "甲"), by_head(url, key=KEY_BEFORE))
    assert said.status_code == 200, "what nothing is told of is believed"

    await until(lambda: len(one.logged("job-calls-elsewhere")) == 2)
    asked = len(cloud.of("show"))
    await until(lambda: len(cloud.of("show")) > asked + 3, 20, "it is not looked at again")
    differs = {line["room"]: line["differs"] for line in one.logged("job-calls-elsewhere")}
    assert differs == {
        "foreign": ["live_event_type_callback_url", "auth_type", "key", "callback_event_type"],
        "unproved": ["live_event_type_callback_url"],
    }
    assert len(one.logged("job-calls-elsewhere")) == 2
    lives = one.parts()["lives"]
    assert f"foreign: job {theirs.job_id} has other callbacks than the room" in lives
    assert "known" not in lives
    assert one.metric("livecue_alerts", room="foreign", reason="callbacks_lost") == 1
    lines = {line.partition(":")[0]: line for line in (await listed(one)).splitlines()}
    assert "callbacks do not reach livecue, for its live_event_type_callback_url" in lines["unproved"]
    assert "callbacks" not in lines["known"]

    theirs.end("SUCCEED")
    await until(lambda: "foreign" not in one.parts()["lives"], 20, "the alert outlives its job")
    assert one.metric("livecue_alerts", room="foreign", reason="callbacks_lost") == 0
    written = one.words() + lives + "".join(lines.values())
    [kept] = [re.sub(r"\s", "", file.read_text()) for file in one.folder.rglob("callback-secret")]
    secrets = (THEIR_KEY, THEIR_TOKEN, KEY_BEFORE, CALLBACK_KEY, kept, "their.example.com", "token=")
    assert [secret for secret in secrets if secret in written] == []
