"""The tenant's lease at work: everything between the bus and the cloud, made afresh with each taking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import structlog

from livecue.app.alerts import AlertBoard
from livecue.app.calendars import CalendarKeeper
from livecue.app.doors import Doors
from livecue.app.loops import Loops, cloud_client, make_loops
from livecue.app.metrics import PrometheusMeter
from livecue.app.reload import Rulebook
from livecue.app.works import StoppedError
from livecue.bus.channels import Channels
from livecue.bus.connection import Bus
from livecue.bus.orders import serve_orders
from livecue.domain import RoomKind
from livecue.outgoing import Http
from livecue.runtime.health import HealthBoard
from livecue.runtime.lease_ports import Holds
from livecue.runtime.ports import Now
from livecue.settings import Loaded

log = structlog.get_logger()

DRAIN_S: Final = 5.0
LOOPS_S: Final = 1.5  # for the loops to come to their end after the calls that were out
LIVES_S: Final = 20.0  # for jobs to be seen over, with --stop-lives-on-exit
_LAST_WORDS_S: Final = 0.2
_STOPS: Final = frozenset({"stop", "stop_chat"})


@dataclass(frozen=True)
class TenantParts:
    """What the daemon has anyway and the tenant's work needs."""

    loaded: Loaded
    bus: Bus
    channels: Channels
    http: Http
    book: Rulebook
    doors: Doors
    alerts: AlertBoard
    meter: PrometheusMeter
    health: HealthBoard
    now: Now


class TenantWork:
    """`Work` of the tenant's lease. `loops` are there once it is under way."""

    def __init__(
        self, parts: TenantParts, holds: Holds, holds_blindly: Holds, stale: Callable[[], None]
    ) -> None:
        """`holds_blindly`: also while nobody can say who has the lease: a job that has to be stopped costs
        more than one that is stopped by two. `stale()`: what was loaded from the bus is not right any more.
        """
        self._parts = parts
        self._holds = holds
        self._holds_blindly = holds_blindly
        self._stale = stale
        self._stop = asyncio.Event()
        self._stop_lives = False
        self.loops: Loops | None = None

    def stop(self) -> None:
        self._stop.set()

    def stop_lives(self) -> None:
        """With the stop that comes, stop what livecue started, too."""
        self._stop_lives = True

    def may(self, operation: str, method: str) -> bool:
        """Whether this request may go to the cloud at this very moment."""
        if method == "GET":
            return True
        return self._holds_blindly() if operation in _STOPS else self._holds()

    async def run(self) -> None:
        parts, settings = self._parts, self._parts.loaded.settings
        parts.health.report("cloud", "starting")
        async with AsyncExitStack() as stack:
            stack.callback(self._forget)
            client = await stack.enter_async_context(
                cloud_client(settings, parts.meter, parts.now, may=self.may)
            )
            calendars = CalendarKeeper(parts.loaded, parts.health, parts.now)
            if not await self._unless_stopped(calendars.begin()):
                return
            self.loops = loops = make_loops(
                settings,
                await calendars.plans(),
                parts.bus,
                parts.channels,
                client,
                parts.http,
                parts.book,
                parts.meter,
                parts.health,
                parts.now,
                parts.doors.cloud_rooms,
                parts.alerts,
                self._holds,
                self._stale,
            )
            loops.show(parts.meter.snapshot)
            answer = loops.supervisor.by_hand.answer
            await stack.enter_async_context(serve_orders(parts.bus.nc, answer, self._holds))
            await self._work(loops, calendars)

    def measure(self) -> None:
        """Show how far the links of chats are."""
        if self.loops is None:
            return
        for room in self._parts.loaded.settings.rooms:
            if room.kind is RoomKind.CHAT:
                job = self.loops.supervisor.job(room.key)
                self._parts.meter.chat_state(room.key, job.chat.state if job and job.chat else None)

    def _forget(self) -> None:
        """Nothing of all this is to be seen here any more: another replica has it, or none."""
        self.loops = None
        self._parts.alerts.hand_over()
        self._parts.meter.snapshot.forget()
        self._parts.meter.no_chats()
        for part in ("cloud", "calendars"):
            self._parts.health.forget(part)

    async def _work(self, loops: Loops, calendars: CalendarKeeper) -> None:
        async with asyncio.TaskGroup() as group:
            eternal = [
                group.create_task(self._eternal(work), name=name)
                for name, work in (
                    ("supervisor", loops.supervisor.run()),
                    ("sweep-jobs", loops.sweeper.run(self._stop)),
                    ("stop-by-timer", loops.stop_timers.run(self._stop)),
                    ("read-cues", loops.dispatcher.read()),
                    ("send-cues", loops.dispatcher.send()),
                    ("tend-airtime", loops.dispatcher.tend()),
                    ("read-reports", loops.reporter.read()),
                    ("send-reports", loops.reporter.send()),
                    ("read-asks", loops.asker.read()),
                    ("send-asks", loops.asker.send()),
                    ("keep-calendars", calendars.run(self._stop, loops.supervisor.replan)),
                    ("keep-setups", loops.setups.run(self._stop)),
                )
            ]
            try:
                await self._until_stopped(loops, eternal)
            except asyncio.CancelledError:
                # The lease is gone: what is out comes back to nobody. Told to stop, a loop that loses its
                # cancellation ends all the same.
                loops.supervisor.stop()
                await self._put_away(loops, _LAST_WORDS_S)
                raise

    async def _until_stopped(self, loops: Loops, eternal: list[asyncio.Task[None]]) -> None:
        await self._stop.wait()
        if self._stop_lives:
            await loops.supervisor.stop_lives(LIVES_S)
        loops.supervisor.stop()
        await self._put_away(loops, DRAIN_S)
        _, late = await asyncio.wait(eternal, timeout=LOOPS_S)
        for task in late:
            log.warning("stop-overdue", task=task.get_name())
            task.cancel()

    @staticmethod
    async def _put_away(loops: Loops, within_s: float) -> None:
        parts = (loops.dispatcher, loops.reporter, loops.asker)
        await asyncio.gather(*(part.stop(within_s) for part in parts))

    async def _eternal(self, work: Coroutine[Any, Any, None]) -> None:
        await work
        if not self._stop.is_set():
            raise StoppedError("a loop that never ends has ended")

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether `work` came to its end before the stop."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                return False
            await working
            return True
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
