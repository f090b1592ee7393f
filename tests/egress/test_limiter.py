"""The limit against a server that counts, behind a network that delays as it likes."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecue.egress.limiter import Slots

delays = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=60)


@given(limit=st.integers(1, 5), delays=delays, idle=st.lists(st.integers(0, 1500), max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_sliding_second_of_the_server_holds_more_than_the_limit(
    limit: int, delays: list[tuple[int, int]], idle: list[int]
) -> None:
    slots = Slots(limit)
    now = 0
    answers: list[int] = []
    arrivals: list[int] = []
    for number, (there, back) in enumerate(delays):
        now += idle[number] if number < len(idle) else 0
        while True:
            while answers and answers[0] <= now:
                slots.give_back(heapq.heappop(answers))
            wait = slots.wait_ms(now)
            if wait == 0:
                break
            soonest = [now + wait] if wait is not None else []
            now = min(soonest + answers[:1])
        slots.take()
        arrivals.append(now + there)
        heapq.heappush(answers, now + there + back)
    arrivals.sort()
    assert all(later - earlier >= 1000 for earlier, later in zip(arrivals, arrivals[limit:], strict=False))


def test_a_free_tenant_sends_its_whole_limit_at_once_and_then_waits_for_an_answer() -> None:
    slots = Slots(2)
    for _ in range(2):
        assert slots.wait_ms(0) == 0
        slots.take()
    assert slots.wait_ms(0) is None
    slots.give_back(30)
    assert slots.wait_ms(30) == 1020
    assert slots.wait_ms(1050) == 0


def test_a_pause_holds_back_also_a_free_slot_and_is_never_shortened() -> None:
    slots = Slots(3)
    slots.pause(500)
    slots.pause(200)
    assert slots.wait_ms(0) == 500
    assert slots.wait_ms(500) == 0


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Slots(0)
