"""The work behind the leases, as tasks: started when a lease comes, ended when it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from livecue.runtime.lease_ports import Held


class StoppedError(Exception):
    """A loop that runs for ever has returned.

    Remedy: none for the operator but a restart; report it with the log.
    """


class Work(Protocol):
    """What one lease stands for."""

    async def run(self) -> None:
        """Until `stop`, everything put away; cancelled, it puts away what it can and lets go."""

    def stop(self) -> None:
        """Come to an end in order."""


@dataclass
class _Unit:
    work: Work
    held: Held
    task: asyncio.Task[None] | None = None
    ending: bool = False
    cut: bool = False


class LeasedWorks:
    """`Works` on a task group: a fault in one of them ends the daemon."""

    def __init__(
        self, group: asyncio.TaskGroup, make: Callable[[str, Held], Work], over: Callable[[], None]
    ) -> None:
        """`make(name, held)`: the work of a lease just taken. `over()`: some work has come to its end."""
        self._group = group
        self._make = make
        self._over = over
        self._units: dict[str, _Unit] = {}

    def running(self) -> frozenset[str]:
        return frozenset(self._units)

    def follow(self, wanted: Mapping[str, Held], held: Mapping[str, Held]) -> None:
        for name, unit in list(self._units.items()):
            if held.get(name) != unit.held:
                self.cut(name)
            elif name not in wanted and not unit.ending:
                unit.ending = True
                unit.work.stop()
        for name, one in wanted.items():
            if name not in self._units:
                self._units[name] = unit = _Unit(self._make(name, one), one)
                unit.task = self._group.create_task(self._run(name, unit), name=f"work-{name}")

    def cut(self, name: str) -> None:
        """End it now. If its lease is still wanted it is begun afresh at the next look.

        It is told to stop as well: a cancellation may be lost in a wait that has just been answered
        (`asyncio.wait_for` of Python 3.11, under every request of nats-py), and its loops would go on.
        """
        unit = self._units.get(name)
        if unit is not None and unit.task is not None and not unit.cut:
            unit.ending = unit.cut = True
            unit.work.stop()
            unit.task.cancel()

    async def _run(self, name: str, unit: _Unit) -> None:
        try:
            await unit.work.run()
        finally:
            del self._units[name]
            self._over()
        if not unit.ending:
            raise StoppedError(f"the work of lease {name} never ends, and has ended")
