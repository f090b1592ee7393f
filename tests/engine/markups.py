"""Well-formed SSML of every tag of S4 12.7, for properties."""

from __future__ import annotations

from html import escape

from hypothesis import strategies as st

_letters = st.characters(exclude_categories=("C", "Zl", "Zp"))
words = st.text(_letters, max_size=8)
_pauses = st.sampled_from(["1ms", "200ms", "1.5s", "60s", "soon"])


def _element(name: str, attributes: dict[str, str], inside: str) -> str:
    said = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{inside}</{name}>"


def _within(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    rates = st.sampled_from(["50", "100", "150", "200", "10", "9999", "75%", "fast"])
    kinds = st.sampled_from(["HAPPY", "SAD"])
    return st.one_of(
        st.builds("".join, st.lists(inside, max_size=3)),
        st.builds(lambda rate, text: _element("prosody", {"rate": rate}, text), rates, inside),
        st.builds(lambda kind, text: _element("emotion", {"type": kind}, text), kinds, inside),
        st.builds(lambda text: _element("say-as", {"interpret-as": "number"}, text), inside),
        st.builds(lambda text: _element("word", {}, text), inside),
    )


_leaves = st.one_of(
    words.map(escape),
    st.builds(lambda length: f"<break time='{length}'/>", _pauses),
    st.builds(lambda alias, text: _element("sub", {"alias": alias}, escape(text)), words, words),
    st.just('<break strength="strong"/>'),
    st.just('<insert-action id="1" name="挥手" tag="t"/>'),
    st.just("<phoneme ph='liao3'>了</phoneme>"),
)
inner = st.recursive(_leaves, _within, max_leaves=8)
markups = st.builds(
    lambda root, text: f"<{root}>{text}</{root}>", st.sampled_from(["speak", "speaK", "SPEAK"]), inner
)
