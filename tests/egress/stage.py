"""A dispatcher between in-memory twins, and the clock it lives by."""

from __future__ import annotations

import asyncio
from typing import Any

from livecue.domain import Cue, Signal, SignalKind
from livecue.egress.breaker import Breaker
from livecue.egress.dispatcher import Dispatcher
from livecue.egress.gate import Gate
from livecue.egress.history import standings
from livecue.egress.limiter import Slots
from livecue.egress.on_air import AirtimeLimits
from livecue.egress.records import Records
from livecue.runtime.memory import MemoryBus, MemoryCloud, MemoryJobs, MemoryLog, Tally
from runtime.making import JOB, T0, Clock

WIDE = AirtimeLimits(600_000, 1.0)


class Stage:
    """`log` is what the bus holds; `start` is a new life on the same bus, cloud and clock."""

    def __init__(
        self,
        *cues: Cue,
        bus: MemoryBus | None = None,
        cloud: Any = None,
        limit: int = 4,
        airtime: AirtimeLimits = WIDE,
        weights: dict[str, float] | None = None,
        thanks: bool = False,
    ) -> None:
        self.thanks = thanks
        self.bus = bus or MemoryBus()
        self.cloud: MemoryCloud = cloud or MemoryCloud()
        self.clock = Clock()
        self.jobs = MemoryJobs(a=JOB, b=JOB)
        self.meter = Tally()
        self.looked: list[str] = []
        self.log = list(cues)
        self.limit = limit
        self.airtime = airtime
        self.weights = weights
        self.dispatcher: Dispatcher = None  # type: ignore[assignment]  # made by start
        self.start()

    def start(self) -> None:
        if self.dispatcher is not None:  # dead: nothing of it goes on
            for task in self.dispatcher._sending | self.records._writers:
                task.cancel()
        self.records: Records = Records(self.bus, self.bus)
        self.gate = Gate(Slots(self.limit), Breaker(), lambda: 0.0)
        self.dispatcher = Dispatcher(
            MemoryLog(),
            self.bus,
            self.cloud,
            self.jobs,
            self.records,
            self.meter,
            self.gate,
            now=self.clock,
            mono=self.clock,
            jitter=lambda: 0.0,
            look=self.looked.append,
            airtime=dict.fromkeys("abcd", self.airtime),
            weights=self.weights,
            thanks=lambda _room: self.thanks,
        )
        known = standings([(room, line) for room, lines in self.bus.audit.items() for line in lines])
        self.arrived = list(self.log)
        self.known = known

    def arrive(self, *cues: Cue) -> None:
        """More cues are decided."""
        self.log += cues
        self.arrived += cues

    def hear(self, kind: SignalKind, room: str = "a", **data: Any) -> None:
        """A signal is published."""
        self.dispatcher.hear(Signal(room, "", self.clock(), kind, {"job_id": JOB.job_id, **data}))

    async def run(self, ms: int = 0) -> None:
        """All that happens until `ms` from now."""
        end = self.clock.now_ms + ms
        while True:
            await self.settle()
            if self.clock.now_ms >= end:
                return
            self.clock.now_ms = min(end, self.clock.now_ms + 50)

    async def settle(self) -> None:
        """Let it do all it can do at this moment."""
        while self.arrived:
            one = self.arrived.pop(0)
            self.dispatcher.arrive(one, self.known.pop((one.room, one.id), None))
        for _ in range(1000):
            pause_s = self.dispatcher.step()
            busy = await self.rest()
            if pause_s > 0 and not busy:
                return
        raise AssertionError("the dispatcher never comes to rest")

    async def rest(self) -> bool:
        """Let calls come back and lines be written; whether there were any."""
        busy = False
        while tasks := self.dispatcher._sending | self.records._writers:
            busy = busy or bool(self.dispatcher._sending)
            done, _ = await asyncio.wait(set(tasks), timeout=0.02)
            for task in done:
                task.result()
            if not done:  # a line that waits for the bus to come back
                return busy
        return busy

    @property
    def spoken(self) -> list[str]:
        return [one.id for one in self.cloud.cues]

    def ends(self, room: str = "a") -> list[tuple[str, str]]:
        """(cue, outcome) of the room's audit without the lines that say it waits."""
        return [pair for pair in self.bus.outcomes(room) if pair[1] != "queued"]


__all__ = ["JOB", "T0", "WIDE", "Stage"]
