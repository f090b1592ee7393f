"""What is left out when reports pile up, and what never is."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import MAX_REPORTED, ReportedEvent
from livecue.egress.sampling import Events, for_calls, for_space, sampled, thin

KINDS = st.sampled_from([1, 2, 3, 4, 5, 6, 99])
GROUPS = st.lists(st.lists(KINDS, max_size=30), max_size=8)


def numbered(groups: list[list[int]]) -> list[Events]:
    """Events whose timestamp is their place in the whole."""
    numbers = iter(range(1000))
    return [tuple(ReportedEvent(next(numbers), kind, "") for kind in group) for group in groups]


def flat(groups: list[Events]) -> list[ReportedEvent]:
    return [event for group in groups for event in group]


@given(GROUPS, st.data())
def test_thinning_keeps_as_many_as_it_is_told_and_all_that_is_neither_like_nor_enter(
    kinds: list[list[int]], data: st.DataObject
) -> None:
    groups = numbered(kinds)
    before = flat(groups)
    keep = data.draw(st.integers(0, sampled(before)))
    after = flat(thin(groups, keep))
    assert sampled(after) == keep
    assert [event for event in after if event.type not in {2, 3}] == [
        event for event in before if event.type not in {2, 3}
    ]


@given(GROUPS, st.data())
def test_thinning_keeps_the_order_and_each_event_in_its_group(
    kinds: list[list[int]], data: st.DataObject
) -> None:
    groups = numbered(kinds)
    thinned = thin(groups, data.draw(st.integers(0, sampled(flat(groups)))))
    for before, after in zip(groups, thinned, strict=True):
        assert [event for event in before if event in after] == list(after)
    assert thin(groups, sampled(flat(thinned))) == thinned  # the same every time


@given(st.integers(1, 200), st.data())
def test_what_stays_is_spread_evenly(many: int, data: st.DataObject) -> None:
    keep = data.draw(st.integers(1, many))
    [after] = thin(numbered([[3] * many]), keep)
    places = [-1, *(event.timestamp for event in after)]
    gaps = {later - earlier for earlier, later in pairwise(places)}
    assert gaps <= {many // keep, -(-many // keep)}
    assert places[-1] == many - 1


def test_likes_and_enters_that_take_turns_are_both_kept() -> None:
    [after] = thin(numbered([[2, 3] * 50]), 50)
    assert Counter(event.type for event in after) == {2: 25, 3: 25}


@given(st.integers(0, 9000), st.integers(0, 9000))
def test_likes_fill_up_the_calls_that_the_others_need_anyway_and_add_none(likes: int, others: int) -> None:
    keep = for_calls(likes, others)
    calls = max(1, -(-others // MAX_REPORTED))
    assert 0 <= keep <= likes
    assert others + keep <= calls * MAX_REPORTED  # fits
    assert keep == likes or others + keep == calls * MAX_REPORTED  # and leaves no room unused
    assert for_calls(keep, others) == keep  # once is enough


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 300))
def test_what_waits_fits_whenever_likes_and_enters_can_make_room(likes: int, others: int, most: int) -> None:
    keep = for_space(likes, others, most)
    assert 0 <= keep <= likes
    assert others + keep <= max(most, others)
    if likes > 1 and others < most:
        assert keep > 0


@pytest.mark.parametrize(
    ("likes", "others", "keep"), [(1, 999, 1), (2, 999, 1), (500, 1000, 0), (500, 1001, 500), (3000, 0, 1000)]
)
def test_examples(likes: int, others: int, keep: int) -> None:
    assert for_calls(likes, others) == keep
