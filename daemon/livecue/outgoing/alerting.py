"""Alerts to the operator's webhook, per Standard Webhooks 1.0.0: in order, each until it was taken."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
import structlog

from livecue.outgoing.http import Http
from livecue.outgoing.signing import webhook_headers
from livecue.runtime.ask_ports import AskError, Unanswered
from livecue.runtime.ports import Now

log = structlog.get_logger()

OPENED: Final = "livecue.alert.opened"
CLOSED: Final = "livecue.alert.closed"
KEEP_MS: Final = 3_600_000
_MOST = 1000
_LOOK_S = 0.2
_FIRST_S, _LONGEST_S = 2.0, 60.0


class _Waiting(NamedTuple):
    webhook_id: str
    at_ms: int
    body: bytes


class AlertHook:
    """A queue before one URL. What it did not take is tried again after 2 to 60 s, for an hour."""

    def __init__(
        self,
        http: Http,
        url: str,
        keys: Sequence[str],
        now: Now,
        *,
        timeout_s: float = 10.0,
        pause_s: Callable[[int], float] = lambda tries: min(_LONGEST_S, _FIRST_S * 2 ** min(tries, 8)),
    ) -> None:
        self._http = http
        self._url = url
        self._keys = keys
        self._now = now
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(_MOST)

    def put(self, kind: str, room: str, alert: str, text: str, job_id: str = "") -> None:
        """Queue it; with a thousand waiting the newest is lost."""
        at_ms = self._now()
        when = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        data = {"room": room, "kind": alert, "text": text, "job_id": job_id}
        body = msgspec.json.encode({"type": kind, "timestamp": when.replace("+00:00", "Z"), "data": data})
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(_Waiting(f"msg_{secrets.token_hex(12)}", at_ms, body))

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is queued until `stop` is set."""
        while not stop.is_set():
            if self._queue.empty():
                await _pause(stop, _LOOK_S)
            else:
                await self._deliver(self._queue.get_nowait(), stop)

    async def _deliver(self, waiting: _Waiting, stop: asyncio.Event) -> None:
        tries = 0
        while not stop.is_set() and self._now() - waiting.at_ms < KEEP_MS:
            headers = webhook_headers(self._keys, waiting.webhook_id, self._now() // 1000, waiting.body)
            headers["Content-Type"] = "application/json"
            try:
                await self._http.post(self._url, headers, waiting.body, self._timeout_s)
            except AskError as error:
                if tries == 0:
                    log.warning("alert-not-delivered", error=str(error))
                if error.why is Unanswered.GONE:
                    return
                await _pause(stop, self._pause_s(tries))
                tries += 1
            else:
                return


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
