"""Callbacks to the customer (S4 6.2.1, table 6-258): what to send is pure, sending it is not.

Signals of one job leave in order, over one of a few lanes, so that a dead receiver of one room does
not hold up all the others. A lane holds a bounded queue; the oldest is dropped and counted.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import msgspec

from livecue.sandbox import faults
from livecue.sandbox.faults import Strike
from livecue.sandbox.jobs import LiveJob, Signal
from livecue.sandbox.records import CallbackRecord
from livecue.sandbox.signing import callback_signature
from livecue.sandbox.state import State

LANES = 8
LANE_LENGTH = 2_000
TRIES = 3
BACKOFF_S = 0.2
TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Callback:
    """One POST to come: where, what, and how it is signed."""

    url: str
    auth_type: str
    key: str = field(repr=False)
    event_type: str
    message: Mapping[str, Any] = field(repr=False)

    def body(self) -> bytes:
        """`message` is JSON inside a JSON string, as documented."""
        message = msgspec.json.encode(self.message).decode()
        return msgspec.json.encode({"event_type": self.event_type, "message": message})

    def signed(self, now_s: float) -> tuple[str, dict[str, str]]:
        """URL and headers at `now_s`, Unix seconds. MEITUAN_DEFAULT is not published and goes unsigned."""
        headers = {"Content-Type": "application/json"}
        if self.auth_type not in {"MSS_A", "MSS_A_HEAD"}:
            return self.url, headers
        hw_time = f"{int(now_s):x}"
        secret = callback_signature(self.url, self.key, hw_time)
        if self.auth_type == "MSS_A_HEAD":
            return self.url, headers | {"x-hw-mss-secret": secret, "x-hw-mss-time": hw_time}
        joint = "&" if urlsplit(self.url).query else "?"
        return f"{self.url}{joint}{urlencode({'hwSecret': secret, 'hwTime': hw_time})}", headers


def callback_for(job: LiveJob, signal: Signal) -> Callback | None:
    """The callback that `signal` is worth, if the job subscribed to it; no list means all."""
    config = job.setting("live_event_callback_config") or {}
    wanted = config.get("callback_event_type")
    url = config.get("live_event_type_callback_url")
    if not url or (wanted and signal.event_type not in wanted):
        return None
    auth_type = config.get("auth_type") or "NONE"
    return Callback(url, auth_type, config.get("key") or "", signal.event_type, signal.message)


def _spoilt(callback: Callback, strike: Strike | None) -> list[tuple[float, Callback]]:
    """What goes out in place of `callback`, each with its delay in seconds."""
    if strike is None:
        return [(0.0, callback)]
    match strike.fault.effect:
        case faults.SLOW:
            return [(strike.latency_s, callback)]
        case faults.DUPLICATE:
            return [(0.0, callback)] * strike.fault.times
        case faults.FORGE:
            bare = urlunsplit(urlsplit(callback.url)._replace(query=""))
            url = bare if callback.auth_type == "NONE" else callback.url
            return [(0.0, replace(callback, url=url, key=f"not {callback.key}"[:32])), (0.0, callback)]
    return []


class Caller:
    """Posts callbacks, each with a few tries, and records how that went."""

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        self._state = state
        self._records = state.records
        self._clock = clock
        self._lanes: list[deque[Callback]] = [deque() for _ in range(LANES)]
        self._woken = [asyncio.Event() for _ in range(LANES)]

    def put(self, job: LiveJob, signal: Signal) -> None:
        """Queues the callback of `signal`; never waits."""
        callback = callback_for(job, signal)
        if callback is None:
            return
        strike = self._state.faults.strike(faults.CALLBACK, job.room_id, self._clock(), signal.event_type)
        for late_s, one in _spoilt(callback, strike):
            if late_s:
                asyncio.get_running_loop().call_later(late_s, self._queue, job.job_id, one)
            else:
                self._queue(job.job_id, one)
        if strike is not None and strike.fault.effect == faults.DROP:
            self._records.totals["callbacks_dropped"] += 1

    def _queue(self, job_id: str, callback: Callback) -> None:
        lane = zlib.crc32(job_id.encode()) % LANES
        if len(self._lanes[lane]) >= LANE_LENGTH:
            self._lanes[lane].popleft()
            self._records.totals["callbacks_dropped"] += 1
        self._lanes[lane].append(callback)
        self._woken[lane].set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Posts what is queued until the block ends; what is then left is dropped."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            tasks = [
                asyncio.create_task(self._drain(lane, client), name=f"sandbox-callbacks-{lane}")
                for lane in range(LANES)
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, lane: int, client: httpx.AsyncClient) -> None:
        while True:
            await self._woken[lane].wait()
            self._woken[lane].clear()
            while self._lanes[lane]:
                await self._deliver(self._lanes[lane].popleft(), client)

    async def _deliver(self, callback: Callback, client: httpx.AsyncClient) -> None:
        status, tries = 0, 0
        while tries < TRIES:
            tries += 1
            status = await self._post(callback, client)
            if 200 <= status < 300:
                break
            if tries < TRIES:
                await asyncio.sleep(BACKOFF_S * 2 ** (tries - 1))
        message = {name: value for name, value in callback.message.items() if name != "stream_key"}
        record = CallbackRecord(time.monotonic(), callback.url, callback.event_type, message, status, tries)
        self._records.callbacks.append(record)
        self._records.totals["callbacks" if record.delivered else "callbacks_failed"] += 1

    async def _post(self, callback: Callback, client: httpx.AsyncClient) -> int:
        try:
            url, headers = callback.signed(self._clock())
            async with asyncio.timeout(TIMEOUT_S):
                return (await client.post(url, content=callback.body(), headers=headers)).status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError):
            return 0
