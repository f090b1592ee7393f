"""The limit against a server that counts, behind a network that delays as it likes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from egress.network import Delays, saturate
from livecue.egress.gate import Gate
from livecue.egress.limiter import ENOUGH, MEMORY_MS, MOST_CREDIT_MS, WINDOW_MS, Slots

LEARNT_MS = 60_000
wild = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=ENOUGH)


def constant(there: int, rest: int) -> Iterator[Delays]:
    while True:
        yield there, rest


def uniform(chance: random.Random, there: int, rest: int, noise: int) -> Iterator[Delays]:
    while True:
        yield there + chance.randint(0, noise), rest + chance.randint(0, noise)


def bimodal(chance: random.Random, there: int, rest: int, slow: int) -> Iterator[Delays]:
    """Now and then the server thinks for long, or the way there is jammed."""
    while True:
        match chance.randint(0, 9):
            case 0:
                yield there + slow, rest
            case 1:
                yield there, rest + slow
            case _:
                yield there, rest


def rerouted(chance: random.Random, there: int, rest: int, noise: int) -> Iterator[Delays]:
    """The route changes every few dozen calls, to the same length both ways; the server thinks as before."""
    while True:
        way = chance.randint(0, 400)
        for _ in range(chance.randint(1, 300)):
            yield way + there % 10, way + rest + chance.randint(0, noise)


def take(number: int, delays: Iterator[Delays]) -> list[Delays]:
    return [next(delays) for _ in range(number)]


def rounds(slots: Slots, number: int, trip_ms: int, now_ms: int = 0) -> int:
    """Make `number` calls one after the other; when the last slot came back."""
    for _ in range(number):
        now_ms += slots.wait_ms(now_ms) or 0
        slots.take()
        slots.give_back(now_ms + trip_ms, now_ms)
        now_ms += trip_ms
    return now_ms


@given(limit=st.integers(1, 5), delays=wild, idle=st.lists(st.integers(0, 1500), max_size=60))
@settings(max_examples=200, deadline=None)
def test_without_credit_no_network_whatever_puts_more_than_the_limit_into_a_second(
    limit: int, delays: list[Delays], idle: list[int]
) -> None:
    run = saturate(Gate(Slots(limit)), limit, delays, idle=iter(idle))
    assert run.most_in_a_second <= limit


@pytest.mark.parametrize("network", [uniform, bimodal, rerouted])
@given(
    limit=st.integers(1, 10),
    there=st.integers(0, 400),
    rest=st.integers(0, 400),
    spread=st.integers(0, 1500),
    seed=st.integers(0, 2**32),
)
@example(limit=4, there=400, rest=0, spread=0, seed=0)
@example(limit=4, there=0, rest=400, spread=0, seed=0)
@settings(max_examples=60, deadline=None)
def test_with_credit_no_second_of_the_server_holds_more_than_the_limit(
    network: Callable[[random.Random, int, int, int], Iterator[Delays]],
    limit: int,
    there: int,
    rest: int,
    spread: int,
    seed: int,
) -> None:
    delays = take(600, network(random.Random(seed), there, rest, spread))
    run = saturate(Gate(Slots(limit)), limit, delays)
    assert run.most_in_a_second <= limit


@given(before=st.integers(0, 400), rest=st.integers(0, 400), after=st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_a_shorter_way_there_is_no_harm_while_it_was_no_longer_than_the_rest(
    before: int, rest: int, after: int
) -> None:
    before = min(before, rest + 30)
    delays = take(400, constant(before, rest)) + take(100, constant(after, rest))
    assert saturate(Gate(Slots(4)), 4, delays).most_in_a_second <= 4


def test_what_remains_is_one_window_too_full_when_a_long_way_there_shrinks_at_once() -> None:
    """The residual risk of docs/decisions/0003, so that nobody takes it for a mistake found."""
    delays = take(400, constant(400, 0)) + take(400, constant(0, 0))
    run = saturate(Gate(Slots(4)), 4, delays)
    assert 4 < run.most_in_a_second <= 8
    shrunk_ms = run.arrivals[400]
    late = [at for at in run.arrivals if at >= shrunk_ms + 2 * WINDOW_MS]
    assert all(later - earlier >= 1000 for earlier, later in zip(late, late[4:], strict=False))


@pytest.mark.parametrize("trip_ms", [0, 20, 50, 100, 150, 180])
@pytest.mark.parametrize("there_part", [0.0, 0.5, 1.0])
def test_nine_tenths_of_the_limit_are_used_at_constant_latency(trip_ms: int, there_part: float) -> None:
    there = round(trip_ms * there_part)
    run = saturate(Gate(Slots(4)), 4, take(1200, constant(there, trip_ms - there)))
    assert run.used(LEARNT_MS) >= 0.9
    assert run.most_in_a_second <= 4


@pytest.mark.parametrize("limit", [3, 4, 20])
def test_nine_tenths_of_the_limit_are_used_at_uneven_latency(limit: int) -> None:
    chance = random.Random(7)
    run = saturate(Gate(Slots(limit)), limit, take(1200, uniform(chance, 0, 0, 60)))
    assert run.used(0) >= 0.9
    assert run.most_in_a_second <= limit


def test_a_free_tenant_sends_its_whole_limit_at_once_and_then_waits_for_an_answer() -> None:
    slots = Slots(2)
    for _ in range(2):
        assert slots.wait_ms(0) == 0
        slots.take()
    assert slots.wait_ms(0) is None
    slots.give_back(30)
    assert slots.wait_ms(30) == WINDOW_MS
    assert slots.wait_ms(30 + WINDOW_MS) == 0


def test_while_the_limit_is_used_up_calls_are_spread_over_the_second() -> None:
    slots, now, sent = Slots(4), 0, list[int]()
    answers: list[tuple[int, int]] = []
    while now < 20_000:
        for at, taken in [pair for pair in answers if pair[0] <= now]:
            slots.give_back(at, taken)
            answers.remove((at, taken))
        if slots.wait_ms(now) == 0:
            slots.take(now)
            sent.append(now)
            answers.append((now + 20, now))
        now += 5
    gaps = [later - one for one, later in pairwise(sent)]
    assert gaps[:3] == [5, 5, 5]  # all slots were free
    assert max(gaps[8:]) <= 400  # what is urgent never waits a second
    assert len(sent) >= 0.9 * 4 * 20


def test_a_new_life_takes_the_whole_limit_for_used_until_it_began() -> None:
    slots = Slots(2, used_ms=500)
    assert slots.wait_ms(500) == WINDOW_MS
    for _ in range(2):
        assert slots.wait_ms(500 + WINDOW_MS) == 0
        slots.take(500 + WINDOW_MS)


def test_a_tenant_whose_slots_are_all_free_again_sends_at_once_again() -> None:
    slots = Slots(2)
    for now in (0, 0):
        slots.take(now)
    assert slots.wait_ms(1) is None
    slots.give_back(10, 0)
    slots.give_back(10, 0)
    for now in (1_100, 1_100):
        assert slots.wait_ms(now) == 0
        slots.take(now)


def test_credit_comes_with_a_hundred_answers_and_is_half_of_the_shortest_less_the_margin() -> None:
    slots = Slots(1)
    now = rounds(slots, ENOUGH - 1, 100)
    assert slots.credit_ms(now) == 0
    now = rounds(slots, 1, 100, now)
    assert slots.credit_ms(now) == 45
    assert slots.wait_ms(now) == WINDOW_MS - 45


def test_credit_has_a_ceiling() -> None:
    slots = Slots(1)
    now = rounds(slots, ENOUGH, 5000)
    assert slots.credit_ms(now) == MOST_CREDIT_MS


def test_a_shorter_round_trip_takes_the_credit_back_also_from_slots_already_returned() -> None:
    slots = Slots(3)
    now = rounds(slots, ENOUGH, 200) + WINDOW_MS
    slots.take()
    slots.take()
    slots.give_back(now, now - 200)
    slots.take()
    assert slots.wait_ms(now) == WINDOW_MS - 95
    slots.give_back(now, now - 160)
    assert slots.wait_ms(now) == WINDOW_MS - 75


def test_no_slot_has_more_credit_than_its_own_round_trip_allows() -> None:
    slots = Slots(1)
    now = rounds(slots, ENOUGH, 200) + WINDOW_MS
    slots.take()
    slots.give_back(now, now - 150)
    later = now + 2 * MEMORY_MS
    assert slots.credit_ms(now) == 70
    assert slots.wait_ms(now) == WINDOW_MS - 70
    assert slots.wait_ms(later) == 0


def test_round_trips_are_forgotten_after_one_to_two_memories() -> None:
    slots = Slots(1)
    now = rounds(slots, ENOUGH, 100)
    assert slots.credit_ms(now + MEMORY_MS) == 45
    assert slots.credit_ms(2 * MEMORY_MS) == 0


def test_a_shortest_trip_that_is_a_rare_exception_gives_no_credit() -> None:
    slots = Slots(1)
    now = rounds(slots, 1, 100)
    now = rounds(slots, ENOUGH, 210, now)
    assert slots.credit_ms(now) == 0


def test_only_answers_teach() -> None:
    slots = Slots(1)
    now = rounds(slots, ENOUGH, 100) + WINDOW_MS
    slots.take()
    slots.give_back(now + 1, now, answered=False)
    assert slots.credit_ms(now) == 45
    assert slots.wait_ms(now + 1) == WINDOW_MS, "what was not answered has no credit"


def test_a_clock_that_steps_back_leaves_no_negative_round_trip() -> None:
    slots = Slots(1)
    slots.take()
    slots.give_back(1000, 5000)
    assert slots.wait_ms(1000) == WINDOW_MS


def test_a_pause_holds_back_also_a_free_slot_and_is_never_shortened() -> None:
    slots = Slots(3)
    slots.pause(500)
    slots.pause(200)
    assert slots.wait_ms(0) == 500
    assert slots.wait_ms(500) == 0


def test_after_a_pause_there_is_no_credit_until_all_before_it_is_forgotten() -> None:
    slots = Slots(1)
    now = rounds(slots, ENOUGH, 100)
    slots.pause(now + 1000)
    assert slots.credit_ms(now) == 0
    trusted = now + 1000 + 2 * MEMORY_MS
    soon = rounds(slots, ENOUGH, 100, trusted - MEMORY_MS)
    assert slots.credit_ms(soon) == 0
    assert slots.credit_ms(rounds(slots, ENOUGH, 100, trusted)) == 45


def test_a_slot_that_nothing_was_sent_in_is_free_at_once() -> None:
    slots = Slots(1)
    slots.take()
    assert slots.wait_ms(0) is None
    slots.return_unused()
    assert slots.wait_ms(0) == 0


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Slots(0)
