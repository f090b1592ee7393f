"""Bad answers, a cloud that hangs, and kill -9 at the worst moments of a send."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from acceptance.cloud import Cloud, Fault
from acceptance.conftest import MakeDaemon, MakeNats
from acceptance.faults import FOREVER
from acceptance.hall import Hall, codes, fate, fated, hall
from acceptance.processes import until, until_now
from acceptance.writing import Bus, bus_of, danmaku, once, pack, room, rule

RULES = [rule(f"r{n}", f"第{n}问", f"第{n}答") for n in range(30)]
MANY = tuple(f"many-{n}" for n in range(6))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("faults")
    packs = [pack(folder / "p", RULES)]
    rooms = [room(key, packs) for key in ("bad", "good", *MANY)] + [room("told", report="all")]
    with hall(folder / "daemon", rooms, dispatch={"max_age_s": 20}, timeout_s=1) as one:
        yield one
        assert one.cloud.gate.violations == []
        lines = [line for line in one.daemon.lines() if line["level"] == "error"]
        assert lines == [], "an error is what needs a person"


@pytest.fixture
async def bus(stage: Hall) -> Any:
    async with stage.bus() as one:
        yield one


async def answered(stage: Hall, bus: Bus, key: str, number: int, within: float = 5) -> None:
    before = len(stage.said(key))
    await bus.publish(key, danmaku(f"第{number}问"))
    await until(lambda: f"第{number}答" in stage.said(key)[before:], within)


BAD: dict[str, tuple[Fault, list[str]]] = {
    "an answer that never comes": (Fault("command", hang=True), ["sending", "unknown"]),
    "a page of HTML with 200": (Fault("command", answer="html"), ["sending", "unknown"]),
    "a page of HTML with 502": (
        Fault("command", status=502, answer="html"),
        ["sending", "unknown"],
    ),
    "a body cut in the middle": (Fault("command", answer="cut"), ["sending", "unknown"]),
    "200 and nothing more": (Fault("command", answer="empty"), ["sending", "sent"]),
    "an array": (Fault("command", answer="array"), ["sending", "unknown"]),
    "a code nobody knows": (Fault("command", status=400, code="MSS.29999999"), ["sending", "refused"]),
    "a bare 500": (Fault("command", status=500), ["sending", "unknown"]),
    "503 twice": (
        Fault("command", status=503, times=2),
        ["sending", "waiting", "sending", "waiting", "sending", "sent"],
    ),
    "two megabytes of error": (
        Fault("command", status=400, code="MSS.29999999", answer="huge"),
        ["sending", "refused"],
    ),
}


@pytest.mark.parametrize("number", range(len(BAD)), ids=list(BAD))
async def test_a_bad_answer_costs_its_own_reply_at_most_and_is_written_down(
    stage: Hall, bus: Bus, number: int
) -> None:
    fault, wanted = list(BAD.values())[number]
    audit = await bus.hear("live.audit.bad")
    tried = len(stage.commands("bad"))
    stage.cloud.faults.append(Fault(**{**vars(fault), "room_id": stage.ids["bad"]}))
    await bus.publish("bad", danmaku(f"第{number}问"))
    await until(lambda: len(stage.commands("bad")) > tried)
    await answered(stage, bus, "good", number, 2)
    await fated(audit, f"r{number}", *wanted)
    await answered(stage, bus, "bad", number + 10)
    once_or_again = 1 + wanted.count("waiting")
    texts = [call.body["params"]["text_config"]["text"] for call in stage.commands("bad")[tried:]]
    assert texts.count(f"第{number}答") == once_or_again
    if fault.code:
        assert codes(audit, f"r{number}") == [fault.code]
    assert stage.readyz() == 200


@pytest.mark.parametrize(
    ("fault", "settled_s"), [({"hang": True}, 4), ({"status": 503}, 1.5)], ids=["hang", "503"]
)
async def test_while_every_command_fails_few_are_tried_all_else_goes_on_and_it_recovers(
    stage: Hall, bus: Bus, fault: dict[str, Any], settled_s: float
) -> None:
    broken = Fault("command", times=FOREVER, **fault)
    before = len(stage.cloud.of("command"))
    stage.cloud.faults.append(broken)
    began = time.monotonic()
    for number in range(8):
        for key in ("bad", "good", *MANY):
            await bus.publish(key, danmaku(f"第{number}问"))
        await asyncio.sleep(0.4)
    reported = len(stage.cloud.reported(stage.ids["told"]))
    await bus.publish("told", danmaku("上报"))
    await until(lambda: len(stage.cloud.reported(stage.ids["told"])) > reported, 3, "reports go on")
    await asyncio.sleep(began + settled_s + 3 - time.monotonic())
    tried = stage.cloud.of("command")[before:]
    assert len(tried) >= 5, "the first failures may be chance"
    assert sum(call.at > began + settled_s for call in tried) <= 2, "single probes, less and less often"
    answer = stage.daemon.get("/livez")
    assert answer is not None
    assert answer.status_code == 200
    broken.times = 0
    await until(lambda: stage.cloud.of("command")[-1].status == 200, 20, "a probe finds it well again")
    await answered(stage, bus, "good", 20, 8)
    await until(lambda: stage.readyz() == 200)


async def test_while_reports_hang_replies_are_said_and_later_events_are_reported(
    stage: Hall, bus: Bus
) -> None:
    broken = Fault("report", hang=True, times=FOREVER)
    stage.cloud.faults.append(broken)
    before = len(stage.cloud.of("report"))
    for number in range(3):
        await bus.publish("told", danmaku(f"挂起{number}"))
        await answered(stage, bus, "good", 21 + number, 3)
        await asyncio.sleep(0.3)
    tried = stage.cloud.of("report")[before:]
    assert tried
    assert all(later.at - earlier.at >= 0.9 for earlier, later in pairwise(tried)), "one at a time"
    broken.times = 0
    await bus.publish("told", danmaku("好了"))
    await until(lambda: "好了" in str(stage.cloud.reported(stage.ids["told"])), 15)
    assert stage.readyz() == 200


async def test_a_session_is_stopped_in_time_though_commands_hang_and_a_stop_fails(
    cloud: Cloud, daemon: MakeDaemon, tmp_path: Path
) -> None:
    packs = [pack(tmp_path / "p", RULES)]
    short, other = room("short", packs, sessions=[once(12)]), room("other", packs)
    one = daemon([short, other])
    one.up_and_ready()
    await until(lambda: cloud.live(short["room_id"]) and cloud.live(other["room_id"]))
    [job] = cloud.live(short["room_id"])
    ends = time.monotonic() + 9
    cloud.faults += [Fault("command", hang=True, times=FOREVER), Fault("stop", status=503)]
    async with bus_of(one) as bus:
        while time.monotonic() < ends - 2:
            await bus.publish("short", danmaku("第1问"))
            await bus.publish("other", danmaku("第1问"))
            await asyncio.sleep(0.2)
    await until(lambda: job.over, 20, "it costs until it is stopped")
    assert len(cloud.of("stop")) == 2
    assert len(cloud.live(other["room_id"])) == 1


@pytest.mark.parametrize("answered_first", [False, True], ids=["before the answer", "right after it"])
async def test_killed_around_the_answer_of_a_command_it_never_says_it_again_and_says_the_others(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path, *, answered_first: bool
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    rooms = [room(key, [pack(tmp_path / "p", RULES)]) for key in ("one", "two")]
    mine = daemon(rooms, nats={"url": server.url}, dispatch={"max_age_s": 60})
    mine.up_and_ready()
    until_now(lambda: len(mine.logged("job-started")) == 2)

    def shoot() -> None:
        mine.send(signal.SIGKILL)

    fatal = Fault("command", room_id=rooms[0]["room_id"])
    if answered_first:
        fatal.after = shoot
    else:
        fatal.on_arrival, fatal.happens, fatal.status = shoot, True, 504
    cloud.faults.append(fatal)
    async with bus_of(server.url) as bus:
        audits = {key: await bus.hear(f"live.audit.{key}") for key in ("one", "two")}
        for key in audits:
            await bus.report(key, [danmaku(f"第{n}问") for n in range(6)])
        await until(lambda: not mine.running)
        mine.up_and_ready()
        for lines in audits.values():
            for n in range(6):
                await until(lambda x=lines, n=n: fate(x, f"r{n}")[-1:] in (["sent"], ["unknown"]), 20)  # type: ignore[misc]
    for one in rooms:
        texts = [call.body["params"]["text_config"]["text"] for call in cloud.of("command", one["room_id"])]
        assert len(texts) == len(set(texts)), "said twice"
        lost = [n for n in range(6) if f"第{n}答" not in texts]
        assert len(lost) <= 1, "only what was on its way may be lost"
        assert all(fate(audits[one["key"]], f"r{n}")[-1] == "unknown" for n in lost)
    first = cloud.of("command", rooms[0]["room_id"])[0].body["params"]["rule_index"]
    assert fate(audits["one"], first)[-1] in ({"unknown", "sent"} if answered_first else {"unknown"})


async def test_a_cue_that_waits_after_a_429_is_said_once_by_the_next_life(
    cloud: Cloud, daemon: MakeDaemon, external: MakeNats, tmp_path: Path
) -> None:
    server = external(tmp_path / "nats")
    server.up()
    main = room("main", [pack(tmp_path / "p", RULES)])
    mine = daemon([main], nats={"url": server.url}, dispatch={"max_age_s": 60})
    mine.up_and_ready()
    until_now(lambda: mine.logged("job-started"))
    cloud.faults.append(Fault("command", status=429, code="APIGW.0308", retry_after="30"))
    async with bus_of(server.url) as bus:
        audit = await bus.hear("live.audit.main")
        await bus.publish("main", danmaku("第1问"))
        await until(lambda: fate(audit, "r1") == ["queued", "sending", "waiting"])
        mine.kill()
        mine.up_and_ready()
        await until(lambda: "sent" in fate(audit, "r1"), 15)
        await bus.publish("main", danmaku("第2问"))
        await until(lambda: "第2答" in cloud.said(main["room_id"]))
    assert cloud.said(main["room_id"]) == ["第1答", "第2答"]
    assert len(cloud.of("command")) == 3
