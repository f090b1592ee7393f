"""One partition's worker: whatever breaks, every event is decided exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from livecue.domain import CueKind, ReportMode
from livecue.runtime import inbox
from livecue.runtime.desk import Desk, DeskRules
from livecue.runtime.health import HealthBoard
from livecue.runtime.inbox import PartitionWorker
from livecue.runtime.measure_ports import RuleDid, Took
from livecue.runtime.memory import MemoryBus, Tally
from livecue.runtime.ports import Count, Cursor, Delivery, RoomCommit, SeenPage, StaleStateError
from runtime.faults import Fault, FaultyBus, Killed
from runtime.making import T0, desk_rules, rule, said

ROOMS = {
    "a": desk_rules(rule("once", "price", time_window=-1), rule("each", "ship"), report=ReportMode.ALL),
    "b": desk_rules(rule("each", "ship")),
}


@pytest.fixture(autouse=True)
def _small_rounds_and_no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pause = asyncio.sleep
    monkeypatch.setattr(inbox, "_TAKE", 3)
    monkeypatch.setattr("livecue.runtime.inbox.asyncio.sleep", lambda _: pause(0))


def fill(bus: MemoryBus) -> None:
    for n in range(4):
        bus.store("a", {"events": [said("ship"), said("price"), {"type": "bad"}]}, T0 + n)
        bus.store("b", said("ship"), T0 + n)
    bus.store("nobody", said("ship"), T0)
    bus.store("a", b"nonsense", T0)


async def serve(bus: MemoryBus, meter: Tally, rooms: dict[str, DeskRules] = ROOMS) -> HealthBoard:
    """One worker until the partition is decided."""
    health = HealthBoard()
    worker = PartitionWorker(3, rooms, bus, bus, bus, meter, health, now=lambda: T0 + 40)
    bus.when_empty = worker.stop
    await worker.run()
    return health


async def serve_over_crashes(bus: FaultyBus) -> Tally:
    meter = Tally()
    try:
        await serve(bus, meter)
    except Killed:
        await serve(bus, meter)
    return meter


def outputs(bus: MemoryBus) -> Any:
    """What the partition came to: cues in order, reported events in order, dead letters, state."""
    cues = {room: [cue.id for cue in bus.cues if cue.room == room] for room in "ab"}
    events = {
        room: [event.content for one in bus.reports if one.room == room for event in one.events]
        for room in "ab"
    }
    return cues, events, sorted(map(repr, bus.dead)), bus._states


async def test_every_event_is_decided_once_whatever_call_breaks_and_however() -> None:
    plain = FaultyBus()
    fill(plain)
    meter = await serve_over_crashes(plain)
    wanted = outputs(plain)
    assert [len(cues) for cues in wanted[0].values()] == [5, 4]
    assert len(wanted[2]) == 6
    assert plain.calls > 15
    for at in range(1, plain.calls + 1):
        for fault in Fault:
            bus = FaultyBus(at, fault)
            fill(bus)
            again = await serve_over_crashes(bus)
            assert outputs(bus) == wanted, (at, fault)
            if fault is Fault.REFUSED:  # a repeated round counts once
                assert again.counts[Count.RULE_HITS, ""] == meter.counts[Count.RULE_HITS, ""], at


async def test_a_worker_whose_place_was_taken_by_another_reloads_and_repeats_nothing() -> None:
    class Contested(MemoryBus):
        async def commit(
            self, partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
        ) -> Cursor:
            if not self.cues:  # the other one was faster, with the same decisions
                await super().commit(partition, cursor, rooms, pages)
            return await super().commit(partition, cursor, rooms, pages)

    bus, plain, meter = Contested(), MemoryBus(), Tally()
    fill(bus)
    fill(plain)
    await serve(bus, meter)
    await serve(plain, Tally())
    assert outputs(bus) == outputs(plain)
    assert meter.total(Count.STATE_CONFLICTS) == 1


async def test_a_fault_of_the_engine_costs_one_message_and_not_the_rooms_evening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = Desk.take

    def faulty(desk: Desk, delivery: Delivery) -> int:
        if delivery.seq == 2:
            raise ZeroDivisionError
        return take(desk, delivery)

    monkeypatch.setattr(Desk, "take", faulty)
    bus, meter = MemoryBus(), Tally()
    for _ in range(3):
        bus.store("a", said("ship"), T0)
    await serve(bus, meter)
    assert [cue.id for cue in bus.cues] == ["1.0:each", "3.0:each"]
    assert [(room, reason) for room, reason, _ in bus.dead] == [("a", "not_decided")]


async def test_what_no_room_is_configured_for_is_put_aside_and_counted_without_a_rooms_name() -> None:
    bus, meter = MemoryBus(), Tally()
    bus.store("nobody", said("ship"), T0)
    await serve(bus, meter)
    assert [(room, reason) for room, reason, _ in bus.dead] == [("nobody", "unknown_room")]
    assert meter.counts == {(Count.DEAD, "unknown_room"): 1}


async def test_a_stranger_in_a_round_that_is_repeated_counts_once() -> None:
    plain = FaultyBus()
    for at in range(1, 20):
        bus, meter = FaultyBus(at) if at < 19 else plain, Tally()
        bus.store("nobody", said("ship"), T0)
        bus.store("b", said("ship"), T0)
        await serve(bus, meter)
        assert meter.total(Count.DEAD) == 1, at


async def test_the_place_is_stored_at_the_stop_though_nothing_came_of_it() -> None:
    bus = MemoryBus()
    bus.store("b", {"type": 2, "content": {}}, T0)
    await serve(bus, Tally(), {"b": desk_rules(report=ReportMode.NONE)})
    assert (await bus.cursor(3)).seq == 1


async def test_the_outputs_of_all_rooms_together_are_cut_into_commits_that_a_batch_can_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "_TAKE", 100)
    monkeypatch.setattr(inbox, "_ROUND_OUTPUTS", 4)
    sizes: list[int] = []

    class Measured(MemoryBus):
        async def commit(
            self, partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
        ) -> Cursor:
            sizes.append(sum(len(room.cues) for room in rooms))
            return await super().commit(partition, cursor, rooms, pages)

    bus = Measured()
    for n in range(12):
        bus.store("ab"[n % 2], said("ship"), T0 + n)
    rules = desk_rules(rule("each", "ship"), report=ReportMode.NONE)
    await serve(bus, Tally(), {"a": rules, "b": rules})
    assert sizes == [4, 4, 4]
    assert [cue.kind for cue in bus.cues] == [CueKind.SPEAK] * 12


async def test_a_bus_that_is_away_is_told_to_readiness_and_taken_back_when_it_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus, health = MemoryBus(), HealthBoard()
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(health, "report", lambda part, error="": seen.append((part, error)))
    bus.store("b", said("ship"), T0)
    bus.fail_next = 2
    worker = PartitionWorker(3, ROOMS, bus, bus, bus, Tally(), health)
    bus.when_empty = worker.stop
    await worker.run()
    assert seen == [("inbox-3", "starting"), *[("inbox-3", "the bus is away")] * 2, ("inbox-3", "")]
    assert len(bus.cues) == 1


async def test_a_state_that_cannot_be_read_lets_the_room_start_afresh() -> None:
    bus = MemoryBus()
    bus._states["b"] = b"nonsense"
    bus.store("b", said("ship"), T0)
    await serve(bus, Tally())
    assert len(bus.cues) == 1


async def test_rules_and_times_are_counted_only_once_though_the_round_is_repeated() -> None:
    for at in range(1, 12):
        meter = Tally()
        bus = FaultyBus(at)
        fill(bus)
        await serve(bus, meter)
        assert meter.rules == {
            ("each", RuleDid.HIT): 8,
            ("once", RuleDid.HIT): 4,  # those held back are hits too
            ("once", RuleDid.SUPPRESSED): 3,
        }, at
        assert sum(n for _, _, n in meter.times) == 17, at


async def test_each_event_takes_as_long_as_its_message_waited_for_the_commit() -> None:
    bus, meter = MemoryBus(), Tally()
    bus.store("a", {"events": [said("ship")] * 5}, T0)
    bus.store("b", said("ship"), T0)
    bus.store("b", said("nothing of ours"), T0 + 30)
    worker = PartitionWorker(3, ROOMS, bus, bus, bus, meter, HealthBoard(), now=lambda: T0 + 40)
    bus.when_empty = worker.stop
    await worker.run()
    assert meter.times == [(Took.DECIDE, 0.04, 6), (Took.DECIDE, 0.01, 1)]


async def test_a_flood_of_dead_letters_is_buried_whole_and_told_in_part() -> None:
    bus, meter = MemoryBus(), Tally()
    clock = [T0]
    for n in range(90):
        bus.store("a", b"nonsense", T0 + n)
    worker = PartitionWorker(3, ROOMS, bus, bus, bus, meter, HealthBoard(), now=lambda: clock[0])

    def later() -> None:
        clock[0] += 10_000
        bus.when_empty = worker.stop

    bus.when_empty = later
    with capture_logs() as logs:
        await worker.run()
    assert (len(bus.dead), meter.total(Count.DEAD)) == (90, 90)
    assert [line["event"] for line in logs] == ["dead-letter"] * 20 + ["dead-letters-untold"]
    assert logs[-1]["not_json"] == 70


async def test_a_partition_taken_from_who_did_not_give_it_back_is_decided_by_the_new_one_alone() -> None:
    bus, meter = MemoryBus(), Tally()
    for n in range(3):
        bus.store("a", said("ship"), T0 + n)
    stale = await bus.cursor(3)
    health = HealthBoard()
    worker = PartitionWorker(3, ROOMS, bus, bus, bus, meter, health, contested=True)
    fenced: list[Cursor] = []
    take = bus.commit

    async def commit(
        partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
    ) -> Cursor:
        fenced.append(await take(partition, cursor, rooms, pages))
        if len(fenced) == 1:  # before anything is decided
            with pytest.raises(StaleStateError):
                await take(partition, Cursor(3, stale.revision), [])
        return fenced[-1]

    bus.commit = commit  # type: ignore[method-assign]
    bus.when_empty = worker.stop
    await worker.run()
    assert [cursor.seq for cursor in fenced] == [0, 3]
    assert len(bus.cues) == 3
    assert not meter.total(Count.STATE_CONFLICTS)
