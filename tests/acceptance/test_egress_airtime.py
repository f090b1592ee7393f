"""How much speech lies before an avatar at once, and how much of a minute it takes: the cloud's own clock says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from acceptance.calling import by_head, post, switch
from acceptance.cloud import Cloud
from acceptance.hall import Hall, fate, hall
from acceptance.processes import until
from acceptance.stage import callback
from acceptance.writing import Bus, danmaku, pack, room, rule

QUEUED_S = 3
SLACK_S = 0.3
LONG = "长" * 30  # 7.2 s
TEN = [
    rule(f"r{n}", f"第{n}问", f"第{n}个的确很长的回答", priority=n, play_type="INSERT") for n in range(10)
]  # 2.4 s each
SCENES = (
    *(
        rule(f"a{n}", f"甲{n}", f"甲场{n}号答", enabled_scenes=["甲"], priority=n, play_type="INSERT")
        for n in range(6)
    ),
    rule("any", "哪里", "哪里都行的", priority=99, play_type="INSERT"),
    rule("b", "乙问", "乙场的回答", enabled_scenes=["乙"], priority=50, play_type="INSERT"),
    rule("scene", "哪场", "在甲", enabled_scenes=["甲"], priority=1),
)
OPEN = {"max_queued_s": QUEUED_S, "max_share": 1}
HELD = ("told", "lost", "untold")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("airtime")
    ten, scenes = pack(folder / "ten", TEN), pack(folder / "scenes", SCENES)
    long = pack(
        folder / "long",
        [rule("long", "长", LONG, play_type="INSERT"), rule("short", "短", "短的回答呀", play_type="INSERT")],
    )

    def one(key: str, packs: str, **airtime: float) -> Mapping[str, Any]:
        return room(key, [packs], callback=callback(), airtime=OPEN | airtime)

    rooms = [
        *(one(key, ten) for key in HELD),
        one("slow", ten),
        one("quick", ten),
        one("share", ten, max_queued_s=600, max_share=0.1),
        one("long", long),
        one("scenes", scenes),
    ]

    def prepare(cloud: Cloud) -> None:
        ids = {one["key"]: one["room_id"] for one in rooms}
        cloud.speech.finishes = True
        cloud.speech.mute_rooms = {ids[key] for key in ("untold", "slow", "share")}
        cloud.speech.loses = {ids["lost"]: 2}
        cloud.speech.speeds = {ids["slow"]: 50}
        cloud.speech.truly = {ids["quick"]: 250}

    with hall(folder / "daemon", rooms, before=prepare, dispatch={"max_age_s": 20}) as found:
        yield found
        assert found.cloud.gate.violations == []


@pytest.fixture
async def bus(stage: Hall) -> Any:
    async with stage.bus() as one:
        yield one


async def test_speech_before_the_avatar_stays_under_its_cap_with_callbacks_without_and_with_lost_ones(
    stage: Hall, bus: Bus
) -> None:
    began = time.monotonic()
    for key in (*HELD, "slow", "quick", "share"):
        await bus.report(key, [danmaku(f"第{n}问") for n in range(10)])
    await until(lambda: all(len(stage.voice(key).said) >= 4 for key in HELD), 18)
    assert time.monotonic() - began < 4 * 2.4 * 1.5, "the air is used"
    for key in HELD:
        assert stage.voice(key).most_unspoken_s <= QUEUED_S + SLACK_S, key
        assert stage.said(key) == [f"第{n}个的确很长的回答" for n in range(len(stage.said(key)))], key
    assert stage.cloud.speech.lost > 0
    assert len(stage.said("slow")) > 1
    assert stage.voice("slow").most_unspoken_s <= 4.8 + SLACK_S, "a voice at half speed needs 4.8 s"
    assert len(stage.said("quick")) >= len(stage.said("told")) + 2, "what is finished early makes room"


async def test_replies_take_no_more_than_their_share_of_a_minute(stage: Hall) -> None:
    """Room `share` was asked ten times in the test before: 6 s of a minute are two replies of 2.4 s."""
    assert len(stage.said("share")) == 2


async def test_a_reply_longer_than_the_cap_goes_when_nothing_is_unspoken_and_holds_up_what_comes_next(
    stage: Hall, bus: Bus
) -> None:
    voice = stage.voice("long")
    await bus.publish("long", danmaku("短"))
    await until(lambda: stage.said("long"))
    await bus.publish("long", danmaku("长"))
    await until(lambda: len(stage.said("long")) == 2)
    assert [one.text for one in voice.said] == ["短的回答呀"], "the long one waits until nothing is unspoken"
    await bus.publish("long", danmaku("短"))
    await until(lambda: len(stage.said("long")) == 3)
    short, long = (call.at for call in stage.commands("long")[1:][::-1])
    assert short - long >= 7.2 - QUEUED_S + 1.2 - SLACK_S, "the short one waits until there is room behind it"
    assert voice.most_unspoken_s <= 7.2 + SLACK_S


async def switch_to(stage: Hall, bus: Bus, scene: str) -> None:
    url = f"{stage.daemon.url}/callbacks/scenes"
    body = switch(stage.ids["scenes"], stage.job("scenes").job_id, scene)
    signals = await bus.hear("live.signals.scenes")
    answer = await asyncio.to_thread(post, url, body, by_head(url))
    assert answer.status_code == 200
    await until(lambda: any(signal["kind"] == "script_switch" for signal in signals))


async def test_a_scene_that_ends_takes_its_replies_with_it_those_that_wait_and_those_already_sent(
    stage: Hall, bus: Bus
) -> None:
    audit = await bus.hear("live.audit.scenes")
    await switch_to(stage, bus, "甲")
    await bus.publish("scenes", danmaku("哪场"))
    await until(lambda: stage.said("scenes") == ["在甲"])
    await bus.report("scenes", [danmaku(f"甲{n}") for n in range(6)] + [danmaku("哪里")])
    await until(lambda: len(stage.said("scenes")) >= 3)
    await until(lambda: stage.voice("scenes").waiting)
    await switch_to(stage, bus, "乙")
    await until(lambda: "sent" in fate(audit, "any"))
    cleaned = [call for call in stage.commands("scenes") if call.body["command"].startswith("CLEAN")]
    assert len(cleaned) == 1
    voice = stage.voice("scenes")
    assert voice.taken_back, "what lay before the avatar is taken back"
    assert {one.command_id for one in voice.taken_back} <= set(cleaned[0].body["params"]["command_ids"])
    await until(lambda: any(one.text == "哪里都行的" for one in voice.said))
    said = [one.text for one in voice.said]
    sent = [text for text in stage.said("scenes") if text.startswith("甲场")]
    assert 1 <= len(sent) < 6, "some were sent, some still waited"
    waited = [f"a{n}" for n in range(6) if f"甲场{n}号答" not in sent]
    assert all(fate(audit, index) == ["queued", "withdrawn"] for index in waited)
    unheard = [f"a{n}" for n in range(6) if f"甲场{n}号答" in sent and f"甲场{n}号答" not in said]
    assert unheard
    assert all(fate(audit, index)[-2:] == ["sent", "withdrawn"] for index in unheard)


async def test_a_switch_with_nothing_unspoken_sends_no_clean_up(stage: Hall, bus: Bus) -> None:
    """An empty list would take back everybody's inserts (S4 12.5)."""
    await until(lambda: stage.voice("scenes").unspoken_s() == 0)
    await asyncio.sleep(0.3)
    before = len(stage.commands("scenes"))
    await switch_to(stage, bus, "丙")
    await bus.publish("scenes", danmaku("哪里"))
    await until(lambda: len(stage.commands("scenes")) > before)
    assert stage.commands("scenes")[before].body["command"] == "INSERT_PLAY_SCRIPT"
