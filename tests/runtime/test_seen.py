"""The memory of ids: what it knows, for how long, at what price, and the same after a crash."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecue.domain import ReportMode
from livecue.runtime import inbox
from livecue.runtime.decoding import read_events
from livecue.runtime.health import HealthBoard
from livecue.runtime.inbox import PartitionWorker
from livecue.runtime.memory import MemoryBus, Tally
from livecue.runtime.ports import Count, Cursor, Lane, RoomCommit, SeenPage
from livecue.runtime.seen import Seen, SeenLimits, id_word
from runtime.faults import Fault, FaultyBus, Killed
from runtime.making import T0, delivery, desk_rules, rule, said

HOUR = 3_600_000
SMALL = SeenLimits(remember_ms=1_000, generation_ms=200, page_ids=3, generation_pages=2, pages=6)
RULES = desk_rules(rule("each", "ship"), report=ReportMode.NONE)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pause = asyncio.sleep
    monkeypatch.setattr("livecue.runtime.inbox.asyncio.sleep", lambda _: pause(0))


def word(n: int) -> int:
    return id_word("event", "a", str(n))


def test_an_id_is_known_for_an_hour_and_not_for_good() -> None:
    seen = Seen()
    assert seen.first_time(word(1), T0)
    assert not seen.first_time(word(1), T0 + HOUR)
    assert seen.first_time(word(1), T0 + HOUR + 600_000)


def test_a_clock_that_is_set_back_makes_nothing_forgotten_younger() -> None:
    seen = Seen(limits=SMALL)
    seen.first_time(word(1), T0)
    seen.first_time(word(2), T0 + 5_000)
    assert seen.first_time(word(1), T0 + 1)
    assert not seen.first_time(word(2), T0 + 2)


def test_what_was_forgotten_stays_forgotten_after_a_crash_though_the_clock_was_set_back() -> None:
    seen = Seen(limits=SMALL)
    stored = dict[int, bytes]()
    for n, at_ms in ((1, T0), (2, T0 + 1_000), (2, T0 + 1_300)):
        seen.first_time(word(n), at_ms)
        stored.update(seen.changed())
    assert Seen(stored.values(), SMALL).first_time(word(1), T0 + 1)


@pytest.mark.parametrize(
    ("kind", "room", "given"), [("message", "a", "1"), ("event", "b", "1"), ("event", "a", "2")]
)
def test_an_id_counts_within_its_room_and_its_kind(kind: str, room: str, given: str) -> None:
    seen = Seen()
    seen.first_time(id_word("event", "a", "1"), T0)
    assert seen.first_time(id_word(kind, room, given), T0)


def test_of_more_ids_than_there_is_room_for_the_oldest_are_forgotten_and_counted() -> None:
    seen = Seen(limits=SMALL)
    for n in range(100):
        seen.first_time(word(n), T0)
    assert len(seen) <= SMALL.page_ids * SMALL.pages
    assert len(seen) + seen.take_evicted() == 100
    assert seen.take_evicted() == 0
    assert not seen.first_time(word(99), T0)
    assert seen.first_time(word(0), T0)


steps = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([0, 0, 1, 30, 90, 400, -50, 1500]), st.booleans()),
    max_size=150,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_what_is_stored_with_any_commits_and_read_back_decides_as_what_was_never_away(
    history: list[tuple[int, int, bool]],
) -> None:
    """`True` in a step: a commit, and a crash right after it."""
    through, crashing, stored, at_ms = Seen(limits=SMALL), Seen(limits=SMALL), dict[int, bytes](), T0
    for n, later_ms, crash in history:
        at_ms += later_ms
        assert through.first_time(word(n), at_ms) == crashing.first_time(word(n), at_ms)
        if crash:
            stored.update(crashing.changed())
            crashing = Seen(stored.values(), SMALL)
            assert len(crashing) == len(through)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_an_id_is_new_exactly_if_it_did_not_come_within_the_time(
    history: list[tuple[int, int, bool]],
) -> None:
    roomy = SMALL._replace(pages=1_000)
    seen, last, now_ms = Seen(limits=roomy), dict[int, int](), T0
    for n, later_ms, _ in history:
        now_ms += max(later_ms, 0)
        new = seen.first_time(word(n), now_ms)
        age_ms = now_ms - last.get(n, 0)
        if age_ms <= roomy.remember_ms:
            assert not new
        elif age_ms > roomy.remember_ms + roomy.generation_ms:
            assert new
        if new:
            last[n] = now_ms


def test_what_a_commit_stores_stays_as_small_however_much_is_remembered() -> None:
    seen, sizes, stored = Seen(), list[int](), dict[int, bytes]()
    for n in range(60_000):
        seen.first_time(word(n), T0 + n)
        if n % 50 == 49:
            pages = seen.changed()
            sizes.append(sum(len(page.body) for page in pages))
            stored.update(pages)
    assert max(sizes[600:]) <= max(sizes[:600]) < 24_000  # at most two pages of 1,024 ids
    assert len(stored) < 80
    assert not seen.changed()


def test_a_hundred_thousand_ids_take_a_few_megabytes() -> None:
    words = [word(n) for n in range(100_000)]
    tracemalloc.start()
    seen = Seen()
    for one in words:
        seen.first_time(one, T0)
        seen.changed()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3_000_000
    assert len(seen) == 100_000


def test_what_is_no_page_is_passed_over() -> None:
    seen = Seen()
    seen.first_time(word(1), T0)
    pages = [page.body for page in seen.changed()]
    again = Seen([b"nonsense", b'{"page":1}', *pages, msgspec.json.encode({"page": 9})])
    assert not again.first_time(word(1), T0)


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"msg_id": "d-7"}, "d-7"),
        ({"msg_id": 7301234567890123456789}, "7301234567890123456789"),
        ({"content": {"msg_id": "inner"}}, "inner"),
        ({"content": '{"msg_id": "text"}'}, "text"),
        ({"content": '{"msg_id": 12}', "type": 3}, "12"),
        ({"msg_id": "outer", "content": '{"msg_id": "inner"}', "type": 3}, "outer"),
        ({}, ""),
        ({"msg_id": ""}, ""),
        ({"msg_id": True}, ""),
        ({"msg_id": {"x": 1}}, ""),
        ({"msg_id": "x" * 257}, ""),
    ],
)
def test_an_event_may_bring_the_platforms_own_id(event: dict[str, Any], wanted: str) -> None:
    whole = {"type": 1, "content": {}} | event
    for body in (whole, {"events": [whole]}):
        (found,) = read_events(delivery(body), {1})
        assert getattr(found, "msg_id", None) == wanted


async def serve(bus: MemoryBus, meter: Tally) -> None:
    worker = PartitionWorker(3, {"a": RULES, "b": RULES}, bus, bus, bus, meter, HealthBoard())
    bus.when_empty = worker.stop
    await worker.run()


async def test_a_repeated_message_and_a_repeated_event_change_nothing_and_are_counted() -> None:
    bus, meter = MemoryBus(), Tally()
    ship = said("ship")
    bus.store("a", {"events": [ship, said("x")]}, T0, msg_id="m1")
    bus.store("a", {"events": [ship, said("x")]}, T0 + HOUR, msg_id="m1")
    bus.store("b", ship, T0 + HOUR, msg_id="m1")  # another room's
    bus.store("a", {"events": [ship | {"msg_id": "e1"}, ship | {"msg_id": "e1"}]}, T0 + HOUR, msg_id="m2")
    bus.store("a", ship | {"msg_id": "e1"}, T0 + HOUR + 1)
    bus.store("a", ship, T0 + HOUR + 2)
    await serve(bus, meter)
    assert [cue.id for cue in bus.cues] == ["1.0:each", "4.0:each", "6.0:each", "3.0:each"]
    assert meter.counts[Count.REPEATED, "message"] == 2
    assert meter.counts[Count.REPEATED, "event"] == 2
    assert meter.counts[Count.EVENTS, "1"] == 5


async def test_a_signal_is_taken_whatever_id_it_came_with() -> None:
    bus, meter = MemoryBus(), Tally()
    started = {"v": 1, "kind": "job_started", "data": {"job_id": "j"}}
    for job in ("j", "k"):
        bus.store("a", started | {"data": {"job_id": job}}, T0, Lane.SIGNALS, "same")
    bus.store("a", said("ship"), T0)
    await serve(bus, meter)
    assert [cue.job_id for cue in bus.cues] == ["k"]


async def test_an_id_is_known_whatever_call_breaks_and_however(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "_TAKE", 2)
    at = calls = 0
    while at <= calls:
        for fault in Fault:
            bus, meter = FaultyBus(at, fault), Tally()
            for n in range(9):
                bus.store(
                    "a", said("ship" if n % 2 else "quiet") | {"msg_id": n % 4}, T0 + n, msg_id=f"m{n % 6}"
                )
            for _ in range(2):  # the second life after a kill
                try:
                    await serve(bus, meter)
                except Killed:
                    continue
            calls = max(calls, bus.calls)
            assert [cue.id for cue in bus.cues] == ["2.0:each", "4.0:each"], (at, fault)
        at += 1
    assert calls > 12


async def test_ids_of_one_round_are_cut_into_commits_that_a_batch_can_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "_ROUND_OUTPUTS", 3_000)
    most = 0

    class Measured(MemoryBus):
        async def commit(
            self, partition: int, cursor: Cursor, rooms: list[RoomCommit], pages: Sequence[SeenPage] = ()
        ) -> Cursor:
            nonlocal most
            most = max(most, len(pages))
            return await super().commit(partition, cursor, rooms, pages)

    bus = Measured()
    for n in range(20):
        events = [{"type": 3, "content": {}, "msg_id": n * 1_000 + i} for i in range(1_000)]
        bus.store("a", {"events": events}, T0)
    await serve(bus, Tally())
    assert 2 <= most <= 5
    assert (await bus.cursor(3)).seq == 20
