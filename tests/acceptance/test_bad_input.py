"""What cannot be read is put aside with its reason; nothing else stops, and no secret is written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acceptance.calling import by_head, callback, post
from acceptance.cloud import Cloud, Fault
from acceptance.conftest import MakeDaemon
from acceptance.processes import Livecue, until
from acceptance.stage import START
from acceptance.stage import callback as callback_settings
from acceptance.writing import CALLBACK_KEY, STREAM_KEY, Bus, bus_of, danmaku, once, pack, room, rule

UNREADABLE: tuple[bytes, ...] = (
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"[]",
    b'"events"',
    b'{"events": 3}',
    b'{"type": 1, "timestamp": 1}',
    b'{"type": "danmaku", "timestamp": 1, "content": "{}"}',
    b'{"type": 1, "timestamp": "yesterday", "content": "{}"}',
    b'{"type": 1, "timestamp": -1, "content": {}}',
    b'{"type": 101, "timestamp": 1, "content": {}}',
    b'{"type": 1, "timestamp": 1, "content": "not json"}',
    b'{"type": 1, "timestamp": 1, "content": "[1]"}',
    b'{"type": 1, "timestamp": 1, "content": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
)


async def test_unreadable_messages_go_to_the_rooms_dead_letters_and_all_others_are_answered(
    desk: Livecue, bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    dead = await bus.hear("live.dead.*")
    before = len(shared_cloud.said(room_id))
    for body in UNREADABLE:
        await bus.publish("answers", body)
    good = danmaku("多少钱")
    half = {"total": 9, "events": [{"type": 1}, good, {"type": 1, "timestamp": 1, "content": "["}, 7]}
    await bus.publish("answers", half, {"total": 0, "events": []})
    await until(lambda: len(shared_cloud.said(room_id)) > before)
    await until(lambda: len(dead) == len(UNREADABLE) + 3)
    assert {letter["reason"] for letter in dead} == {"not_json", "not_an_event", "bad_content"}
    assert all(letter["detail"] for letter in dead)
    assert shared_cloud.said(room_id)[before:] == ["七十九元"]
    assert desk.ready()


async def test_events_of_a_room_nobody_configured_are_dead_letters_too(bus: Bus) -> None:
    dead = await bus.hear("live.dead.stranger")
    await bus.publish("stranger", danmaku("多少钱"))
    await until(lambda: dead)
    assert dead[0]["reason"] == "unknown_room"


async def test_a_foreign_signal_or_cue_on_livecues_own_subjects_harms_nothing(
    desk: Livecue, bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["answers"]
    bodies = (b"", b"{}", b"[]", b"\xff", b'{"v":1,"kind":"job_started","data":7}', b'{"v":1,"cues":[{}]}')
    for subject in ("signals", "cues", "reports", "audit", "dead"):
        for body in bodies:
            await bus.js.publish(f"live.{subject}.answers", body)
    before = len(shared_cloud.said(room_id))
    await bus.publish("answers", danmaku("多少钱"))
    await until(lambda: len(shared_cloud.said(room_id)) > before)
    assert desk.ready()


async def test_no_secret_stands_in_logs_dead_letters_pages_or_on_disk(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "callback": callback_settings(),
        "start": START,
        "report": "all",
        "sessions": [once(14)],
    }
    main = room("main", [pack(tmp_path / "p", [rule("r", "问", "答")])], **settings)
    failing = room("failing", **settings)
    cloud.faults += [
        Fault("report", status=401, code="MSS.20010054"),
        Fault("report", status=500, code="MSS.00000004"),
        Fault("command", status=500, code="MSS.00000004"),
        Fault("start", status=400, code="MSS.00000003", room_id=failing["room_id"]),
    ]
    one = daemon([main, failing], log_level="debug")
    one.up_and_ready()
    [job] = await until(lambda: cloud.live(main["room_id"]))
    url = f"{one.url}/callbacks/main"
    rtmp = {"output_url": "rtmp://push.example.com/live", "stream_key": STREAM_KEY, "state": "DISCONNECTED"}
    told = {"room_id": main["room_id"], "job_id": job.job_id, **rtmp}
    broken = callback("RTMP_STREAM_STATE_CHANGE", **(told | {"job_id": ["x"]}))
    async with bus_of(one) as bus:
        dead = await bus.hear("live.dead.*")
        for body, status in ((callback("RTMP_STREAM_STATE_CHANGE", **told), 200), (broken, 400)):
            assert (await asyncio.to_thread(post, url, body, by_head(url))).status_code == status
        secrets = [cloud.sk, CALLBACK_KEY, STREAM_KEY, *cloud.report_keys]
        await bus.publish(
            "main", json.dumps({"type": 1, "sk": cloud.sk, "stream_keys": [STREAM_KEY]}).encode()
        )
        await bus.publish("main", danmaku("问"), danmaku("问"))
        await until(lambda: len(dead) == 2)
        await until(lambda: len(cloud.of("report")) >= 2 and len(cloud.of("command")) >= 2)
        await until(lambda: job.over, 25)
        pages = [answer.text for path in ("/readyz", "/metrics") if (answer := one.get(path))]
    secrets += cloud.report_keys
    assert one.terminate()[0] == 0
    written = {"log": one.words(), "dead": json.dumps(dead), "pages": "".join(pages)}
    for stream in ("LIVE_AUDIT", "LIVE_DEAD", "LIVE_OUT", "KV_livecue_owned"):
        [folder] = (one.folder / "var").glob(f"**/streams/{stream}")
        blocks = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
        written[stream] = b"".join(blocks).decode("latin-1")
    assert len(written["LIVE_AUDIT"]) > 100
    found = [(where, secret) for where, text in written.items() for secret in secrets if secret in text]
    assert found == []


def test_a_wrong_configuration_refuses_to_start_and_names_the_line_without_the_secret(
    cloud: Cloud, daemon: MakeDaemon
) -> None:
    one = daemon([room("main", callback={"auth_type": "MSS_A_HEAD", "key": "k" * 33})])
    one.up()
    assert one.child is not None
    assert one.child.wait(20) == 1
    assert "livecue.yaml:" in one.words()
    assert "k" * 33 not in one.words()
    assert cloud.calls == []
