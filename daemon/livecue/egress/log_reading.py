"""The senders' way in: what is known of an earlier life first, then the log of what was decided, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

import structlog

from livecue.domain import Cue, Report
from livecue.egress.history import Standing, standings
from livecue.runtime.ports import BusError
from livecue.runtime.sender_ports import History

log = structlog.get_logger()

_TAKE_WAIT_S = 1.0
_IDLE_S = 0.25
_HISTORY_PAUSE_S = 1.0

T = TypeVar("T", Cue, Report)


class Log(Protocol[T]):
    """`CueLog` or `ReportLog`."""

    async def take(self, wait_s: float) -> list[T]: ...


async def read_log(
    decided: Log[T],
    history: History,
    arrive: Callable[[T, Standing | None], None],
    woken: asyncio.Event,
    stopped: Callable[[], bool],
) -> None:
    """Hand each cue or report to `arrive`, with how it stands from an earlier life, until `stopped`."""
    known = await _what_is_known(history, stopped)
    while not stopped():
        try:
            arrived = await decided.take(_TAKE_WAIT_S)
        except BusError as error:
            log.warning("outbox-unreadable", error=str(error))
            await asyncio.sleep(_IDLE_S)
            continue
        for one in arrived:
            arrive(one, known.pop((one.room, one.id), None))
        if arrived:
            woken.set()


async def _what_is_known(history: History, stopped: Callable[[], bool]) -> dict[tuple[str, str], Standing]:
    """Nothing is sent before it is known what an earlier life has sent."""
    while not stopped():
        try:
            return standings(await history.lines())
        except BusError as error:
            log.warning("audit-unreadable", error=str(error))
            await asyncio.sleep(_HISTORY_PAUSE_S)
    return {}
