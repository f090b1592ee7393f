"""The ports of asking somebody outside: `bus` and `outgoing` stand behind them.

An ask lies in the outbox, `live.asks.<room>`, stored in the same step as the state it was decided
from. It is owed until the audit has its outcome, or until `LASTS_MS` after its event.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from livecue.domain import Ask, AskKind

LASTS_MS: Mapping[AskKind, int] = MappingProxyType({AskKind.CHAT: 30_000, AskKind.CALLBACK: 600_000})
"""How long the outbox keeps an ask. Chat's is within the bus's dedup window of 120 s: see `asker`."""

AUDIT_PREFIX = "ask:"
"""What stands before an ask's id in the audit, so that it is nobody else's claim."""


class Unanswered(StrEnum):
    """Why nothing came of asking somebody outside; label of the metrics and `code` of the audit."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BUSY = "busy"  # 429 or 503
    GONE = "gone"  # 410: the URL wants no more
    REFUSED = "refused"  # any other status that is not 2xx
    UNREADABLE = "unreadable"  # the answer is not what was agreed on, or too large
    DECLINED = "declined"  # the model refused to answer
    EMPTY = "empty"
    BANNED = "banned"  # the answer holds a word the room has banned
    NOT_SET_UP = "not_set_up"  # the room has no such endpoint or secret
    CROWDED = "crowded"  # too many are waiting already
    LATE = "late"
    INTERRUPTED = "interrupted"  # asked by an earlier life of ours that did not hear the answer


class AskError(Exception):
    """Somebody outside was asked and gave no usable answer; `why` is from a closed list.

    Remedy: by `why`: look at the endpoint's own log, its URL and its key in `asks`. The text never
    holds a key or a URL's query.
    """

    def __init__(self, why: Unanswered, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{why}: {detail}" if detail else str(why))
        self.why = why
        self.detail = detail
        self.retry_after_s = retry_after_s


class AskLog(Protocol):
    """The asks decided, from a little before now on, in order, without end."""

    async def take(self, wait_s: float) -> list[Ask]: ...

    async def close(self) -> None: ...


class AskHistory(Protocol):
    """What the audit already knows, read once when the asker starts."""

    async def ended(self) -> set[tuple[str, str]]:
        """(room, ask id) of every ask that came to its end since the start of the ask log."""


class Outside(Protocol):
    """Somebody who is asked: the shop's webhook, or a chat endpoint."""

    async def ask(self, ask: Ask, within_s: float) -> str:
        """One attempt, over within `within_s`: the text to speak, empty if there is none.

        Raises:
            AskError: nothing usable came back.
        """
