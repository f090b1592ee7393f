"""Bytes of single danmaku to decisions, by number of rules, beside a loop over the same rules.

The rounds of all sizes are interleaved and their medians given, since a machine is never quiet. No
message is ever seen twice.
"""

from __future__ import annotations

import gc
import random
import re
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec

from livecue.bench.stage import machine
from livecue.bench.stall import longest_stall_s
from livecue.domain import LiveEvent
from livecue.engine import Program, RoomState, Rule, compile_rules, handle
from livecue.engine.matcher.pattern import pattern_of
from livecue.engine.patterns import python_dialect
from livecue.engine.rules import HitCondition, Match, Tag, Trigger
from livecue.runtime.decoding import read_events
from livecue.runtime.ports import Delivery, Lane
from livecue.runtime.quiet import without_collector

NAIVE_RULES = 1000
HIT_SHARE = 0.02

_CHARACTERS = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
_LENGTH = 20
_NAIVE_EVENTS = 200
_START_MS = 1_763_000_000_000


@dataclass(frozen=True)
class Size:
    """What a bench run is made of: events per round, rounds, and the rounds that are not counted."""

    events: int = 20_000
    rounds: int = 7
    warm_up: int = 1


class Traffic:
    """Rules of real shapes and messages of which a known share hits them."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311  # the same traffic in every run
        self._count = 0

    def _word(self, length: int) -> str:
        return "".join(self._random.choices(_CHARACTERS, k=length))

    def rules(self, count: int) -> list[Rule]:
        """Of ten rules eight are keywords, the rest what people write besides."""
        return [self._rule(n) for n in range(count)]

    def _rule(self, n: int) -> Rule:
        one, two, three = self._word(3), self._word(4), self._word(3)
        pattern = {
            0: f"{one}.{{0,8}}{two}",
            1: (rf"{one}\d+[件个]", f"(?i){one}ok", f"^{one}", f"{one}(?!{two})")[n // 10 % 4],
        }.get(n % 10, f"{one}|{two}|{three}")
        tag = Tag("content", Match.REGEX, pattern)
        return Rule(f"r{n}", 1, hit_condition=HitCondition(tags=(tag,)), trigger=Trigger(reply_texts=("好",)))

    def deliveries(self, rules: Sequence[Rule], count: int) -> list[Delivery]:
        """`count` fresh messages, `HIT_SHARE` of them with a keyword of some rule in them."""
        words = [rule.hit_condition.tags[0].value.partition("|")[0] for rule in rules[2::10]]
        return [self._delivery(words) for _ in range(count)]

    def _delivery(self, words: list[str]) -> Delivery:
        self._count += 1
        text = self._word(_LENGTH)
        if self._random.random() < HIT_SHARE:
            word = self._random.choice(words)
            text = text[:8] + word + text[8 + len(word) :]
        user = {"userId": f"u{self._count}", "name": "观众", "level": 3}
        content = msgspec.json.encode({"user": user, "content": text}).decode()
        at_ms = _START_MS + self._count
        body = msgspec.json.encode({"timestamp": at_ms, "type": 1, "content": content})
        return Delivery(self._count, at_ms, Lane.EVENTS, "bench", body)


def bench_rules(counts: Sequence[int], size: Size = Size()) -> dict[str, Any]:
    """Events per second by number of rules and of a plain loop, and what compiling took."""
    before_mb = _rss_mb()
    traffic = Traffic()
    rules = {count: traffic.rules(count) for count in counts}
    largest = rules[max(counts)]
    compile_s = _timed_compile(largest)
    pattern_of.cache_clear()
    kept: list[Program] = []
    with without_collector():
        stall_s = longest_stall_s(lambda: kept.append(compile_rules(largest)))
    programs = {count: compile_rules(some) for count, some in rules.items()}
    rss_mb = _rss_mb()
    naive = _Naive(traffic.rules(NAIVE_RULES))
    gc.collect()
    gc.freeze()
    try:
        measured = _rounds(traffic, rules, programs, naive, size)
    finally:
        gc.unfreeze()
    return {
        **measured,
        "compile_s": round(compile_s, 3),
        "stall_ms": round(stall_s * 1000, 1),
        "rss_mb": rss_mb,
        "rss_added_mb": round(rss_mb - before_mb, 1),
        **machine(),
    }


def _timed_compile(rules: Sequence[Rule]) -> float:
    pattern_of.cache_clear()
    start = time.perf_counter()
    compile_rules(rules)
    return time.perf_counter() - start


def _rounds(
    traffic: Traffic,
    rules: dict[int, list[Rule]],
    programs: dict[int, Program],
    naive: _Naive,
    size: Size,
) -> dict[str, Any]:
    rates: dict[int, list[float]] = {count: [] for count in rules}
    worst: dict[int, list[float]] = {count: [] for count in rules}
    hits: dict[int, list[int]] = {count: [] for count in rules}
    looped: list[float] = []
    states = {count: RoomState() for count in rules}
    for turn in range(size.warm_up + size.rounds):
        for count, some in rules.items():
            deliveries = traffic.deliveries(some, size.events)
            spent_s, hit = _decide_all(programs[count], states[count], deliveries)
            p99_us = _p99_us(programs[count], states[count], traffic.deliveries(some, size.events // 4))
            if turn >= size.warm_up:
                rates[count].append(len(deliveries) / spent_s)
                worst[count].append(p99_us)
                hits[count].append(hit)
        looped.append(naive.rate(traffic.deliveries(naive.rules, _NAIVE_EVENTS)))
    return {
        "events_per_s": {str(count): round(median(found)) for count, found in rates.items()},
        "naive_events_per_s": round(median(looped)),
        "naive_rules": NAIVE_RULES,
        "p99_us": {str(count): round(median(found), 1) for count, found in worst.items()},
        "hit_share": {str(count): round(median(found) / size.events, 3) for count, found in hits.items()},
    }


def _decide_all(program: Program, state: RoomState, deliveries: list[Delivery]) -> tuple[float, int]:
    """Seconds for all of them, and how many a rule used up."""
    hits = 0
    start = time.perf_counter()
    for delivery in deliveries:
        for event in read_events(delivery, program.by_type):
            if isinstance(event, LiveEvent):
                hits += handle(program, state, event).matched
    return time.perf_counter() - start, hits


def _p99_us(program: Program, state: RoomState, deliveries: list[Delivery]) -> float:
    spent = []
    for delivery in deliveries:
        start = time.perf_counter_ns()
        for event in read_events(delivery, program.by_type):
            if isinstance(event, LiveEvent):
                handle(program, state, event)
        spent.append(time.perf_counter_ns() - start)
    spent.sort()
    return spent[int(len(spent) * 0.99)] / 1000


class _Naive:
    """What everybody writes first: `re.search` of every rule in turn, until one hits."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._searches = [
            re.compile(python_dialect(rule.hit_condition.tags[0].value), re.ASCII).search for rule in rules
        ]

    def rate(self, deliveries: list[Delivery]) -> float:
        """Events per second, decoding included."""
        start = time.perf_counter()
        for delivery in deliveries:
            for event in read_events(delivery):
                if isinstance(event, LiveEvent):
                    text = event.content["content"]
                    any(search(text) for search in self._searches)
        return len(deliveries) / (time.perf_counter() - start)


def _rss_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
