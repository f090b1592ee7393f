"""When a partition sheds, in virtual time; what is let go then, and what never is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from livecue.domain import EventType, ReportMode
from livecue.runtime import inbox
from livecue.runtime.backlog import Backlog
from livecue.runtime.health import HealthBoard
from livecue.runtime.inbox import PartitionWorker
from livecue.runtime.late import late_lines
from livecue.runtime.measure_ports import RuleDid
from livecue.runtime.memory import MemoryBus, MemoryIntake, Tally
from livecue.runtime.ports import Count, Cursor, Delivery, Outcome
from runtime.faults import Fault, FaultyBus, Killed
from runtime.making import T0, Clock, cue, desk_rules, rule, said

RULES = desk_rules(rule("each", "ship"), rule("once", "price", time_window=-1), report=ReportMode.ALL)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pause = asyncio.sleep
    monkeypatch.setattr("livecue.runtime.inbox.asyncio.sleep", lambda _: pause(0))


def paced(backlog: Backlog, *, per_s: int, lag: int, for_s: float, since_ms: int = T0) -> int:
    """Decide `per_s` messages a second for a while; the time then."""
    for n in range(int(for_s * 10) + 1):
        backlog.look(since_ms + n * 100, per_s // 10, lag)
    return since_ms + int(for_s * 1000)


def test_what_counts_is_how_long_it_takes_to_catch_up() -> None:
    for lag, sheds in ((9_000, False), (11_000, True)):
        backlog = Backlog(10)
        paced(backlog, per_s=1_000, lag=lag, for_s=2)
        assert (backlog.shedding, round(backlog.behind_s)) == (sheds, lag / 1_000)


def test_nothing_is_shed_before_the_pace_is_known() -> None:
    backlog = Backlog(10)
    paced(backlog, per_s=1_000, lag=1_000_000, for_s=0.4)
    assert not backlog.shedding


def test_shedding_goes_on_until_half_of_the_time_is_left_and_ends_at_once_when_nothing_waits() -> None:
    backlog = Backlog(10)
    at_ms = paced(backlog, per_s=1_000, lag=20_000, for_s=2)
    found = []
    for lag in (6_000, 4_000, 6_000):
        at_ms = paced(backlog, per_s=1_000, lag=lag, for_s=0.1, since_ms=at_ms + 100)
        found.append(backlog.shedding)
    assert found == [True, False, False]
    paced(backlog, per_s=1_000, lag=20_000, for_s=2, since_ms=at_ms)
    backlog.look(at_ms + 10_000, 1, 0)
    assert (backlog.shedding, backlog.behind_s) == (False, 0)


def test_the_pace_is_that_of_the_last_seconds() -> None:
    backlog = Backlog(10)
    at_ms = paced(backlog, per_s=10_000, lag=50_000, for_s=10)
    paced(backlog, per_s=1_000, lag=50_000, for_s=10, since_ms=at_ms)
    assert backlog.behind_s > 30


@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000])
def test_a_clock_that_is_set_is_no_pace(jump_ms: int) -> None:
    backlog = Backlog(10)
    at_ms = paced(backlog, per_s=1_000, lag=5_000, for_s=2)
    paced(backlog, per_s=1_000, lag=5_000, for_s=2, since_ms=at_ms + jump_ms)
    assert 4 < backlog.behind_s < 6


def test_what_is_too_late_is_told_many_to_a_line_by_rule_and_by_live() -> None:
    cues = [cue(f"c{n}", rule_index="ab"[n % 2]) for n in range(500)] + [cue("x", rule_index="a", job_id="j")]
    lines = list(late_lines(cues, T0 + 7))
    assert sum(1 + len(line.others) for line in lines) == 501
    assert len({one for line in lines for one in (line.subject_id, *line.others)}) == 501
    assert [(line.rule_index, line.job_id, 1 + len(line.others)) for line in lines] == [
        ("a", "", 200),
        ("a", "", 50),
        ("b", "", 200),
        ("b", "", 50),
        ("a", "j", 1),
    ]
    assert {(line.outcome, line.at_ms) for line in lines} == {(Outcome.EXPIRED, T0 + 7)}


class BehindIntake(MemoryIntake):
    """Knows how much is left, and takes 100 ms of the clock for each round."""

    def __init__(self, bus: MemoryBus, cursor: Cursor, clock: Clock) -> None:
        super().__init__(bus, cursor)
        self._clock = clock

    async def take(self, limit: int, wait_s: float) -> list[Delivery]:
        self._clock.now_ms += 100
        taken = await super().take(limit, wait_s)
        self.lag = len(self._bus.stored) - self._after
        return taken


class BehindBus(FaultyBus):
    def __init__(self, clock: Clock, at: int = 0, fault: Fault = Fault.REFUSED) -> None:
        super().__init__(at, fault)
        self.clock = clock

    async def open(self, partition: int, cursor: Cursor) -> MemoryIntake:  # noqa: ARG002
        self.check()
        return BehindIntake(self, cursor, self.clock)


async def serve(bus: BehindBus, meter: Tally, *, shed_after_s: float = 1, rules: Any = RULES) -> None:
    worker = PartitionWorker(
        3,
        {"a": rules},
        bus,
        bus,
        bus,
        meter,
        HealthBoard(),
        now=bus.clock,
        audit=bus,
        shed_after_s=shed_after_s,
    )
    bus.when_empty = worker.stop
    await worker.run()


async def test_in_a_flood_likes_and_enters_are_let_go_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "_TAKE", 6)
    bus, meter = BehindBus(Clock()), Tally()
    for _ in range(100):
        for kind in range(1, 7):
            bus.store("a", {"type": kind, "content": {}}, T0)
    with capture_logs() as logs:
        await serve(bus, meter)
    shed = {int(reason): n for (what, reason), n in meter.counts.items() if what is Count.SHED}
    decided = {int(reason): n for (what, reason), n in meter.counts.items() if what is Count.EVENTS}
    assert set(shed) == {EventType.ENTER, EventType.LIKE}
    assert {kind: decided[kind] + shed.get(kind, 0) for kind in decided} == dict.fromkeys(range(1, 7), 100)
    assert 60 < shed[EventType.LIKE] < 95  # neither before the pace is known, nor near the end
    told = [line for line in logs if line["event"] in {"shedding", "caught-up"}]
    assert [line["event"] for line in told] == ["shedding", "caught-up"]
    assert told[1]["shed_events"] == shed[EventType.LIKE] + shed[EventType.ENTER]


async def test_without_a_flood_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "_TAKE", 6)
    bus, meter = BehindBus(Clock()), Tally()
    for _ in range(100):
        bus.store("a", {"type": 3, "content": {}}, T0)
    await serve(bus, meter, shed_after_s=10)
    assert (meter.total(Count.SHED), meter.total(Count.EVENTS)) == (0, 100)


async def test_what_is_too_old_to_be_said_is_neither_said_nor_reported_and_ends_in_the_audit() -> None:
    clock = Clock()
    bus, meter = BehindBus(clock), Tally()
    for n in range(5):
        bus.store("a", said("ship"), T0 - 60_000 + n)
    bus.store("a", said("ship"), T0)
    await serve(bus, meter)
    assert [one.id for one in bus.cues] == ["6.0:each"]
    assert [len(one.events) for one in bus.reports] == [1]
    (line,) = bus.audit["a"]
    assert (line.outcome, line.subject_id, len(line.others)) == (Outcome.EXPIRED, "1.0:each", 4)
    assert meter.counts[Count.CUES, "expired"] == 5
    assert meter.rules["each", RuleDid.EXPIRED] == 5
    assert meter.counts[Count.UNREPORTED, "expired"] == 5
    assert meter.counts[Count.EVENTS, "1"] == 6


async def test_an_answer_that_came_too_late_leaves_its_rule_free_for_the_fresh_one() -> None:
    bus = BehindBus(Clock())
    bus.store("a", said("price"), T0 - 60_000)
    bus.store("a", said("price"), T0)
    bus.store("a", said("price"), T0 + 1)
    await serve(bus, Tally())
    assert [one.id for one in bus.cues] == ["2.0:once"]


async def test_whatever_breaks_the_late_are_told_and_the_fresh_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "_TAKE", 2)
    at = calls = 0
    while at <= calls:
        for fault in Fault:
            bus = BehindBus(Clock(), at, fault)
            for n in range(4):
                bus.store("a", said("ship"), T0 - 60_000 + n)
                bus.store("a", said("price"), T0 + n)
            for _ in range(2):
                try:
                    await serve(bus, Tally())
                except Killed:
                    continue
            calls = max(calls, bus.calls)
            assert [one.id for one in bus.cues] == ["2.0:once"], (at, fault)
            told = {one for line in bus.audit["a"] for one in (line.subject_id, *line.others)}
            assert told == {f"{seq}.0:each" for seq in (1, 3, 5, 7)}, (at, fault)
        at += 1
    assert calls > 10
