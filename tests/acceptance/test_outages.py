"""Cloud or bus away: at the start, in the middle, and back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from acceptance.calling import by_head, callback, post
from acceptance.cloud import Cloud, Fault
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.processes import until
from acceptance.stage import callback as callback_settings
from acceptance.writing import bus_of, danmaku, pack, room, rule

RULES = (rule("r", "问", "答"), rule("once", "只一次", "就一次", time_window=-1))


async def test_with_cloud_and_bus_both_away_at_the_start_it_waits_and_then_goes_live(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    cloud.down()
    server = external(tmp_path / "nats")
    main = room("main", [pack(tmp_path / "p", RULES)])
    one = daemon([main], nats={"url": server.url})
    one.up()
    await until(lambda: "no NATS server" in one.parts().get("bus", ""))
    answer = one.get("/livez")
    assert answer is not None
    assert answer.status_code == 200
    server.up()
    await until(
        lambda: one.parts().get("bus") == "ok" and one.parts().get("cloud") != "ok", 15, "the cloud is away"
    )
    assert one.get("/readyz").status_code == 503  # type: ignore[union-attr]
    cloud.up()
    await until(lambda: cloud.live(main["room_id"]), 15)
    await until(one.ready)
    async with bus_of(server.url) as bus:
        await bus.publish("main", danmaku("问"))
        await until(lambda: cloud.said(main["room_id"]) == ["答"])


async def test_a_bus_lost_in_the_middle_means_503_for_callbacks_and_no_second_reply_when_it_is_back(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    main = room("main", [pack(tmp_path / "p", RULES)], callback=callback_settings())
    one = daemon([main], nats={"url": server.url})
    one.up_and_ready()
    async with bus_of(server.url) as bus:
        await bus.publish("main", danmaku("问"), danmaku("只一次"))
        await until(lambda: len(cloud.said(main["room_id"])) == 2)
        server.kill()
        url = f"{one.url}/callbacks/main"
        body = callback("REPLY_COMMAND_FINISH", job_id="j", reply_id="r")
        answer = await asyncio.to_thread(post, url, body, by_head(url))
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert one.get("/readyz").status_code == 503  # type: ignore[union-attr]
        assert (await asyncio.to_thread(post, url, body, {})).status_code == 401
        server.up()
        await until(one.ready, 15)
        assert (await asyncio.to_thread(post, url, body, by_head(url))).status_code == 200
        await until(lambda: bus.nc.is_connected)
        await bus.publish("main", danmaku("只一次"), danmaku("问"))
        await until(lambda: len(cloud.said(main["room_id"])) == 3, 15)
    assert sorted(cloud.said(main["room_id"])) == sorted(["答", "就一次", "答"])
    assert len(cloud.of("start")) == 1


async def test_wrong_credentials_are_one_clear_line_and_readyz_shows_them_and_it_lives_on(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    packs = [pack(tmp_path / "p", RULES)]
    one = daemon([room(f"room-{n}", packs) for n in range(6)])
    metastudio = {**one.config["metastudio"], "auth": {"ak": cloud.ak, "sk": "wrong-secret-key-0123456789"}}
    one.write({**one.config, "metastudio": metastudio})
    one.up()
    await until(lambda: "unauthenticated" in one.parts().get("cloud", ""))
    await asyncio.sleep(3)
    assert one.running
    assert one.get("/livez").status_code == 200  # type: ignore[union-attr]
    assert one.get("/readyz").status_code == 503  # type: ignore[union-attr]
    lines = [line for line in one.lines() if line["level"] in {"warning", "error"}]
    assert [line["event"] for line in lines] == ["credentials-refused"]
    assert all("wrong-secret-key" not in str(line) for line in lines)
    assert len(cloud.unsigned) <= 12
    assert not cloud.calls


async def test_answers_that_go_wrong_are_met_as_the_documents_say(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    rules = [rule(f"r{n}", f"第{n}问", f"第{n}答") for n in range(6)]
    main = room("main", [pack(tmp_path / "p", rules)])
    one = daemon([main])
    one.up_and_ready()
    faults = (
        Fault("command", status=429, code="APIGW.0308"),
        Fault("command", status=400, code="MSS.20010147"),
        Fault("command", status=500, code="MSS.20010099"),
        Fault("command", status=500, code="MSS.20010055"),
        Fault("command", status=400, code="MSS.20010053"),
    )
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("第0问"))
        await until(lambda: cloud.said(main["room_id"]))
        for number, fault in enumerate(faults, 1):
            tried = len(cloud.of("command"))
            cloud.faults.append(fault)
            await bus.publish("main", danmaku(f"第{number}问"))
            again = fault.code in {"APIGW.0308", "MSS.20010147", "MSS.20010099"}
            await until(lambda n=tried + 1 + again: len(cloud.of("command")) >= n)  # type: ignore[misc]
        await asyncio.sleep(1.5)
    assert cloud.said(main["room_id"]) == ["第0答", "第1答", "第2答", "第3答"]
    assert len(cloud.of("command")) == 4 + len(faults)


async def test_a_reply_whose_outcome_is_unknown_is_not_repeated(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    main = room("main", [pack(tmp_path / "p", RULES)], report="all")
    one = daemon([main])
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("问"))
        await until(lambda: cloud.said(main["room_id"]) and cloud.reported(main["room_id"]))
        cloud.faults += [Fault("command", hang=True, happens=True), Fault("report", hang=True, happens=True)]
        await bus.publish("main", danmaku("只一次"))
        await until(lambda: one.metric("livecue_cues_total", reason="unknown") == 1)
        await until(lambda: one.metric("livecue_reports_total", reason="unknown") == 1)
        await bus.publish("main", danmaku("问"))
        await until(lambda: len(cloud.of("command")) == 3 and len(cloud.of("report")) == 3)
    assert [call.body["params"]["text_config"]["text"] for call in cloud.of("command")] == [
        "答",
        "就一次",
        "答",
    ]


async def test_a_report_url_that_expired_is_renewed_and_nothing_is_lost_or_repeated(
    cloud: Cloud, daemon: MakeDaemon
) -> None:
    main = room("main", report="all")
    one = daemon([main])
    one.up_and_ready()
    async with bus_of(one) as bus:
        codes = ("", "MSS.20010054", "MSS.20010077", "MSS.20010039")
        for number, code in enumerate(codes):
            if code:
                cloud.faults.append(Fault("report", status=401, code=code))
            await bus.publish("main", danmaku(f"第{number}条"))
            await until(lambda n=number: len(cloud.reported(main["room_id"])) > n, 15, code)  # type: ignore[misc]
    refreshed = [call for call in cloud.of("report") if call.query.get("refresh_url") == "true"]
    assert refreshed, "an expired URL is refreshed"
    contents = [event["content"] for event in cloud.reported(main["room_id"])]
    assert len(contents) == len(set(contents)) == len(codes)


async def test_a_slow_cloud_delays_but_loses_nothing(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    main = room("main", [pack(tmp_path / "p", RULES)])
    one = daemon([main])
    cloud.faults.append(Fault("start", delay_s=1.5))
    cloud.faults.append(Fault("command", delay_s=1.5, times=2))
    began = time.monotonic()
    one.up_and_ready()
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("问"), danmaku("问"))
        await until(lambda: len(cloud.said(main["room_id"])) == 2, 15)
    assert time.monotonic() - began > 3
    assert len(cloud.of("command")) == 2
