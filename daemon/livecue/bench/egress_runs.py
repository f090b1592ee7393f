"""The dispatcher and a plain queue, each given the same traffic in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping

from livecue.bench.egress_cloud import AllLive, VirtualCloud
from livecue.bench.egress_figures import Run
from livecue.bench.egress_time import EPOCH_MS, run_virtually, virtual_ms
from livecue.bench.egress_traffic import MAX_AGE_MS, QUOTA, Traffic
from livecue.domain import Cue
from livecue.egress.breaker import Breaker
from livecue.egress.dispatcher import Dispatcher
from livecue.egress.gate import Gate
from livecue.egress.limiter import Slots
from livecue.egress.on_air import AirtimeLimits
from livecue.egress.records import Records
from livecue.runtime.memory import MemoryBus, Tally
from livecue.runtime.ports import Now, Outcome
from livecue.runtime.sender_ports import Commands, JobBoard

_AFTERWARDS_S = MAX_AGE_MS / 1000 + 1  # until the last cue has been sent or is too old
_STOP_S = 1.0
_STEPS = {Outcome.QUEUED, Outcome.SENDING, Outcome.WAITING, Outcome.FINISHED}


class TrafficLog:
    """`CueLog`: gives each cue when its time has come."""

    def __init__(self, cues: list[Cue], now: Now) -> None:
        self._cues = deque(cues)
        self._now = now

    async def take(self, wait_s: float) -> list[Cue]:
        until_s = (self._cues[0].at_ms - self._now()) / 1000 if self._cues else wait_s
        await asyncio.sleep(min(max(until_s, 0.0), wait_s))
        taken = []
        while self._cues and self._cues[0].at_ms <= self._now():
            taken.append(self._cues.popleft())
        return taken

    async def close(self) -> None:
        return


def make_gate(seed: int) -> Gate:
    """Of a tenant with the documented quota."""
    return Gate(Slots(QUOTA), Breaker(), random.Random(seed).random)  # noqa: S311


def make_dispatcher(
    cues: list[Cue], commands: Commands, jobs: JobBoard, bus: MemoryBus, seed: int, now: Now
) -> Dispatcher:
    """The daemon's, with its defaults, between twins of the bus."""
    return Dispatcher(
        TrafficLog(cues, now),
        bus,
        commands,
        jobs,
        Records(bus, bus),
        Tally(),
        make_gate(seed),
        now=now,
        mono=now,
        jitter=random.Random(seed).random,  # noqa: S311
        look=lambda _room: None,
        airtime={cue.room: AirtimeLimits() for cue in cues},
    )


async def let_run(dispatcher: Dispatcher, seconds: float) -> None:
    """Read and send for so long, then stop."""
    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher.read(), name="read-cues")
        group.create_task(dispatcher.send(), name="send-cues")
        group.create_task(dispatcher.tend(), name="tend-airtime")
        await asyncio.sleep(seconds)
        await dispatcher.stop(_STOP_S)


def run_livecue(traffic: Traffic) -> Run:
    """The dispatcher as the daemon has it."""

    async def work() -> Run:
        cues = traffic.cues(EPOCH_MS)
        cloud, bus = VirtualCloud(traffic.seed, virtual_ms), MemoryBus()
        dispatcher = make_dispatcher(cues, cloud, AllLive(), bus, traffic.seed, virtual_ms)
        cloud.hear = dispatcher.hear
        await let_run(dispatcher, traffic.seconds + _AFTERWARDS_S)
        said, ends, until = audited(bus)
        return Run(EPOCH_MS, traffic.seconds, cues, cloud.calls, said, ends, until)

    return run_virtually(work)


def audited(bus: MemoryBus) -> tuple[dict[str, str], dict[str, list[str]], dict[str, int]]:
    """From the audit: the command of each cue, how each ended, and until when it waited."""
    said: dict[str, str] = {}
    ends: dict[str, list[str]] = {}
    until: dict[str, int] = {}
    for line in (line for lines in bus.audit.values() for line in lines):
        if line.outcome is Outcome.SENT:
            said[line.subject_id] = line.command_id
        if line.outcome not in _STEPS:
            ends.setdefault(line.subject_id, []).append(str(line.outcome))
        if line.outcome not in {Outcome.QUEUED, Outcome.WAITING}:
            until[line.subject_id] = min(until.get(line.subject_id, line.at_ms), line.at_ms)
    return said, ends, until


def run_fifo(traffic: Traffic) -> Run:
    """What everybody writes first: oldest first, the same gate, nothing else."""

    async def work() -> Run:
        cues = traffic.cues(EPOCH_MS)
        cloud, fifo = VirtualCloud(traffic.seed, virtual_ms), _Fifo(make_gate(traffic.seed))
        await fifo.run(TrafficLog(cues, virtual_ms), cloud, traffic.seconds)
        said: Mapping[str, str] = {call.cue_id: call.command_id for call in cloud.calls}
        ends = {cue.id: ["sent" if cue.id in said else "waiting"] for cue in cues}
        until = {call.cue_id: call.sent_ms for call in cloud.calls}
        return Run(EPOCH_MS, traffic.seconds, cues, cloud.calls, said, ends, until)

    return run_virtually(work)


class _Fifo:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._waiting: deque[Cue] = deque()
        self._changed = asyncio.Event()

    async def run(self, log: TrafficLog, cloud: VirtualCloud, seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(log), name="read-fifo")
            sending = group.create_task(self._send(cloud, group), name="send-fifo")
            await asyncio.sleep(seconds)
            reading.cancel()
            sending.cancel()

    async def _read(self, log: TrafficLog) -> None:
        while True:
            self._waiting.extend(await log.take(1.0))
            self._changed.set()

    async def _send(self, cloud: VirtualCloud, group: asyncio.TaskGroup) -> None:
        while True:
            wait = self._gate.wait_ms(virtual_ms())
            if self._waiting and wait == 0:
                ticket = self._gate.take(virtual_ms())
                group.create_task(self._call(self._waiting.popleft(), cloud, ticket), name="call-fifo")
            elif self._waiting and wait is not None:
                await asyncio.sleep(wait / 1000)
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _call(self, cue: Cue, cloud: VirtualCloud, ticket: int) -> None:
        await cloud.send(cue, AllLive().job(cue.room))
        self._gate.give_back(ticket, virtual_ms())
        self._changed.set()
