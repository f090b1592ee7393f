"""Slots, breaker and pause together: what the callers of one operation see."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egress.network import saturate
from livecue.domain import Meaning
from livecue.egress.breaker import Breaker, State
from livecue.egress.gate import PAUSE_CEILING_MS, Gate
from livecue.egress.limiter import ENOUGH, WINDOW_MS, Slots
from runtime.making import refusal

SLOW = refusal(Meaning.SLOW_DOWN, status=429)
DOWN = refusal(Meaning.UNAVAILABLE, status=0)


def gate(limit: int = 4, *, failures: int = 2, jitter: float = 0.0) -> Gate:
    return Gate(Slots(limit), Breaker(failures), lambda: jitter)


@given(
    limit=st.integers(1, 5),
    delays=st.lists(st.tuples(st.integers(0, 800), st.integers(0, 800)), min_size=1, max_size=ENOUGH),
    failing=st.sets(st.integers(0, 60)),
    slow=st.sets(st.integers(0, 60)),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_answers_are_the_limit_holds_and_every_call_goes_at_last(
    limit: int, delays: list[tuple[int, int]], failing: set[int], slow: set[int]
) -> None:
    def error_of(at: int) -> BaseException | None:
        if at // 1000 in slow:
            return SLOW
        return DOWN if at // 1000 in failing else None

    run = saturate(gate(limit), limit, delays, error_of=error_of)
    assert len(run.arrivals) == len(delays)
    assert run.most_in_a_second <= limit


@pytest.mark.parametrize(
    ("told_s", "pause_ms"),
    [
        (None, 1_000),
        (0, 1_000),
        (-5, 1_000),
        (0.2, 1_000),
        (math.nan, 1_000),
        (3, 3_000),
        (2.5, 2_500),
        (60, 60_000),
        (1e308, 60_000),
        (math.inf, 60_000),
        (-math.inf, 1_000),
    ],
)
def test_after_a_429_nothing_goes_for_as_long_as_told_but_a_second_at_least_and_a_minute_at_most(
    told_s: float | None, pause_ms: int
) -> None:
    way_out = gate()
    way_out.give_back(way_out.take(0), 50, refusal(Meaning.SLOW_DOWN, status=429, retry_after_s=told_s))
    assert way_out.wait_ms(50) == pause_ms
    assert way_out.wait_ms(50 + pause_ms) == 0


def test_the_pause_has_jitter_of_its_own_and_keeps_its_ceiling() -> None:
    way_out = gate(jitter=1.0)
    way_out.give_back(way_out.take(0), 0, SLOW)
    assert way_out.wait_ms(0) == 1_300
    way_out.give_back(way_out.take(0), 0, refusal(Meaning.SLOW_DOWN, status=429, retry_after_s=60))
    assert way_out.wait_ms(0) == PAUSE_CEILING_MS


def test_a_429_holds_back_who_comes_while_other_calls_are_out() -> None:
    way_out = gate()
    first, second = way_out.take(0), way_out.take(0)
    way_out.give_back(first, 10, SLOW)
    way_out.give_back(second, 20)
    assert way_out.wait_ms(20) == 990


@pytest.mark.parametrize("meaning", [Meaning.UNAVAILABLE, Meaning.OUTCOME_UNKNOWN])
def test_no_usable_answer_counts_as_a_failure(meaning: Meaning) -> None:
    way_out = gate()
    for _ in range(2):
        assert not way_out.open
        way_out.give_back(way_out.take(0), 0, refusal(meaning, status=0))
    assert way_out.open
    assert way_out.wait_ms(0) == 1_000


@pytest.mark.parametrize("meaning", sorted(set(Meaning) - {Meaning.UNAVAILABLE, Meaning.OUTCOME_UNKNOWN}))
def test_an_answered_refusal_is_a_sign_of_life(meaning: Meaning) -> None:
    way_out = gate()
    way_out.give_back(way_out.take(0), 0, DOWN)
    way_out.give_back(way_out.take(0), 0, refusal(meaning))
    way_out.give_back(way_out.take(0), 0, DOWN)
    assert not way_out.open


def test_one_probe_goes_while_the_others_wait_for_it_even_with_slots_free() -> None:
    way_out = gate()
    for _ in range(2):
        way_out.give_back(way_out.take(0), 0, DOWN)
    assert way_out.wait_ms(1_000) == 0
    probe = way_out.take(1_000)
    assert (way_out.state, way_out.wait_ms(1_000)) == (State.HALF_OPEN, None)
    way_out.give_back(probe, 1_050)
    assert (way_out.open, way_out.wait_ms(1_050)) == (False, 0)


def test_the_longer_of_slot_and_breaker_counts() -> None:
    way_out = gate(limit=1, failures=1)
    way_out.give_back(way_out.take(0), 0, DOWN)
    assert way_out.wait_ms(0) == WINDOW_MS
    way_out.give_back(way_out.take(WINDOW_MS), WINDOW_MS, DOWN)
    assert way_out.wait_ms(WINDOW_MS) == 2_000


@pytest.mark.parametrize("end", [asyncio.CancelledError(), RuntimeError()])
def test_a_cancelled_call_gives_its_slot_back_and_lets_another_probe_go(end: BaseException) -> None:
    way_out = gate(limit=2, failures=1)
    way_out.give_back(way_out.take(0), 0, DOWN)
    way_out.give_back(way_out.take(1_500), 1_600, end)
    assert (way_out.open, way_out.wait_ms(1_600)) == (True, 0)
    way_out.take(1_600)
    assert way_out.wait_ms(1_600) is None


def test_a_call_that_was_never_sent_leaves_slot_and_probe_free() -> None:
    way_out = gate(limit=1, failures=1)
    way_out.give_back(way_out.take(0), 0, DOWN)
    way_out.unused(way_out.take(1_500))
    assert (way_out.open, way_out.wait_ms(1_500)) == (True, 0)


@pytest.mark.parametrize(
    ("end", "credit"),
    [(None, 0), (refusal(Meaning.INVALID), 0), (DOWN, 45), (asyncio.CancelledError(), 45)],
    ids=["answered", "refused", "no answer", "cancelled"],
)
def test_round_trips_are_learnt_from_answers_alone(end: BaseException | None, credit: int) -> None:
    slots = Slots(1)
    way_out, now = Gate(slots), 0
    for _ in range(ENOUGH):
        now += way_out.wait_ms(now) or 0
        way_out.give_back(way_out.take(now), now + 100)
        now += 100
    assert slots.credit_ms(now) == 45
    now += way_out.wait_ms(now) or 0
    way_out.give_back(way_out.take(now), now + 10, end)
    assert slots.credit_ms(now + 10) == credit


def test_without_a_breaker_a_call_may_always_be_tried() -> None:
    way_out = Gate(Slots(20))
    for _ in range(10):
        way_out.give_back(way_out.take(0), 0, DOWN)
    assert (way_out.open, way_out.state, way_out.wait_ms(0)) == (False, State.CLOSED, 0)
