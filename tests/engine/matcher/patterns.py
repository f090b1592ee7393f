"""Patterns and texts that collide often, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

_ATOMS = st.sampled_from(
    [
        *(
            "a",
            "b",
            "价",
            "格",
            "钱",
            "A",
            ".",
            r"\d",
            r"\w",
            r"\s",
            "[ab价]",
            "[^a]",
            "[a-c]",
            "价格",
            "多少",
        ),
        *(
            "^",
            "$",
            r"\b",
            r"\B",
            "(?=价)",
            "(?!b)",
            "(?<=a)",
            "(?<!价)",
            r"\.",
            r"\Qa.\E",
            r"[\p{IsHan}&&[^价]]",
        ),
        *("(?i:ab)", "(?>a|ab)", r"\h", r"\R", "1"),
    ]
)
_COUNTS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,3}", "*?", "+?", "?+", "*+"])


def _extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.tuples(st.sampled_from(["(", "(?:"]), inner, st.just(")"), _COUNTS).map("".join)
    return (
        st.lists(inner | group, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map("|".join)
        | group
    )


PATTERNS = st.recursive(st.tuples(_ATOMS, _COUNTS).map("".join), _extended, max_leaves=6)
TEXTS = st.text(st.sampled_from("aabbAB价格钱多少 1.\n\r\u2028\ud800😀"), max_size=12)
