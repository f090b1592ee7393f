from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given, settings

from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.java import translate
from livecue.engine.matcher.pattern import Pattern

from .patterns import PATTERNS, TEXTS


@pytest.mark.parametrize(
    ("pattern", "texts", "exact"),
    [
        ("价格|多少钱", {"价格", "多少钱"}, True),
        ("价|价格", {"价"}, True),
        ("(?:多少|几)(?:钱|块)", {"多少钱", "多少块", "几钱", "几块"}, True),
        ("[价多]少", {"价少", "多少"}, True),
        ("价格?表", {"价表", "价格表"}, True),
        (".*价格.*", {"价格"}, True),
        ("(?i)ok", {"ok", "oK", "Ok", "OK"}, True),
        ("价格+", {"价格"}, True),
        ("^价格", {"价格"}, False),
        ("价格$", {"价格"}, False),
        (r"多少\d+[件个]", None, False),
        ("多少.{0,6}钱包", {"多少", "钱包"}, False),
        ("(?<=原)价格(?!表)", {"价格"}, False),
        ("(?>价|价格)表", {"价表", "价格表"}, False),
        (r"(价)\1", {"价"}, False),
        ("(?i)supercalifragilistic", None, False),
        (r"\d{6,}", None, False),
        ("价格|.", set(), False),
        (r"\w+", set(), False),
        ("价*", set(), False),
        ("", set(), False),
        ("价格|", set(), False),
    ],
)
def test_one_of_these_texts_has_to_stand_in_the_message(
    pattern: str,
    texts: set[str] | None,
    exact: bool,  # noqa: FBT001
) -> None:
    required = Pattern(pattern).required
    assert required.exact is exact
    if texts is None:
        assert required.texts
    elif len(texts) == 2 and not exact and "." in pattern:
        assert set(required.texts) < texts
    else:
        assert set(required.texts) == texts


@settings(max_examples=600, deadline=None)
@given(source=PATTERNS, text=TEXTS)
@example(source="(?:a|ab)(?:c|bcd)?$", text="abcd")
def test_literals_are_sound_and_exact_ones_decide(source: str, text: str) -> None:
    try:
        pattern = Pattern(source)
        search = re.compile(translate(source), re.ASCII).search
    except (PatternError, re.error):
        assume(False)
    hit = search(text) is not None
    stands = any(literal in text for literal in pattern.required.texts)
    if hit and pattern.required.texts:
        assert stands
    if pattern.required.exact:
        assert hit == stands
    assert "" not in pattern.required.texts


def test_a_parser_that_python_does_not_have_any_more_costs_speed_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(re, "_parser")
    pattern = Pattern("价格.{0,3}(多少)")
    assert pattern.required == ((), False)
    assert not pattern.simple
    assert pattern.found("价格是多少")
    with pytest.raises(PatternError):
        Pattern("价格(")
