"""How late the loop is, and when that is too late."""

from __future__ import annotations

import pytest

from livecue.runtime.pulse import EVERY_S, LIMIT_S, WINDOW_S, Pulse


def _beat_in_time(pulse: Pulse, from_s: float, until_s: float) -> Pulse:
    for n in range(int((until_s - from_s) / EVERY_S) + 1):
        pulse.beat(from_s + n * EVERY_S)
    return pulse


def _beating(until_s: float) -> Pulse:
    return _beat_in_time(Pulse(0), 0, until_s)


def test_a_loop_in_time_has_no_lag() -> None:
    assert _beating(100).lag_s(100 + EVERY_S / 2) == 0
    assert not _beating(100).problem(100 + EVERY_S / 2)


def test_a_late_wake_up_counts_for_a_while_and_so_does_a_smaller_one_after_it() -> None:
    pulse = _beating(10)
    pulse.beat(13.25)  # 3 s late
    pulse.beat(14.5)  # 1 s late
    _beat_in_time(pulse, 14.75, 13.25 + WINDOW_S)
    assert pulse.lag_s(13.25 + WINDOW_S) == 3
    _beat_in_time(pulse, 13.5 + WINDOW_S, 14.5 + WINDOW_S)
    assert pulse.lag_s(14.5 + WINDOW_S) == 1
    pulse.beat(14.75 + WINDOW_S)
    assert pulse.lag_s(14.75 + WINDOW_S) == 0


@pytest.mark.parametrize(("late_s", "dead"), [(LIMIT_S - 0.1, False), (LIMIT_S + 0.1, True)])
def test_only_a_loop_later_than_the_limit_is_a_problem(late_s: float, *, dead: bool) -> None:
    pulse = _beating(10)
    pulse.beat(10 + EVERY_S + late_s)
    assert bool(pulse.problem(10 + EVERY_S + late_s)) is dead


def test_a_heartbeat_that_stopped_is_a_problem_of_its_own() -> None:
    pulse = _beating(10)
    assert not pulse.problem(10 + LIMIT_S)
    assert pulse.problem(10 + EVERY_S + LIMIT_S + 0.1) == "the event loop's heartbeat is 5.1 s overdue"
