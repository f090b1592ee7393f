"""All literals of one field in one automaton: a single pass over a text finds those that stand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ahocorasick_rs import AhoCorasick, Implementation

Row = Sequence[int]
Hit = tuple[int, int, int]

SURROGATES = re.compile("[\ud800-\udfff]+")
"""Halves of a character, which only broken JSON holds; the automaton cannot read them."""


class Automaton:
    """Gives the rows of the literals that stand in a text."""

    __slots__ = ("_rows", "scan")

    def __init__(self, rows: Mapping[str, Row]) -> None:
        """`rows`: by literal, which is neither empty nor holds a surrogate."""
        self._rows = [tuple(row) for row in rows.values()]
        one_by_one = (literal for literal in rows)  # lets other threads run in between
        self.scan = AhoCorasick(
            one_by_one, implementation=Implementation.ContiguousNFA, store_patterns=False
        ).find_matches_as_indexes
        """What stands where in a text, also overlapping if its second argument says so; most texts
        end here. Raises UnicodeEncodeError on surrogates.
        """

    def scan_pieces(self, text: str) -> list[Hit]:
        """The same for a text that holds surrogates."""
        return [hit for piece in SURROGATES.split(text) for hit in self.scan(piece, True)]

    def rows(self, found: list[Hit]) -> list[Row]:
        """The rows of every literal in `found`, each once."""
        if len(found) == 1:
            return [self._rows[found[0][0]]]
        return [self._rows[literal] for literal in {hit[0] for hit in found}]
