"""The same overload for some real seconds: the dispatcher and the daemon's client against the sandbox over HTTP.

The sandbox keeps the limit of the documentation and refuses what is above it. It calls nobody back here, so
the estimates of airtime stand.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from msgspec.structs import replace

from livecue.app.cloud import CloudCommands, CloudRoom
from livecue.app.limits import Limits
from livecue.bench.egress_cloud import AllLive, Call
from livecue.bench.egress_figures import Run, described, figures
from livecue.bench.egress_runs import audited, let_run, make_dispatcher
from livecue.bench.egress_traffic import Traffic
from livecue.bench.stage import BenchError
from livecue.domain import Job, JobState
from livecue.metastudio import AkSkAuth, MetaStudio, keep_logs_clean, start_body
from livecue.runtime.memory import MemoryBus
from livecue.sandbox import Sandbox, SandboxOptions

_START = {"output_urls": ["rtmp://push.example.com/live/bench"], "stream_keys": ["bench-key"]}
_AHEAD_MS = 500
_READY_S = 10.0


class _Clock:
    """Unix milliseconds that never step, and the monotonic seconds of the sandbox's record as such."""

    def __init__(self) -> None:
        self._ahead_s = time.time() - time.monotonic()

    def __call__(self) -> int:
        return self.of(time.monotonic())

    def of(self, mono_s: float) -> int:
        return round((mono_s + self._ahead_s) * 1000)


class _Board(AllLive):
    """`JobBoard`: the jobs that were started."""

    def __init__(self, jobs: dict[str, Job]) -> None:
        self._jobs = jobs

    def job(self, room: str) -> Job:
        return self._jobs[room]


def run_live(traffic: Traffic) -> dict[str, Any]:
    """Its figures, as the sandbox saw it."""
    run = asyncio.run(_live(traffic))
    return {"seconds": traffic.seconds, "traffic": described([run], [traffic]), **figures([run])}


async def _live(traffic: Traffic) -> Run:
    keep_logs_clean()
    clock = _Clock()
    rooms = {
        name: CloudRoom(f"11111111-aaaa-4bbb-8ccc-{n:012x}", start=start_body(_START))
        for n, name in enumerate(traffic.names, 1)
    }
    options = SandboxOptions(
        room_ids=tuple(room.room_id for room in rooms.values()), limits={"start": 0}, start_delay_s=0
    )
    async with Sandbox(options).running() as sandbox:
        auth = AkSkAuth(sandbox.ak, sandbox.sk, sandbox.project_id, clock)
        async with MetaStudio(sandbox.endpoint, sandbox.project_id, auth) as client:
            board = await _started(client, rooms, sandbox)
            bus, start_ms = MemoryBus(), clock() + _AHEAD_MS
            cues = [replace(cue, job_id=board.job(cue.room).job_id) for cue in traffic.cues(start_ms)]
            commands = CloudCommands(client, rooms, Limits("cn-north-4", {}))
            dispatcher = make_dispatcher(cues, commands, board, bus, traffic.seed, clock)
            await let_run(dispatcher, traffic.seconds + _AHEAD_MS / 1000)
        said, ends, until = audited(bus)
        names = {room.room_id: name for name, room in rooms.items()}
        calls = [
            Call(one.command_id, names[one.room_id], "", clock.of(one.at_s), clock.of(one.at_s))
            for one in sandbox.commands
        ]
        refused = sandbox.throttled["command"]
        return Run(start_ms, traffic.seconds, cues, calls, said, ends, until, refused)


async def _started(client: MetaStudio, rooms: dict[str, CloudRoom], sandbox: Sandbox) -> _Board:
    jobs = {name: await client.start(room.room_id, room.start) for name, room in rooms.items()}
    deadline_s = time.monotonic() + _READY_S
    while any(job.state != JobState.PROCESSING for job in sandbox.jobs.values()):
        if time.monotonic() > deadline_s:
            raise BenchError(f"the rooms were not live within {_READY_S:.0f} s")
        await asyncio.sleep(0.05)
    return _Board({name: Job(job.job_id, JobState.PROCESSING) for name, job in jobs.items()})
