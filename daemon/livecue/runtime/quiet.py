"""Large, long-lived things made without the cyclic collector walking over them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Make something large that is to stay, such as a program of thousands of rules.

    A full collection over it would hold the interpreter, and with it every room, for a tenth of a
    second. What is there at the end is left out of collections for good; it still goes away by its
    references, so a program that is replaced is freed. May run in a thread.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
