"""The composition root: every part is made here, handed what it needs, started and stopped in order.

Start: HTTP (so that `/livez` and `/readyz` answer) -> embedded server -> bus -> client -> loops.
Stop: intake -> calls that are out, with a deadline -> client -> bus -> embedded server -> HTTP.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import structlog

from livecue.app import rooms as from_settings
from livecue.app.asking import make_asker
from livecue.app.cloud import CloudCommands, CloudJobs, CloudReports, Limits
from livecue.app.metrics import PrometheusMeter
from livecue.app.redact import Redactor
from livecue.app.reload import Reloader, Rulebook
from livecue.app.web import Server, listen, probes, web_server
from livecue.bus.channels import Channels
from livecue.bus.connection import Bus, BusOptions
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.ledger import NatsLedger
from livecue.bus.ownership import NatsOwnerships
from livecue.bus.readers import NatsAuditLog, NatsCueLog, NatsPartitions, NatsReportLog
from livecue.domain import Job, Signal, SignalKind
from livecue.metastudio import AkSkAuth, MetaStudio, TokenAuth, keep_logs_clean
from livecue.outgoing import Http
from livecue.packs import LoadedRules
from livecue.receiver import routes as receiver_routes
from livecue.runtime.dispatcher import Dispatcher
from livecue.runtime.health import HealthBoard
from livecue.runtime.inbox import PartitionWorker
from livecue.runtime.ports import BusError, Count
from livecue.runtime.reporter import Reporter
from livecue.runtime.ticker import Ticker
from livecue.settings import AkSk, Loaded, Settings
from livecue.supervisor import Supervisor

log = structlog.get_logger()

_DRAIN_S = 5.0
_LOOPS_S = 1.5  # for the loops to come to their end after the calls that were out
_LAG_EVERY_S = 2.0
_TEND_EVERY_S = 3.0


def now_ms() -> int:
    """Wall clock in ms since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class StoppedError(Exception):
    """A loop that runs for ever has returned.

    Remedy: none for the operator but a restart; report it with the log.
    """


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
    ) -> None:
        self._loaded = loaded
        self._settings: Settings = loaded.settings
        self._redactor = redactor
        self._now = now
        self._stop = asyncio.Event()
        self.ready = asyncio.Event()
        self.meter = meter or PrometheusMeter()
        self.health = HealthBoard("bus", "inbox", "cloud")
        self.port = 0
        self._bus: Bus | None = None
        self._supervisor: Supervisor | None = None
        self._dispatcher: Dispatcher | None = None
        self._reporter: Reporter | None = None
        self.channels = Channels(redactor.bytes)
        self._rulebook = Rulebook(from_settings.desk_rules(self._settings, rules))
        self._reloader = Reloader(loaded, self._rulebook, self.meter, self.health)

    def stop(self) -> None:
        """Begin to stop; may be called from a signal handler and more than once."""
        self._stop.set()

    def reload_rules(self) -> None:
        """Load the rule packs again; may be called from a signal handler and more than once."""
        self._reloader.ask()

    def job(self, room: str) -> Job | None:
        """The room's live job as last seen."""
        return self._supervisor.job(room) if self._supervisor else None

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
        token = http.ingest_token.get_secret_value() if http.ingest_token else ""
        routes = probes(self.health, self.meter) + receiver_routes(
            from_settings.callback_rooms(self._settings),
            self.channels,
            self.channels if token else None,
            self.meter,
            self._now,
            dead=self._bury_callback,
            event_rooms=[room.key for room in self._settings.rooms],
            event_tokens=[token] if token else [],
        )
        server = web_server(routes, http.forwarded_allow_ips)
        sock = listen(http.host, http.port)
        self.port = sock.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[sock]), name="http")

        async def close() -> None:
            server.should_exit = True
            await task

        stack.push_async_callback(close)
        log.info("listening", url=f"http://{http.host}:{self.port}")

    async def _bury_callback(self, room: str, reason: str, body: bytes) -> None:
        await self.channels.bury(room, reason, "a callback whose signature held", body)

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

    def _client(self) -> MetaStudio:
        cloud = self._settings.metastudio
        keep_logs_clean()
        if isinstance(cloud.auth, AkSk):
            ak, sk = cloud.auth.ak.get_secret_value(), cloud.auth.sk.get_secret_value()
            auth: AkSkAuth | TokenAuth = AkSkAuth(ak, sk, cloud.project_id, self._now)
        else:
            auth = TokenAuth(
                cloud.auth.iam_endpoint,
                domain=cloud.auth.domain,
                user=cloud.auth.user,
                password=cloud.auth.password.get_secret_value(),
                project=cloud.auth.project,
                clock=self._now,
                jitter=random.random(),  # noqa: S311 - spreads renewals, keeps no secret
            )

        def on_call(operation: str, result: str) -> None:
            self.meter.count(Count.CLOUD_CALLS, reason=f"{operation}:{result}")

        return MetaStudio(cloud.endpoint, cloud.project_id, auth, timeout_s=cloud.timeout_s, on_call=on_call)

    async def _serve(self, bus: Bus, stack: AsyncExitStack) -> None:
        self._bus = bus
        client = await stack.enter_async_context(self._client())
        http = await stack.enter_async_context(Http())
        asker = make_asker(self._settings, bus, self.channels, http, self.meter, self._now)
        workers = self._make_workers(bus)
        supervisor, dispatcher, reporter = self._make_loops(bus, client)
        self._supervisor, self._dispatcher, self._reporter = supervisor, dispatcher, reporter
        async with asyncio.TaskGroup() as group:
            eternal = [
                group.create_task(self._eternal(worker.run()), name=f"inbox-{number}")
                for number, worker in enumerate(workers)
            ]
            for name, work in (
                ("supervisor", supervisor.run()),
                ("read-cues", dispatcher.read()),
                ("send-cues", dispatcher.send()),
                ("read-reports", reporter.read()),
                ("send-reports", reporter.send()),
                ("read-asks", asker.read()),
                ("send-asks", asker.send()),
                ("measure-lag", self._measure_lag(workers)),
                ("reload-rules", self._reloader.run(self._stop)),
                ("tend-bus", self._tend_bus(bus)),
                ("tick", Ticker(workers, self.channels, self._now).run(self._stop)),
            ):
                eternal.append(group.create_task(self._eternal(work), name=name))
            self.health.report("inbox")
            self.ready.set()
            log.info("running", rooms=len(self._settings.rooms))
            await self._stop.wait()
            log.info("stopping")
            for worker in workers:
                worker.stop()
            supervisor.stop()
            await asyncio.gather(*(part.stop(_DRAIN_S) for part in (dispatcher, reporter, asker)))
            _, late = await asyncio.wait(eternal, timeout=_LOOPS_S)
            for task in late:
                log.warning("stop-overdue", task=task.get_name())
                task.cancel()

    async def _eternal(self, work: Coroutine[Any, Any, None]) -> None:
        await work
        if not self._stop.is_set():
            raise StoppedError("a loop that never ends has ended")

    def _make_workers(self, bus: Bus) -> list[PartitionWorker]:
        ledger = NatsLedger(bus.nc)
        partitions = NatsPartitions(bus.nc)
        return [
            PartitionWorker(
                number, self._rulebook, partitions, ledger, self.channels, self.meter, self.health
            )
            for number in range(partitions.count)
        ]

    def _make_loops(self, bus: Bus, client: MetaStudio) -> tuple[Supervisor, Dispatcher, Reporter]:
        settings = self._settings
        cloud_rooms = from_settings.cloud_rooms(settings)
        limits = Limits(settings.metastudio.region, settings.metastudio.limits, self._now)
        max_age_ms = int(settings.dispatch.max_age_s * 1000)
        since_ms = self._now() - max_age_ms
        supervisor = Supervisor(
            from_settings.room_plans(settings),
            CloudJobs(client, cloud_rooms, limits),
            NatsOwnerships(bus.nc),
            self.channels,
            self.meter,
            self.health,
            self._now,
        )
        jitter = random.random
        dispatcher = Dispatcher(
            NatsCueLog(bus.nc, since_ms),
            CloudCommands(client, cloud_rooms),
            supervisor,
            self.channels,
            self.channels,
            self.meter,
            limits.slots("command"),
            self._now,
            jitter,
            supervisor.wake,
        )
        reporter = Reporter(
            NatsReportLog(bus.nc, since_ms),
            CloudReports(client, cloud_rooms),
            supervisor,
            self.channels,
            self.meter,
            limits.slots("report"),
            self._now,
            jitter,
            supervisor.wake,
            max_age_ms,
        )
        return supervisor, dispatcher, reporter

    def _on_signal(self, room: str, body: bytes) -> None:
        """A signal was published: nobody has to wait for the next look."""
        try:
            wire = msgspec.json.decode(body, type=dict[str, Any])
            heard = Signal(room, "", self._now(), str(wire["kind"]), wire["data"])
        except (msgspec.MsgspecError, LookupError):
            return  # the inbox buries it
        if self._supervisor is not None:
            self._supervisor.on_signal(heard)
        if heard.kind == SignalKind.REPLY_FINISHED and self._dispatcher is not None:
            self._dispatcher.finished(str(heard.data.get("reply_id", "")))
        if heard.kind == SignalKind.JOB_STARTED:
            for sender in (self._dispatcher, self._reporter):
                if sender is not None:
                    sender.wake()

    async def _tend_bus(self, bus: Bus) -> None:
        """A server that came back without its store gets its streams again."""
        while not self._stop.is_set():
            await bus.tend()
            await self._unless_stopped(asyncio.sleep(_TEND_EVERY_S), "tend-pause")

    async def _measure_lag(self, workers: list[PartitionWorker]) -> None:
        while not self._stop.is_set():
            for number, worker in enumerate(workers):
                self.meter.lag(number, worker.lag)
            await self._unless_stopped(asyncio.sleep(_LAG_EVERY_S), "lag-pause")


__all__ = ["Daemon", "Server", "StoppedError", "now_ms"]
