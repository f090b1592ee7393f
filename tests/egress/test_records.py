"""Notes in the background: each stored once, however the bus behaves, and never without bound."""

from __future__ import annotations

import asyncio

import pytest

from livecue.egress import records as module
from livecue.egress.records import Records
from livecue.runtime.memory import MemoryBus
from livecue.runtime.ports import AuditEntry, BusError, Outcome
from runtime.making import cue


def note(subject: str) -> AuditEntry:
    return AuditEntry(Outcome.SENT, subject, 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0.001)


async def test_a_note_is_written_again_until_the_bus_takes_it() -> None:
    bus = MemoryBus()
    bus.fail_next = 3
    records = Records(bus, bus)
    records.note("a", note("c1"))
    await records.flush(2)
    assert bus.outcomes("a") == [("c1", "sent")]


async def test_a_bus_that_stays_away_costs_the_note_and_not_the_others_patience() -> None:
    class Deaf(MemoryBus):
        tries = 0

        async def record(self, room: str, entry: AuditEntry) -> None:
            if entry.subject_id == "lost":
                self.tries += 1
                raise BusError("away")
            await super().record(room, entry)

    bus = Deaf()
    records = Records(bus, bus)
    records.note("a", note("lost"))
    records.note("a", note("kept"))
    await records.flush(5)
    assert (bus.tries, bus.outcomes("a")) == (8, [("kept", "sent")])


async def test_no_more_are_written_at_once_and_kept_than_is_good() -> None:
    class Slow(MemoryBus):
        now = most = 0

        async def record(self, room: str, entry: AuditEntry) -> None:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            await super().record(room, entry)

    bus = Slow()
    records = Records(bus, bus)
    for n in range(50_100):
        records.note("a", note(f"c{n}"))
    assert len(records._notes) == 50_000
    records._notes.clear()
    for n in range(200):
        records.note("a", note(f"d{n}"))
    await records.flush(5)
    assert (bus.most, len(bus.outcomes("a"))) == (32, 200)


async def test_a_cue_is_returned_once_and_only_if_its_rule_has_a_window() -> None:
    bus = MemoryBus()
    records = Records(bus, bus)
    for one in (cue("c1"), cue("c1"), cue("free", limited=False)):
        records.returned(one)
    await records.flush(2)
    [(room, kind, data)] = bus.signals
    assert (room, kind, data["cue_id"]) == ("a", "cue_returned", "c1")


async def test_a_flush_gives_up_in_time() -> None:
    class Hanging(MemoryBus):
        async def record(self, room: str, entry: AuditEntry) -> None:
            await asyncio.Event().wait()
            await super().record(room, entry)

    bus = Hanging()
    records = Records(bus, bus)
    records.note("a", note("c1"))
    async with asyncio.timeout(2):
        await records.flush(0.05)
        while records._writers:  # noqa: ASYNC110 - cancelled, they end at once
            await asyncio.sleep(0.001)
