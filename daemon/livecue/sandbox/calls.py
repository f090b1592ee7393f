"""What an operation is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livecue.sandbox.state import State


@dataclass(frozen=True)
class Call:
    """One authenticated call of an operation."""

    state: State
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    base_url: str
    # A lie on purpose: jobs that are over are shown as running.
    ends_hidden: bool = False


@dataclass(frozen=True)
class Reply:
    """What an operation answers; None is an empty body."""

    body: Mapping[str, Any] | None = None
    status: int = 200
    headers: Mapping[str, str] | None = None


Operation = Callable[[Call], Reply]
