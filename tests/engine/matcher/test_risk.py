from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.pattern import LIMIT_S, Pattern
from livecue.engine.matcher.risk import LONGEST

from .patterns import PATTERNS


@pytest.mark.parametrize(
    "pattern",
    [
        *("价格|多少钱", "多少.{0,6}钱", r"多少\d+[件个]", "(哈哈)+", "^价格$", "价格(?!表)", r"1[3-9]\d{9}"),
        *("(?i)ok", ".*价格", "价格.*", "(我|要|买)*", r"\bprice\b", r"^\p{IsHan}+$", "(?<=原)价"),
    ],
)
def test_ordinary_patterns_are_proven_simple(pattern: str) -> None:
    assert Pattern(pattern).simple


@pytest.mark.parametrize(
    "pattern",
    [
        *("(价|价)*$", "(a+)+$", "(价+)+格", "(a|a)*b", r"(\w+\s?)*价$", "(.|a)*b", "(a|aa)+$", "(a*)*b"),
        *(".*a.*b.*c", r"(a)\1", "(?<=a{1,3})b", "(?:a?){30}a{30}", "x(?=(a+)+$)"),
    ],
)
def test_what_is_not_proven_runs_under_the_time_limit(pattern: str) -> None:
    assert not Pattern(pattern).simple


@pytest.mark.parametrize("pattern", ["(价|价)*$", "(a|a)*$"])
def test_a_pattern_that_would_take_seconds_is_given_up_after_the_limit(pattern: str) -> None:
    text = ("价" if "价" in pattern[:3] else "a") * 60 + "!"
    search = Pattern(pattern).found
    start = time.perf_counter()
    with pytest.raises(TimeoutError):
        search(text)
    assert time.perf_counter() - start < LIMIT_S * 50


def test_a_long_text_is_searched_under_the_limit_whatever_the_pattern() -> None:
    pattern = Pattern("哈+[格价]")
    assert pattern.simple
    assert pattern.quick("哈" * LONGEST)
    assert not pattern.quick("哈" * (LONGEST + 1))
    with pytest.raises(TimeoutError):
        pattern.found("哈" * 50_000)


@settings(max_examples=120, deadline=None)
@given(source=PATTERNS, unit=st.sampled_from(["a", "价", "ab", "a价", "1", " ", "aA"]))
def test_a_simple_pattern_is_soon_over_on_any_text_it_is_given(source: str, unit: str) -> None:
    try:
        pattern = Pattern(source)
        pattern.found("")
    except (PatternError, re.error):
        assume(False)
    assume(pattern.simple)
    text = (unit * LONGEST)[: LONGEST - 1] + "!"
    start = time.process_time()
    pattern.found(text)
    assert time.process_time() - start < 0.25
