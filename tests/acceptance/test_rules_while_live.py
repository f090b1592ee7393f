"""Rules in a running live: layers, patterns that take too long, odd messages, restarts, new jobs, reloads."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from acceptance.calling import by_head, post, switch
from acceptance.cloud import Cloud
from acceptance.conftest import MakeDaemon
from acceptance.processes import until
from acceptance.stage import callback
from acceptance.writing import bus_of, danmaku, event, gift, pack, room, rule, tag, user

LAYER = {"layer_type": "TEXT", "text_config": {"text_type": "DYNAMIC", "text_context": "原来的"}}
SLOW = "价" * 40 + "x"


def raw(content: str) -> bytes:
    return b'{"type": 1, "timestamp": 1764244800000, "content": ' + content.encode() + b"}"


async def test_a_layer_is_shown_beside_the_speech_and_alone_it_leaves_the_event_to_the_cloud(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    rules = [
        rule("both", "说", "说了", layer_config=LAYER),
        rule("alone", "看", reply_mode="SHOW_LAYER", reply_texts=[], layer_config=LAYER),
        rule("scene", "哪个", "乙的", enabled_scenes=["乙"], priority=1),
        rule("any", "哪个", "哪里都行", priority=2),
    ]
    main = room("main", [pack(tmp_path / "p", rules)], report="unmatched", callback=callback())
    one = daemon([main])
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    [job] = cloud.live(main["room_id"])
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("说吧"), danmaku("看这"))
        await until(lambda: len(cloud.of("command")) == 3)
        await until(lambda: cloud.reported(main["room_id"]))
        layers = [call.body["params"] for call in cloud.of("command") if call.body["command"] == "SHOW_LAYER"]
        shown = [layer["layer_config"]["text_config"]["text_context"] for layer in layers]
        assert sorted(shown) == ["看这", "说吧"]
        assert [json.loads(one["content"])["content"] for one in cloud.reported(main["room_id"])] == ["看这"]
        url = f"{one.url}/callbacks/main"
        for number, scene in enumerate(("乙", "甲")):
            body = switch(main["room_id"], job.job_id, scene, shoot_script_sequence_no=number)
            answer = await asyncio.to_thread(post, url, body, by_head(url))
            assert answer.status_code == 200
            await bus.publish("main", danmaku("哪个"))
            await until(lambda n=number: len(cloud.said(main["room_id"])) == 2 + n)  # type: ignore[misc]
    assert cloud.said(main["room_id"]) == ["说了", "乙的", "哪里都行"]


async def test_a_slow_pattern_and_monstrous_messages_cost_nobody_else_an_answer(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    rules = [rule("slow", "^(价|价)*$", "慢", priority=1), rule("fast", "x", "快")]
    main = room("main", [pack(tmp_path / "p", rules)])
    other = room("other", [pack(tmp_path / "o", [rule("r", "问", "答")])])
    one = daemon([main, other])
    one.up_and_ready()
    await until(lambda: len(one.logged("job-started")) == 2)
    monsters = (
        raw(json.dumps(json.dumps({"content": "大" * 300_000}, ensure_ascii=False), ensure_ascii=False)),
        raw('{"a":' * 5000 + "1" + "}" * 5000),
        raw(json.dumps('{"a":' * 5000 + "1" + "}" * 5000)),
        raw('{"content": "\\ud800"}'),
        raw('"{\\"content\\": \\"\\\\ud800\\"}"'),
    )
    async with bus_of(one) as bus:
        dead = await bus.hear("live.dead.main")
        await bus.publish("main", *monsters)
        await bus.publish("main", *[danmaku(SLOW)] * 4)
        await bus.publish("other", danmaku("问"))
        await until(lambda: cloud.said(other["room_id"]) == ["答"])
        await until(lambda: cloud.said(main["room_id"]) == ["快"] * 4)
        [line] = await until(lambda: one.logged("rule-quarantined"))
        assert (line["room"], line["rule_index"]) == ("main", "slow")
        await bus.publish("main", danmaku("价价"))
        await until(lambda: len(dead) >= 3)
        await asyncio.sleep(0.3)
    assert cloud.said(main["room_id"]) == ["快"] * 4
    assert len(dead) == len(monsters), [(letter["reason"], letter["detail"]) for letter in dead]
    assert one.ready()


async def test_state_outlives_kill_9_and_reloads_and_ends_with_the_job(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    once_ = rule("once", "只一次", "就一次", time_window=-1)
    total = rule("sum", [tag("1000", "MATH_GE", "totalValue", "SUM")], "满{total}", event_type=4)
    combo = rule(
        "combo", [tag("0", "MATH_GE", "level")], "{combo.count}个", event_type=3, livecue={"combo": {}}
    ) | {"event_type": 4, "hit_condition": {"relation": "AND", "tags": [tag("火箭", "EQUAL", "giftName")]}}
    end = rule("end", "完", "完了")
    main = room("main", [pack(tmp_path / "p", [once_, total, combo, end])])
    one = daemon([main])
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))

    async def until_said(*texts: str) -> None:
        await until(lambda: sorted(cloud.said(main["room_id"])) == sorted(texts), 12, " ".join(texts))

    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("只一次"), gift(600), gift(1, "火箭"))
        await until_said("就一次")
    one.kill()
    one.up_and_ready()
    said = ["就一次", "10个"]
    async with bus_of(one) as bus:
        await bus.publish("main", danmaku("路人"))  # see the test below: without it the combo stays open
        await until_said(*said)

        pack(tmp_path / "p", [once_, total, rule("end", "完", "改了")])
        await until(lambda: one.logged("rules-reloaded"), 8)
        await bus.publish("main", danmaku("只一次"), danmaku("完"))
        said.append("改了")
        await until_said(*said)

        pack(tmp_path / "p", [rule("end", "(((", "坏")])
        one.send(signal.SIGHUP)
        await until(lambda: one.logged("rules-refused"))
        await bus.publish("main", gift(400), danmaku("完"))
        said += ["满1001", "改了"]
        await until_said(*said)
        pack(tmp_path / "p", [once_, total, end])
        one.send(signal.SIGHUP)
        await until(lambda: len(one.logged("rules-reloaded")) == 2)

        [job] = cloud.live(main["room_id"])
        job.end("FAILED")
        await until(lambda: len(one.logged("job-started")) >= 3 or len(cloud.jobs) == 2, 40, "no new job")
        await until(lambda: cloud.live(main["room_id"])[0].state == "PROCESSING")
        await asyncio.sleep(0.5)
        await bus.publish("main", danmaku("只一次"), gift(999), event({"user": user()}, 2))
        said.append("就一次")
        await until_said(*said)


async def test_a_combo_left_open_by_kill_9_closes_though_nothing_comes_any_more(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    tags = [tag("火箭", "EQUAL", "giftName")]
    combo = rule("combo", tags, "{combo.count}个", event_type=4, livecue={"combo": {"timeout_s": 3}})
    once_ = rule("once", "只一次", "就一次")
    main = room("main", [pack(tmp_path / "p", [combo, once_])])
    one = daemon([main])
    one.up_and_ready()
    await until(lambda: one.logged("job-started"))
    async with bus_of(one) as bus:
        await bus.publish("main", gift(1, "火箭"), danmaku("只一次"))
        await until(lambda: cloud.said(main["room_id"]) == ["就一次"])
    one.kill()
    one.up_and_ready()
    await until(lambda: cloud.said(main["room_id"]) == ["就一次", "10个"], 8)
