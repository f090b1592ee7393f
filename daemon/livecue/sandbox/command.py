"""`livecue sandbox`: serves one sandbox in the foreground until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from pathlib import Path

from livecue.sandbox.faultfile import FaultsError, load
from livecue.sandbox.faults import FaultPlan
from livecue.sandbox.options import SandboxOptions
from livecue.sandbox.server import Sandbox
from livecue.sandbox.watch import Stamp, stamp, watch

# The room of the documentation's examples (S4 6.2.1).
SAMPLE_ROOM = "24bad716-87b1-45e5-8912-6102f7693265"


def serve(
    port: int,
    region: str = "cn-north-4",
    *,
    host: str = "127.0.0.1",
    room_ids: tuple[str, ...] = (SAMPLE_ROOM,),
    script_speedup: float = 1.0,
    start_delay_s: float = 1.0,
    project_id: str | None = None,
    ak: str | None = None,
    sk: str | None = None,
    faults: Path | None = None,
) -> int:
    """Prints endpoint, project_id, ak and sk, then a room_id per room, and serves; the exit code.

    0 after SIGINT or SIGTERM, 1 if the options or the faults are wrong or the port cannot be had.
    `faults`: a file of faults (docs/sandbox.md), taken again whenever it changes.
    """
    try:
        options = SandboxOptions(
            port=port,
            region=region,
            host=host,
            room_ids=room_ids,
            script_speedup=script_speedup,
            start_delay_s=start_delay_s,
            project_id=project_id,
            ak=ak,
            sk=sk,
            any_room=True,
        )
    except ValueError as error:
        sys.stderr.write(f"livecue sandbox: {error}\n")
        return 1
    seen = None if faults is None else stamp(faults)
    try:
        plan = FaultPlan() if faults is None else load(faults)
    except FaultsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sandbox = Sandbox(options)
    sandbox.inject(plan)
    return asyncio.run(_serve(sandbox, faults, seen))


async def _serve(sandbox: Sandbox, faults: Path | None, seen: Stamp) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with sandbox.running():
            _announce(sandbox)
            watching = asyncio.create_task(_watch(sandbox, faults, seen), name="sandbox-faults")
            await stop.wait()
            watching.cancel()
    except OSError as error:
        sys.stderr.write(f"livecue sandbox: {_remedy(error, sandbox.options)}\n")
        return 1
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


async def _watch(sandbox: Sandbox, faults: Path | None, seen: Stamp) -> None:
    if faults is not None:
        await watch(faults, seen, sandbox.inject, _complain)


def _announce(sandbox: Sandbox) -> None:
    lines = [
        f"endpoint: {sandbox.endpoint}",
        f"project_id: {sandbox.project_id}",
        f"ak: {sandbox.ak}",
        f"sk: {sandbox.sk}",
        *(f"room_id: {room_id}" for room_id in sandbox.options.room_ids),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _remedy(error: OSError, options: SandboxOptions) -> str:
    where = f"{options.host}:{options.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken; choose another port with --port, or --port 0 for any free one"
    return f"cannot listen on {where}: {error.strerror or error}; choose another port with --port"
