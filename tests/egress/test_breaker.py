"""The breaker as a state machine: against any order of answers, and line by line."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from livecue.egress.breaker import Breaker, State

FAILURES, FLOOR, CEILING = 3, 1_000, 8_000


class Calls(RuleBasedStateMachine):
    """Calls go out whenever the breaker lets them, and end in any order, well or badly."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(FAILURES, FLOOR, CEILING)
        self.now = 0
        self.out: list[int] = []
        self.probes: list[int] = []
        self.failed_in_a_row = 0

    @rule(ms=st.integers(1, 20_000))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @precondition(lambda self: self.breaker.wait_ms(self.now) == 0)
    @rule()
    def a_call_goes(self) -> None:
        if self.breaker.state is not State.CLOSED:
            self.probes.append(self.now)
        self.breaker.take(self.now)
        self.out.append(self.now)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), well=st.booleans(), jitter=st.floats(0, 1))
    def a_call_ends(self, data: st.DataObject, *, well: bool, jitter: float) -> None:
        taken = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        if well:
            self.breaker.worked(taken, self.now)
        else:
            self.breaker.failed(taken, self.now, jitter)
        if taken in self.probes:
            self.probes.remove(taken)
            assert self.breaker.state is (State.CLOSED if well else State.OPEN)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def a_call_is_cancelled(self, data: st.DataObject) -> None:
        taken = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.breaker.ended(taken)
        if taken in self.probes:
            self.probes.remove(taken)
            assert self.breaker.state is State.OPEN

    @invariant()
    def at_most_one_probe_is_out(self) -> None:
        assert len(self.probes) <= 1
        assert (self.breaker.state is State.HALF_OPEN) == (len(self.probes) == 1)
        assert (self.breaker.wait_ms(self.now) is None) == (len(self.probes) == 1)

    @invariant()
    def it_never_waits_longer_than_its_ceiling_and_jitter(self) -> None:
        wait = self.breaker.wait_ms(self.now)
        assert wait is None or wait <= CEILING * 1.2

    def teardown(self) -> None:
        """Whatever came before: once the cloud works again, one probe closes it."""
        for taken in self.out:
            self.breaker.ended(taken)
        self.now += self.breaker.wait_ms(self.now) or 0
        assert self.breaker.wait_ms(self.now) == 0
        self.breaker.take(self.now)
        self.breaker.worked(self.now, self.now + 5)
        assert self.breaker.state is State.CLOSED
        assert self.breaker.wait_ms(self.now + 5) == 0


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def failing(breaker: Breaker, times: int, now: int = 0) -> None:
    for _ in range(times):
        breaker.take(now)
        breaker.failed(now, now)


def test_it_opens_with_the_last_of_its_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(FAILURES, FLOOR, CEILING)
    failing(breaker, FAILURES - 1)
    breaker.worked(0, 0)
    failing(breaker, FAILURES - 1)
    assert breaker.wait_ms(0) == 0
    failing(breaker, 1)
    assert (breaker.state, breaker.wait_ms(0)) == (State.OPEN, FLOOR)


def test_each_failed_probe_doubles_the_wait_up_to_the_ceiling_and_a_good_one_starts_afresh() -> None:
    breaker = Breaker(FAILURES, FLOOR, CEILING)
    failing(breaker, FAILURES)
    now, waits = 0, []
    for _ in range(40):
        waits.append(breaker.wait_ms(now) or 0)
        now += waits[-1]
        failing(breaker, 1, now)
    assert waits[:5] == [1_000, 2_000, 4_000, 8_000, 8_000]
    assert set(waits[4:]) == {CEILING}
    now += CEILING
    breaker.take(now)
    breaker.worked(now, now)
    failing(breaker, FAILURES, now)
    assert breaker.wait_ms(now) == FLOOR


def test_jitter_adds_up_to_a_fifth() -> None:
    breaker = Breaker(1, FLOOR, CEILING)
    breaker.take(0)
    breaker.failed(0, 0, jitter=1.0)
    assert breaker.wait_ms(0) == 1_200


def test_a_call_from_before_the_opening_changes_nothing() -> None:
    breaker = Breaker(FAILURES, FLOOR, CEILING)
    failing(breaker, FAILURES, now=100)
    breaker.worked(100, 200)
    assert breaker.state is State.OPEN
    breaker.failed(100, 900)
    assert breaker.wait_ms(1_100) == 0, "a late failure makes it no longer"


def test_calls_from_before_the_closing_do_not_open_it_again() -> None:
    breaker = Breaker(FAILURES, FLOOR, CEILING)
    failing(breaker, FAILURES, now=0)
    breaker.take(1_000)
    breaker.worked(1_000, 1_100)
    for _ in range(FAILURES):
        breaker.failed(0, 1_200)
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize(("failures", "floor", "ceiling"), [(0, 1, 1), (1, 0, 1), (1, 2, 1)])
def test_numbers_that_make_no_breaker_are_refused(failures: int, floor: int, ceiling: int) -> None:
    with pytest.raises(ValueError, match="a breaker needs"):
        Breaker(failures, floor, ceiling)
