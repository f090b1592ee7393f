"""A partition's lease at work: its worker, known to whoever measures and ticks."""

from __future__ import annotations

from livecue.app.metrics import PrometheusMeter
from livecue.runtime.health import HealthBoard
from livecue.runtime.inbox import PartitionWorker


class PartitionWork:
    """`Work` of one partition; while it runs its worker stands in `workers`."""

    def __init__(
        self,
        worker: PartitionWorker,
        workers: dict[int, PartitionWorker],
        health: HealthBoard,
        meter: PrometheusMeter,
    ) -> None:
        self._worker = worker
        self._workers = workers
        self._health = health
        self._meter = meter

    async def run(self) -> None:
        number = self._worker.partition
        self._workers[number] = self._worker
        try:
            await self._worker.run()
        finally:
            del self._workers[number]
            self._health.forget(self._worker.part)
            self._meter.no_lag(number)

    def stop(self) -> None:
        self._worker.stop()
