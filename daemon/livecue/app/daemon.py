"""The composition root: every part is made here, handed what it needs, started and stopped in order.

Start: HTTP (so that `/livez` and `/readyz` answer) -> embedded server -> bus -> leases -> the work behind them.
Stop: intake and calls that are out, with a deadline -> leases -> bus -> embedded server -> HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import structlog

from livecue.app import rooms as from_settings
from livecue.app.alerts import AlertBoard
from livecue.app.doors import Doors
from livecue.app.identity import Identity
from livecue.app.metrics import PrometheusMeter
from livecue.app.redact import Redactor
from livecue.app.reload import Reloader, Rulebook
from livecue.app.replica import Replica
from livecue.app.tenant import LOOPS_S, TenantParts
from livecue.app.web import Server, keep_beating, listen, probes, web_server
from livecue.app.works import StoppedError
from livecue.bus.channels import Channels
from livecue.bus.connection import Bus, BusOptions
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.readers import NatsAuditLog
from livecue.domain import Job, Signal
from livecue.outgoing import Http
from livecue.packs import LoadedRules
from livecue.runtime.health import HealthBoard
from livecue.runtime.ports import BusError
from livecue.runtime.pulse import Pulse
from livecue.runtime.ticker import Ticker
from livecue.settings import Loaded, Settings

log = structlog.get_logger()

_LAG_EVERY_S = 2.0
_TEND_EVERY_S = 3.0


def now_ms() -> int:
    """Wall clock in ms since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class Daemon:
    """One livecue process. `run` returns after `stop` was called and everything is put away."""

    def __init__(
        self,
        loaded: Loaded,
        rules: Mapping[str, LoadedRules],
        redactor: Redactor,
        *,
        meter: PrometheusMeter | None = None,
        now: Callable[[], int] = now_ms,
        stop_lives: bool = False,
    ) -> None:
        """`stop_lives`: at the end, stop what livecue started; else it goes on for the next daemon."""
        self._loaded = loaded
        self._settings: Settings = loaded.settings
        self._redactor = redactor
        self._now = now
        self._stop = asyncio.Event()
        self.ready = asyncio.Event()
        self.meter = meter or PrometheusMeter()
        self.health = HealthBoard("bus", "inbox", "cloud")
        self._stop_lives = stop_lives
        self._alerts = AlertBoard(self.meter, self.health)
        self.port = 0
        self._bus: Bus | None = None
        self._replica: Replica | None = None
        self.channels = Channels(redactor.bytes)
        self._rulebook = Rulebook(from_settings.desk_rules(self._settings, rules))
        self.meter.know(self._rulebook, self._rulebook.rules)
        self._reloader = Reloader(loaded, self._rulebook, self.meter, self.health)
        self._doors = Doors(loaded, redactor, self.meter, self._now)

    def stop(self) -> None:
        """Begin to stop; may be called from a signal handler and more than once."""
        self._stop.set()

    def reload_rules(self) -> None:
        """Load the rule packs again; may be called from a signal handler and more than once."""
        self._reloader.ask()

    def job(self, room: str) -> Job | None:
        """The room's live job as last seen."""
        return self._replica.job(room) if self._replica else None

    def _shown(self) -> Mapping[str, Any]:
        return self._replica.shown() if self._replica else {"replica": "", "leases": []}

    def audit_log(self) -> NatsAuditLog:
        """The audit from now on; only once `ready` is set."""
        if self._bus is None:
            raise BusError("the bus is not connected yet")
        return NatsAuditLog(self._bus.nc, self._now())

    async def run(self) -> None:
        """Run until `stop`.

        Raises:
            ListenError, EmbeddedServerError: at the start; nothing is left behind.
        """
        async with AsyncExitStack() as stack:
            await self._start_web(stack)
            bus = await self._start_bus(stack)
            if bus is None:
                return
            await self._serve(bus, stack)
        log.info("stopped")

    async def _start_web(self, stack: AsyncExitStack) -> None:
        http = self._settings.http
        pulse = Pulse(time.monotonic())
        beating = asyncio.create_task(keep_beating(pulse), name="heartbeat")
        stack.callback(beating.cancel)
        routes = probes(self.health, self.meter, pulse, self._shown) + self._doors.routes(self.channels)
        server = web_server(routes, http.forwarded_allow_ips)
        sock = listen(http.host, http.port)
        self.port = sock.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[sock]), name="http")

        async def close() -> None:
            server.should_exit = True
            await task

        stack.push_async_callback(close)
        log.info("listening", url=f"http://{http.host}:{self.port}")

    async def _start_bus(self, stack: AsyncExitStack) -> Bus | None:
        """The connected bus; None when the daemon was stopped before it came up."""
        nats = self._settings.nats
        options = from_settings.bus_options(self._loaded)
        if nats.embedded:
            server = EmbeddedServer(
                self._loaded.path(self._settings.data_dir), max_store_mb=nats.max_store_mb
            )
            await server.start()
            stack.push_async_callback(server.stop)
            watch = asyncio.create_task(server.watch(), name="embedded-bus")
            stack.callback(watch.cancel)
            options = BusOptions(servers=(server.url,), token=server.token, expect_name=server.name)
        bus = Bus(options, self.channels, self.health, self._on_signal)
        stack.push_async_callback(bus.close)
        return bus if await self._unless_stopped(bus.connect(), "connect-bus") else None

    def _file(self, value: str) -> str:
        return str(self._loaded.path(value)) if value else ""

    async def _unless_stopped(self, work: Coroutine[Any, Any, None], name: str) -> bool:
        """Whether `work` came to its end before the daemon was told to stop."""
        working = asyncio.create_task(work, name=name)
        stopping = asyncio.create_task(self._stop.wait(), name="await-stop")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
                return True
            return False
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _serve(self, bus: Bus, stack: AsyncExitStack) -> None:
        self._bus = bus
        identity = Identity(self._loaded.path(self._settings.data_dir))
        await identity.take()
        stack.callback(identity.release)
        http = await stack.enter_async_context(Http())
        self._alerts.connect(self._settings, http, self._now)
        parts = TenantParts(
            self._loaded,
            bus,
            self.channels,
            http,
            self._rulebook,
            self._doors,
            self._alerts,
            self.meter,
            self.health,
            self._now,
        )
        async with asyncio.TaskGroup() as group:
            replica = self._replica = Replica(identity.name, parts, group)
            replica.begin()
            ticker = Ticker(replica.workers, self.channels, self._now, self._rulebook.gathering)
            eternal = [
                group.create_task(self._eternal(work), name=name)
                for name, work in (
                    *((("send-alerts", self._alerts.hook.run(self._stop)),) if self._alerts.hook else ()),
                    ("measure-lag", self._measure_lag(replica)),
                    ("reload-rules", self._reloader.run(self._stop)),
                    ("reload-keys", self._doors.run(self._stop)),
                    ("read-scripts", replica.read_scripts(self._stop)),
                    ("tend-bus", self._tend_bus(bus)),
                    ("tick", ticker.run(self._stop)),
                )
            ]
            if await self._unless_stopped(replica.settled(), "await-leases"):
                self.ready.set()
                log.info("running", rooms=len(self._settings.rooms), replica=replica.name)
            await self._stop.wait()
            log.info("stopping")
            await replica.end(stop_lives=self._stop_lives)
            _, late = await asyncio.wait(eternal, timeout=LOOPS_S)
            for task in late:
                log.warning("stop-overdue", task=task.get_name())
                task.cancel()

    async def _eternal(self, work: Coroutine[Any, Any, None]) -> None:
        await work
        if not self._stop.is_set():
            raise StoppedError("a loop that never ends has ended")

    def _on_signal(self, room: str, body: bytes) -> None:
        """A signal was published: nobody has to wait for the next look."""
        try:
            wire = msgspec.json.decode(body, type=dict[str, Any])
            heard = Signal(room, "", self._now(), str(wire["kind"]), wire["data"])
        except (msgspec.MsgspecError, LookupError):
            return  # the inbox buries it
        if self._replica is not None:
            self._replica.hear(heard)

    async def _tend_bus(self, bus: Bus) -> None:
        """A server that came back without its store gets its streams again."""
        while not self._stop.is_set():
            await bus.tend()
            await self._unless_stopped(asyncio.sleep(_TEND_EVERY_S), "tend-pause")

    async def _measure_lag(self, replica: Replica) -> None:
        while not self._stop.is_set():
            replica.measure()
            await self._unless_stopped(asyncio.sleep(_LAG_EVERY_S), "lag-pause")


__all__ = ["Daemon", "Server", "StoppedError", "now_ms"]
