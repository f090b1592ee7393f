from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.running import ROOM, Running, daemon
from livecue.app.metrics import PrometheusMeter
from livecue.app.reload import Reloader, Rulebook
from livecue.app.rooms import desk_rules, load_rules
from livecue.domain import LiveEvent
from livecue.engine import RoomState, handle
from livecue.runtime.health import HealthBoard
from livecue.runtime.ports import Count
from livecue.settings import Loaded, load

PACK = """group_name: 店
interaction_rules:
  - rule_index: price
    event_type: 1
    hit_condition: {tags: [{tag: content, match: REGEX, value: 多少钱}]}
    trigger: {time_window: -1, reply_texts: [旧的话]}
  - rule_index: size
    event_type: 1
    hit_condition: {tags: [{tag: content, match: REGEX, value: 尺码}]}
    trigger: {reply_texts: [旧的码]}
"""
NEW = PACK.replace("旧的", "新的")
BROKEN = PACK.replace("REGEX", "REGEXP", 1)


class Meter(PrometheusMeter):
    """The real one, and the reasons in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None:
        super().count(what, room, n, reason)
        assert what is Count.RULE_RELOADS
        self.reasons.append(reason)


class Desk:
    """A configuration with two rooms that share a pack, and the parts that keep it up to date."""

    def __init__(self, folder: Path) -> None:
        self.pack = folder / "rules"
        self.pack.mkdir()
        self.write(PACK)
        config: dict[str, Any] = {
            "metastudio": {"project_id": "p", "auth": {"ak": "a", "sk": "s"}},
            "rooms": [{"key": key, "room_id": key, "rules": ["rules"]} for key in ("one", "two")],
        }
        (folder / "livecue.yaml").write_text(json.dumps(config))
        self.loaded: Loaded = load(folder / "livecue.yaml")
        self.book = Rulebook(desk_rules(self.loaded.settings, load_rules(self.loaded)))
        self.meter, self.health = Meter(), HealthBoard()
        self.reloader = Reloader(self.loaded, self.book, self.meter, self.health, every_s=0.05)

    def write(self, text: str) -> None:
        (self.pack / "pack.yaml").write_text(text, "utf-8")

    def reply(self, room: str, said: str = "多少钱") -> str:
        event = LiveEvent(room, "1.0", 0, 0, 1, {"content": said}, "")
        decision = handle(self.book[room].program, RoomState(), event)
        return "".join(cue.text for cue in decision.cues)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_good_set_takes_the_place_of_the_old_one_in_every_room(desk: Desk) -> None:
    desk.write(NEW)
    assert await desk.reloader.reload()
    assert [desk.reply(room) for room in desk.book] == ["新的话", "新的话"]
    assert desk.meter.reasons == ["ok"]
    assert desk.health.parts() == {"rules": "ok"}


async def test_a_bad_set_leaves_the_old_one_and_is_shown_until_it_is_mended(desk: Desk) -> None:
    desk.write(BROKEN)
    assert not await desk.reloader.reload()
    assert desk.reply("one") == "旧的话"
    shown = desk.health.parts()["rules"]
    assert shown.startswith(f"{desk.pack}/pack.yaml:5: rule 'price': match is 'REGEXP'; did you mean REGEX?")
    assert shown.endswith("; the old rules go on")
    assert desk.health.ready
    desk.write(NEW)
    assert await desk.reloader.reload()
    assert desk.health.parts() == {"rules": "ok"}
    assert desk.meter.reasons == ["refused", "ok"]


async def test_a_problem_of_a_shared_pack_is_told_once_and_all_are_counted(desk: Desk) -> None:
    desk.write(BROKEN.replace("event_type: 1", "event_type: x", 1))
    await desk.reloader.reload()
    assert desk.health.parts()["rules"].endswith("(and 1 more); the old rules go on")


async def test_files_are_watched_and_a_request_is_heard_at_once(desk: Desk) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(desk.reloader.run(stop))
    desk.write(NEW)
    await _until(lambda: desk.reply("one") == "新的话")
    (desk.pack / "pack.yaml").rename(desk.pack / "away")
    await _until(lambda: desk.meter.reasons == ["ok", "refused"])
    (desk.pack / "away").rename(desk.pack / "pack.yaml")
    await _until(lambda: desk.meter.reasons == ["ok", "refused", "ok"])
    desk.reloader.ask()
    await _until(lambda: len(desk.meter.reasons) == 4)
    stop.set()
    await asyncio.wait_for(task, 5)


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_a_running_daemon_takes_new_rules_and_keeps_its_memory_and_refuses_bad_ones(
    tmp_path: Path,
) -> None:
    pack = tmp_path / "店铺"
    pack.mkdir()
    (pack / "pack.yaml").write_text(PACK, "utf-8")
    async with daemon(tmp_path, pack) as live:
        await live.says("多少钱")
        await live.until(lambda: live.spoken == ["旧的话"], "the first reply")

        (pack / "pack.yaml").write_text(NEW, "utf-8")
        await live.until(lambda: bool(live.logged("rules-reloaded")), "the reload")
        await live.says("多少钱")  # once per live, and that was before the reload
        await live.says("尺码")
        await live.until(lambda: live.spoken == ["旧的话", "新的码"], "the new text")

        (pack / "pack.yaml").write_text(BROKEN, "utf-8")
        live.child.send_signal(signal.SIGHUP)
        await live.until(lambda: bool(live.logged("rules-refused")), "the refusal")
        (refused,) = live.logged("rules-refused")
        assert refused["problem"].startswith(f"{pack}/pack.yaml:5: rule 'price': match is 'REGEXP'")
        await live.says("尺码")
        await live.until(lambda: live.spoken == ["旧的话", "新的码", "新的码"], "the old rules' reply")
        await _check_pages(live)


async def _check_pages(live: Running) -> None:
    status, page = await live.get("/readyz")
    assert status == 200
    assert "the old rules go on" in json.loads(page)["parts"]["rules"]
    metrics = (await live.get("/metrics"))[1]
    assert 'livecue_rule_reloads_total{reason="ok",room=""} 1.0' in metrics
    assert 'livecue_rule_reloads_total{reason="refused",room=""} 1.0' in metrics
    assert ROOM in metrics
