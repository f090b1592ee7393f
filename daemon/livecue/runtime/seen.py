"""Which ids a partition has had within the last hour, so that a repeated event is decided once. Pure.

Only 64 bits of each id are kept. A new id is taken for one of half a million remembered ones (the most
there can be) with a probability of 2**-45: at 5,000 events a second, one event in two hundred years.

Ids lie in numbered pages in the order they came. A page is stored with each commit that adds to it, and
never again once it is full: what a commit costs does not grow with what is remembered. Pages are stored
in a ring, page n in slot n mod `pages`. Several pages make a generation, which is forgotten as a whole.
Where one page ends and another begins follows from the messages alone, never from the rounds they were
taken in: so what was stored, read back, is what was remembered.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from livecue.runtime.ports import SeenPage

_WORD = 8
_FIRST_SLOTS = 64


class SeenLimits(NamedTuple):
    """`remember_ms`: for how long of the bus's time at least an id is known; up to `generation_ms` longer.

    At most `page_ids * pages` ids are kept; beyond it the oldest generation of at most
    `generation_pages` pages is forgotten early, and counted.
    """

    remember_ms: int = 3_600_000
    generation_ms: int = 600_000
    page_ids: int = 1_024
    generation_pages: int = 64
    pages: int = 512


DEFAULT_SEEN = SeenLimits()


class _Page(msgspec.Struct):
    """As it is stored. `oldest`: the first page still remembered; `at_ms`: when the page began;
    `ids`: eight bytes each.
    """

    page: int
    oldest: int
    at_ms: int
    ids: bytes
    v: int = 1


_page_decoder = msgspec.json.Decoder(_Page)


class _Table:
    """A set of 64-bit words other than 0, in 12 to 24 bytes each; Python's own takes about 90."""

    def __init__(self) -> None:
        self._words = array("Q", bytes(_FIRST_SLOTS * _WORD))
        self._mask = _FIRST_SLOTS - 1
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, word: int) -> bool:
        words, mask = self._words, self._mask
        place = word & mask
        while found := words[place]:
            if found == word:
                return True
            place = (place + 1) & mask
        return False

    def add(self, word: int) -> None:
        """Put in a word that is not there yet."""
        if 3 * (self._count + 1) > 2 * (self._mask + 1):
            self._grow()
        self._put(word)
        self._count += 1

    def _put(self, word: int) -> None:
        words, mask = self._words, self._mask
        place = word & mask
        while words[place]:
            place = (place + 1) & mask
        words[place] = word

    def _grow(self) -> None:
        old, size = self._words, 2 * (self._mask + 1)
        self._words, self._mask = array("Q", bytes(size * _WORD)), size - 1
        for word in old:
            if word:
                self._put(word)


class _Generation:
    """Pages from `first` on that began in the same stretch of time, number `stretch`."""

    def __init__(self, stretch: int, first: int) -> None:
        self.stretch = stretch
        self.first = first
        self.pages = 0
        self.table = _Table()


def id_word(kind: str, room: str, given: str) -> int:
    """The 64 bits that are remembered of an id that counts within its room and kind."""
    whole = f"{kind}\0{room}\0{given}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(whole, digest_size=_WORD).digest(), "little") or 1


class Seen:
    """The memory of one partition. One owner at a time; made anew from what is stored after any failure."""

    def __init__(self, stored: Iterable[bytes] = (), limits: SeenLimits = DEFAULT_SEEN) -> None:
        """`stored`: the pages as commits wrote them, in any order; what is no page is passed over."""
        self._limits = limits
        self._generations: deque[_Generation] = deque()
        self._page = -1
        self._page_at_ms = 0
        self._ids = array("Q")
        self._now_ms = 0
        self._changed: dict[int, SeenPage] = {}
        self._dirty = False
        self.added = 0
        self._evicted = 0
        self._load(stored)

    def __len__(self) -> int:
        return sum(len(generation.table) for generation in self._generations)

    def first_time(self, word: int, at_ms: int) -> bool:
        """Whether this is new at the bus's time `at_ms`; it is remembered."""
        self._now_ms = max(self._now_ms, at_ms)  # a clock that was set back makes nothing younger
        self._forget()
        for generation in reversed(self._generations):
            if word in generation.table:
                return False
        self._remember(word)
        return True

    def changed(self) -> list[SeenPage]:
        """What has to be stored with the next commit; afterwards nothing has."""
        if self._dirty:
            self._close_page()
        pages, self._changed = list(self._changed.values()), {}
        self.added = 0
        return pages

    def take_evicted(self) -> int:
        """How many ids were forgotten early since this was last asked."""
        evicted, self._evicted = self._evicted, 0
        return evicted

    def _remember(self, word: int) -> None:
        limits, stretch = self._limits, self._now_ms // self._limits.generation_ms
        last = self._generations[-1] if self._generations else None
        full = len(self._ids) >= limits.page_ids
        if last is None or last.stretch != stretch or full:
            if self._dirty:
                self._close_page()
            self._begin_page(self._page + 1, self._now_ms)
        self._generations[-1].table.add(word)
        self._ids.append(word)
        self._dirty = True
        self.added += 1

    def _begin_page(self, number: int, at_ms: int) -> None:
        limits, stretch = self._limits, at_ms // self._limits.generation_ms
        last = self._generations[-1] if self._generations else None
        if last is None or last.stretch != stretch or last.pages >= limits.generation_pages:
            last = _Generation(stretch, number)
            self._generations.append(last)
        last.pages += 1
        self._page, self._page_at_ms, self._ids = number, at_ms, array("Q")
        while number - self._generations[0].first >= limits.pages:  # its slots are written over from here on
            self._evicted += len(self._generations.popleft().table)

    def _forget(self) -> None:
        limits = self._limits
        while self._generations:
            over_ms = (self._generations[0].stretch + 1) * limits.generation_ms + limits.remember_ms
            if over_ms > self._now_ms:
                return
            self._generations.popleft()
            self._dirty = self._page >= 0  # so that it stays forgotten

    def _close_page(self) -> None:
        """Make the message of the page as it is now."""
        oldest = self._generations[0].first if self._generations else self._page + 1
        page = _Page(self._page, oldest, self._page_at_ms, self._ids.tobytes())
        slot = self._page % self._limits.pages
        self._changed[slot] = SeenPage(slot, msgspec.json.encode(page))
        self._dirty = False

    def _load(self, stored: Iterable[bytes]) -> None:
        pages: list[_Page] = []
        for body in stored:
            try:
                page = _page_decoder.decode(body)
            except msgspec.MsgspecError:
                continue
            if len(page.ids) % _WORD == 0:
                pages.append(page)
        if not pages:
            return
        pages.sort(key=lambda page: page.page)
        last = pages[-1]
        for page in pages:
            if page.page >= last.oldest:
                self._begin_page(page.page, page.at_ms)
                self._ids.frombytes(page.ids)
                for word in self._ids:
                    self._generations[-1].table.add(word)
        self._now_ms, self._page = last.at_ms, last.page
        if last.oldest > last.page:  # all was forgotten; the next page is another one
            self._ids = array("Q")
