"""Everything that runs between the bus and the cloud, made from the settings."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from livecue.app import rooms as from_settings
from livecue.app.asking import make_asker
from livecue.app.cloud import CloudCommands, CloudJobs, CloudReports, CloudRoom
from livecue.app.limits import Limits
from livecue.app.reload import Rulebook
from livecue.app.setups import SetupKeeper
from livecue.app.snapshot import Snapshot
from livecue.bus.channels import Channels
from livecue.bus.connection import Bus
from livecue.bus.orders import NatsOrders
from livecue.bus.ownership import NatsOwnerships
from livecue.bus.readers import NatsCueLog, NatsHistory, NatsReportLog
from livecue.bus.schedule import NatsStopTimers
from livecue.bus.scripts import NatsScripts
from livecue.domain import MAX_AGE_S, EventType, Signal, SignalKind
from livecue.egress.dispatcher import Dispatcher
from livecue.egress.records import Records
from livecue.egress.reporter import Reporter
from livecue.metastudio import AkSkAuth, MetaStudio, TokenAuth, keep_logs_clean
from livecue.metastudio.wire import monotonic_ms
from livecue.outgoing import Http
from livecue.runtime.alert_ports import Alerts
from livecue.runtime.asker import Asker
from livecue.runtime.lease_ports import Holds
from livecue.runtime.measure_ports import LineMeter
from livecue.runtime.ports import Audit, AuditEntry, BusError, Count, Health, Meter, Now
from livecue.settings import AkSk, Settings
from livecue.supervisor import RoomPlan, StopTimerKeeper, Supervisor, Sweeper


def cloud_client(
    settings: Settings, meter: Meter, now: Now, may: Callable[[str, str], bool] | None = None
) -> MetaStudio:
    """The client of the configured project; every call is counted by operation and result.

    `may(operation, method)`: whether a request may go out at this very moment.
    """
    cloud = settings.metastudio
    keep_logs_clean()
    if isinstance(cloud.auth, AkSk):
        ak, sk = cloud.auth.ak.get_secret_value(), cloud.auth.sk.get_secret_value()
        auth: AkSkAuth | TokenAuth = AkSkAuth(ak, sk, cloud.project_id, now)
    else:
        auth = TokenAuth(
            cloud.auth.iam_endpoint,
            domain=cloud.auth.domain,
            user=cloud.auth.user,
            password=cloud.auth.password.get_secret_value(),
            project=cloud.auth.project,
            clock=now,
            jitter=random.random(),  # noqa: S311 - spreads renewals, keeps no secret
        )

    def on_call(operation: str, result: str) -> None:
        meter.count(Count.CLOUD_CALLS, reason=f"{operation}:{result}")

    return MetaStudio(
        cloud.endpoint, cloud.project_id, auth, timeout_s=cloud.timeout_s, on_call=on_call, may=may
    )


class AuditWhileHeld:
    """`Audit` that claims nothing for a replica whose lease is not valid now: another may send it."""

    def __init__(self, audit: Audit, holds: Holds) -> None:
        self._audit = audit
        self._holds = holds

    async def claim(self, room: str, entry: AuditEntry) -> bool:
        if not self._holds():
            raise BusError("this replica has no valid lease on the tenant")
        return await self._audit.claim(room, entry)

    async def record(self, room: str, entry: AuditEntry) -> None:
        await self._audit.record(room, entry)


@dataclass(frozen=True)
class Loops:
    """The parts that run until they are stopped."""

    supervisor: Supervisor
    sweeper: Sweeper
    stop_timers: StopTimerKeeper
    dispatcher: Dispatcher
    reporter: Reporter
    asker: Asker
    setups: SetupKeeper
    limits: Limits

    def show(self, snapshot: Snapshot) -> None:
        """Let the metrics look up how things stand."""
        snapshot.jobs = self.supervisor.jobs
        snapshot.airtime = self.dispatcher.queued_s
        snapshot.breakers = self.limits.breakers

    def hear(self, heard: Signal) -> None:
        """A signal was published: nobody has to wait for the next look."""
        self.supervisor.on_signal(heard)
        self.dispatcher.hear(heard)
        self.reporter.hear(heard)
        if heard.kind == SignalKind.JOB_STARTED:
            self.setups.ask(heard.room)


def make_loops(
    settings: Settings,
    plans: Sequence[RoomPlan],
    bus: Bus,
    channels: Channels,
    client: MetaStudio,
    http: Http,
    book: Rulebook,
    meter: LineMeter,
    health: Health,
    now: Now,
    cloud_rooms: Mapping[str, CloudRoom],
    alerts: Alerts,
    holds: Holds,
    stale: Callable[[], None],
) -> Loops:
    """All of them; the senders read their logs again from as long ago as a reply may be late.

    `holds()`: whether the tenant's lease is valid now. `stale()`: another replica has written our notes.
    """
    limits = Limits(
        settings.metastudio.region,
        settings.metastudio.limits,
        used_ms=monotonic_ms(),
        waited=meter.limiter_wait,
    )
    max_age_ms = int(settings.dispatch.max_age_s * 1000)
    since_ms = now() - MAX_AGE_S * 1000
    jobs = CloudJobs(client, cloud_rooms, limits, now)
    timers = NatsStopTimers(bus.nc)
    audit = AuditWhileHeld(channels, holds)
    supervisor = Supervisor(
        plans,
        jobs,
        NatsOwnerships(bus.nc, stale),
        channels,
        meter,
        health,
        now,
        timers=timers,
        orders=NatsOrders(bus.nc),
        alerts=alerts,
    )
    dispatcher = Dispatcher(
        NatsCueLog(bus.nc, since_ms),
        NatsHistory(bus.nc, since_ms),
        CloudCommands(client, cloud_rooms, limits),
        supervisor,
        Records(audit, channels),
        meter,
        limits.gate("command"),
        now=now,
        mono=monotonic_ms,
        jitter=random.random,
        look=supervisor.wake,
        airtime=from_settings.airtime(settings),
        weights={room.key: room.weight for room in settings.rooms},
        thanks=lambda room: EventType.GIFT in book[room].program.event_types,
    )
    reporter = Reporter(
        NatsReportLog(bus.nc, since_ms),
        NatsHistory(bus.nc, since_ms),
        CloudReports(client, cloud_rooms),
        supervisor,
        Records(audit, channels),
        meter,
        limits.gate("report"),
        now=now,
        mono=monotonic_ms,
        jitter=random.random,
        look=supervisor.wake,
        max_age_ms=max_age_ms,
    )
    asker = make_asker(settings, bus, audit, channels, http, meter, now)
    tell = NatsScripts(bus.nc).tell
    setups = SetupKeeper(client, cloud_rooms, limits, book, dispatcher.set_speed, supervisor, tell)
    sweeper = Sweeper(jobs, supervisor, meter)
    shared = [plan.room for plan in plans if plan.shared]
    keeper = StopTimerKeeper(timers, jobs, supervisor.wanted, now, shared=shared)
    return Loops(supervisor, sweeper, keeper, dispatcher, reporter, asker, setups, limits)
