"""`java17.json` holds what Java 17's Matcher.find answered; the translation has to answer the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import regex

from livecue.engine.matcher.errors import PatternError
from livecue.engine.matcher.java import translate
from livecue.engine.matcher.pattern import Pattern

ROWS: list[tuple[str, Any]] = json.loads((Path(__file__).parent / "java17.json").read_text("utf-8"))
KNOWN = {
    "a{2}{2}": "multiple repeat",
    "^*": "nothing to repeat",
    r"\X": r"the escape \X is not supported",
    r"\G": r"the escape \G is not supported",
    r"\Ga": r"the escape \G is not supported",
    r"\1(a)": "there is no such group before it",
    r"(a)\2": "there is no such group before it",
    "[a&&]": "a character class with nothing in it",
    "[&&a]": "a character class with nothing in it",
    "(?x)a b": "the flag x is not supported",
    "(?u)a": "the flag u is not supported",
    "(?U)\\w": "the flag U is not supported",
    "(?d)a$": "the flag d is not supported",
    r"(?i)\p{Upper}": "under \\(\\?i\\) is not supported",
    r"\p{javaLowerCase}": r"write \\p\{L\}",
    r"\p{IsHex_Digit}": "not a known property",
    r"\p{IsJoin_Control}": "not a known property",
    r"\p{IsAlpha}": "not a known property",
}
"""What Java takes and livecue refuses."""
BEHIND = {"(?<=a{1,3})b", "(?<=a|bb)c", "(?<=a*)b", "(?<=a+)b"}  # for `regex` alone
ODD = {r"\R{2}", "a(?i)*"}  # Java forgets to go back within \R{2}, and will not repeat across a flag


def answers() -> list[tuple[str, Any]]:
    return [(pattern, said) for pattern, said in ROWS if pattern not in KNOWN and pattern not in ODD]


def test_every_pattern_finds_what_java_finds() -> None:
    wrong = []
    for pattern, said in answers():
        if said == "refused":
            continue
        search = Pattern(pattern).found
        wrong += [(pattern, text, "missed") for text in said["finds"] if not search(text)]
        wrong += [(pattern, text, "found") for text in said["misses"] if search(text)]
    assert wrong == []


def test_re_and_regex_read_a_translation_the_same_way() -> None:
    for pattern, said in answers():
        if said == "refused" or pattern in BEHIND:
            continue
        python = translate(pattern)
        one = re.compile(python, re.ASCII)
        other = regex.compile(python, regex.ASCII | regex.VERSION0)
        for text in said["finds"] + said["misses"]:
            assert (one.search(text) is None) == (other.search(text) is None), (pattern, text)


@pytest.mark.parametrize("pattern", [pattern for pattern, said in answers() if said == "refused"])
def test_what_java_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", KNOWN)
def test_what_cannot_be_said_in_python_is_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(PatternError, match=KNOWN[pattern].replace("\\X", "\\\\X").replace("\\G", "\\\\G")):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("价{,3}", r"`{` is no quantifier here, at position 1; write \{ for the brace, {0,n} for {,n}"),
        ("[[:alpha", "the pattern ends too early, at position 7; close what is open"),
        (r"\y", r"the escape \y is not supported, at position 1; write the character itself"),
        ("(?P<n>a)", "no group of Java's begins so, at position 1; write (?:…), (?=…), (?<name>…) or (?i)"),
        (r"\p{Chinese}", r"\p{Chinese} is not supported; write \p{L}, \p{N}, \p{P} or \p{IsHan}"),
        ("价格(多少", "missing ), unterminated subpattern at position 2"),
        ("(" * 60 + "a" + ")" * 60, "more than 40 groups within each other; write it flatter"),
        ("价\\", "a lone backslash at the end, at position 1; write \\\\ for the backslash"),
    ],
)
def test_a_refusal_says_where_and_what_to_write_instead(pattern: str, said: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern(pattern)
    assert str(caught.value) == said


def test_words_joined_by_bars_are_left_alone() -> None:
    assert translate("价格|多少 钱|3-5天|#1") == "价格|多少 钱|3-5天|#1"


def test_a_word_boundary_beside_chinese_is_where_java_17_sees_it() -> None:
    assert Pattern(r"\b价\b").found(" 价 ")
    assert not Pattern(r"\b价\b").found("价格")
