"""The page of metrics: bounded whoever names what, cheap histograms that are right, and how things stand now."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram

from livecue.app.loops import Loops
from livecue.app.metrics import PrometheusMeter
from livecue.app.reload import Rulebook
from livecue.app.series import OTHER, Bounded, Spread
from livecue.domain import Job
from livecue.egress.breaker import State
from livecue.runtime.measure_ports import RuleDid, Took
from livecue.runtime.ports import Count
from runtime.making import desk_rules, rule

HOSTILE = "小王\n{}\"\\'\x00"


def series(meter: PrometheusMeter) -> Iterator[tuple[str, dict[str, str], float]]:
    for metric in meter.registry.collect():
        for sample in metric.samples:
            yield sample.name, sample.labels, sample.value


def labels(meter: PrometheusMeter, name: str, label: str) -> set[str]:
    return {values[label] for found, values, _ in series(meter) if found == name}


def test_strangers_make_no_series_of_rooms_or_rules() -> None:
    meter = PrometheusMeter()
    meter.know({"shop", "outlet"}, {"price"})
    for n in range(3_000):
        name = f"{HOSTILE}{n}"
        meter.count(Count.CUES, name, reason="sent")
        meter.reply_latency(name, 1)
        meter.alert(name, "blocked", 1)
        meter.rule(name, RuleDid.HIT)
    meter.count(Count.CUES, "shop", reason="sent")
    meter.count(Count.CALLBACKS_REJECTED, "", reason="unknown_room")
    meter.rule("price", RuleDid.SENT)
    assert labels(meter, "livecue_cues_total", "room") == {"shop", OTHER}
    assert labels(meter, "livecue_reply_latency_seconds_count", "room") == {OTHER}
    assert labels(meter, "livecue_alerts", "room") == {OTHER}
    assert labels(meter, "livecue_rules_total", "rule") == {"price", OTHER}
    assert labels(meter, "livecue_callbacks_rejected_total", "room") == {""}
    assert meter.total(Count.CUES) == 3_001


def test_reasons_operations_and_known_rules_are_bounded_too_and_nothing_is_lost_of_the_sum() -> None:
    meter = PrometheusMeter()
    names = [f"r{n}" for n in range(2_000)]
    meter.know(["a"], names)
    for name in names:
        for did in RuleDid:
            meter.rule(name, did)
        meter.count(Count.EVENTS, "a", reason=name)
        meter.limiter_wait(name, 0.5)
    found = list(series(meter))
    by_rule = [value for name, _, value in found if name == "livecue_rules_total"]
    assert len(by_rule) == 501 * len(RuleDid)
    assert sum(by_rule) == 2_000 * len(RuleDid)
    assert len(labels(meter, "livecue_events_total", "reason")) == 301
    assert len(labels(meter, "livecue_limiter_wait_seconds_count", "operation")) == 51
    assert len(found) < 5_000


def test_a_rule_that_is_loaded_while_running_gets_its_series() -> None:
    meter = PrometheusMeter()
    book = Rulebook({"a": desk_rules(rule("old", "x"))})
    meter.know(book, book.rules)
    meter.rule("new", RuleDid.HIT)
    assert sorted(book.rules) == ["old"]
    assert len(book.rules) == 1
    book.swap({"a": desk_rules(rule("new", "x"))})
    meter.rule("new", RuleDid.HIT)
    assert labels(meter, "livecue_rules_total", "rule") == {OTHER, "new"}


def test_what_has_passed_goes_on_to_pass() -> None:
    known = {"a"}
    bounded = Bounded(1, known)
    assert [bounded("a"), bounded("b")] == ["a", OTHER]
    known.clear()
    known.add("b")
    assert [bounded("a"), bounded("b")] == ["a", OTHER]


def test_a_spread_says_the_same_as_the_librarys_histogram() -> None:
    dice = random.Random(1)
    bounds = (0.01, 0.5, 1, 2.5)
    registries = CollectorRegistry(), CollectorRegistry()
    library = Histogram("x_seconds", "x", buckets=bounds, registry=registries[0])
    ours = Spread("x_seconds", "x", bounds)
    registries[1].register(ours)
    values = [dice.choice([*bounds, 0.0, 9.0, dice.random()]) for _ in range(200)]
    for value in values:
        n = dice.randint(1, 4)
        ours.add(value, n)
        for _ in range(n):
            library.observe(value)
    pages = [
        {
            (sample.name, *sample.labels.items()): pytest.approx(sample.value)
            for metric in registry.collect()
            for sample in metric.samples
        }
        for registry in registries
    ]
    assert pages[0] == pages[1]
    assert len(pages[0]) == len(bounds) + 3


def test_times_are_on_the_page_and_clocks_that_differ_make_none_negative() -> None:
    meter = PrometheusMeter()
    meter.took(Took.DECIDE, 0.004, 100)
    meter.took(Took.DECIDE, -3, 1)
    page = meter.page().decode()
    assert 'livecue_decide_latency_seconds_bucket{le="0.002"} 1.0' in page
    assert 'livecue_decide_latency_seconds_bucket{le="0.005"} 101.0' in page
    assert "livecue_decide_latency_seconds_sum 0.4" in page
    for what in Took:
        assert f"# TYPE livecue_{what}_seconds histogram" in page


def test_how_things_stand_is_looked_up_when_somebody_asks() -> None:
    class Parts:
        now = (Job("1", "PROCESSING"), Job("2", "PROCESSING"), Job("3", "NOVELTY"))

        def jobs(self) -> tuple[Job, ...]:
            return self.now

        def queued_s(self) -> list[tuple[str, float]]:
            return [("shop", 3.5)]

        def breakers(self) -> list[tuple[str, State]]:
            return [("command", State.OPEN), ("report", State.HALF_OPEN), ("list", State.CLOSED)]

    parts: Any = Parts()
    meter = PrometheusMeter()
    assert "livecue_jobs{" not in meter.page().decode()
    Loops(parts, parts, parts, parts, parts, parts, parts, parts).show(meter.snapshot)
    page = meter.page().decode()
    for line in (
        'livecue_jobs{state="WAITING"} 0.0',
        'livecue_jobs{state="PROCESSING"} 2.0',
        'livecue_jobs{state="other"} 1.0',
        'livecue_airtime_queued_seconds{room="shop"} 3.5',
        'livecue_breaker_open{operation="command"} 1.0',
        'livecue_breaker_open{operation="report"} 0.5',
        'livecue_breaker_open{operation="list"} 0.0',
    ):
        assert line in page
    parts.now = ()
    assert 'livecue_jobs{state="PROCESSING"} 0.0' in meter.page().decode()
    meter.snapshot.forget()
    page = meter.page().decode()
    assert not [
        name for name in ("jobs", "airtime_queued_seconds", "breaker_open") if f"livecue_{name}{{" in page
    ]
