from __future__ import annotations

from pathlib import Path

from livecue.domain import SignalKind
from livecue.engine import compile_rules
from livecue.engine.rules import Rule
from livecue.packs import load_pack
from livecue.runtime.desk import DeskRules
from livecue.runtime.health import HealthBoard
from livecue.runtime.inbox import PartitionWorker
from livecue.runtime.memory import MemoryBus, Tally
from livecue.runtime.ports import Lane
from livecue.runtime.ticker import Ticker

T0 = 1_800_000_000_000
PACK = """
group_name: combos
interaction_rules:
  - rule_index: thanks
    event_type: 4
    hit_condition: {relation: AND, tags: [{tag: giftName, match: EQUAL, value: 玫瑰}]}
    trigger: {time_window: 0, reply_mode: SYSTEM_REPLY, reply_texts: ["谢谢{combo.count}朵"]}
    livecue: {combo: {by: [user, giftName], timeout_s: 3}}
"""


def rules_of(folder: Path) -> tuple[Rule, ...]:
    (folder / "pack.yaml").write_text(PACK, encoding="utf-8")
    return load_pack(folder).rules


def gift(bus: MemoryBus, at_ms: int) -> None:
    content = {"user": {"userId": "u1", "name": "小王"}, "gift": {"giftName": "玫瑰", "giftNum": 1}}
    bus.store("a", {"timestamp": at_ms, "type": 4, "content": content}, at_ms)


async def decided(bus: MemoryBus, worker: PartitionWorker) -> None:
    bus.when_empty = worker.stop
    await worker.run()


async def test_a_combo_nobody_goes_on_with_is_answered_when_its_time_is_up(tmp_path: Path) -> None:
    bus, clock = MemoryBus(), [T0]
    rules = {"a": DeskRules(compile_rules(rules_of(tmp_path)))}

    class Held(PartitionWorker):
        """Keeps its desks when stopped, as one that goes on would."""

        async def run(self) -> None:
            self._stopping = False
            intake = await self._partitions.open(3, await self._ledger.cursor(3))
            self._cursor = intake.cursor
            await self._serve(intake)

    worker = Held(3, rules, bus, bus, bus, Tally(), HealthBoard())
    ticker = Ticker(lambda: [worker], bus, lambda: clock[0], list)
    gift(bus, T0)
    gift(bus, T0 + 500)
    await decided(bus, worker)
    clock[0] = T0 + 3_400
    await ticker.step()
    assert bus.signals == []
    clock[0] = T0 + 3_500
    await ticker.step()
    await ticker.step()
    assert [(room, kind) for room, kind, _ in bus.signals] == [("a", SignalKind.TICK)]
    assert bus.cues == []
    bus.store("a", {"v": 1, "kind": "tick", "data": {}}, clock[0], Lane.SIGNALS)
    await decided(bus, worker)
    assert [cue.text for cue in bus.cues] == ["谢谢2朵"]
    clock[0] += 10_000
    await ticker.step()
    assert len(bus.signals) == 1


async def test_a_tick_that_came_too_early_for_the_servers_clock_is_sent_again() -> None:
    class Always:
        opened = 0

        def due(self, _now_ms: int) -> list[str]:
            return ["a"]

    bus, clock = MemoryBus(), [T0]
    always = Always()
    ticker = Ticker(lambda: [always], bus, lambda: clock[0], list)
    for _ in range(3):
        await ticker.step()
    assert len(bus.signals) == 1
    clock[0] += 1_000
    await ticker.step()
    assert len(bus.signals) == 2


async def test_a_partition_that_begins_anew_is_made_to_look_at_every_room_with_combos() -> None:
    class Worker:
        opened = 1

        def due(self, _now_ms: int) -> list[str]:
            return []

    bus, clock, worker = MemoryBus(), [T0], Worker()
    ticker = Ticker(lambda: [worker], bus, lambda: clock[0], lambda: ["quiet"])
    for _ in range(3):
        await ticker.step()
        clock[0] += 5_000
    assert [room for room, _, _ in bus.signals] == ["quiet"]
    worker.opened += 1
    await ticker.step()
    assert [room for room, _, _ in bus.signals] == ["quiet", "quiet"]
