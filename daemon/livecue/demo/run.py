"""Starts everything, lets viewers talk, ends cleanly with a summary."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml
from rich.console import Console
from rich.live import Live

from livecue.app.daemon import Daemon, now_ms
from livecue.app.logs import configure_logs
from livecue.app.redact import Redactor
from livecue.app.rooms import load_rules, secrets_of
from livecue.demo.scene import PACKS, ROOMS, config
from livecue.demo.view import View, summary_table
from livecue.demo.watch import Watch, WatchedMeter
from livecue.domain import JobState
from livecue.runtime.ports import BusError
from livecue.sandbox import Sandbox, SandboxOptions, Traffic
from livecue.settings import load

_EVENTS_PER_S = 20
_BATCH_EVERY = 10  # every tenth publish is a batch, as connectors of busy rooms send them
_FORGE_AFTER_S = 2.0
_AUDIT_WAIT_S = 0.5


async def run_demo(seconds: float | None, *, as_json: bool) -> dict[str, Any]:
    """Run for `seconds`, or until SIGINT or SIGTERM; return the summary. Leaves nothing behind."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        with tempfile.TemporaryDirectory(prefix="livecue-demo-") as folder:
            return await _play(Path(folder), seconds, stop, as_json=as_json)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _play(folder: Path, seconds: float | None, stop: asyncio.Event, *, as_json: bool) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        options = SandboxOptions(room_ids=tuple(ROOMS.values()), script_speedup=8.0)
        sandbox = await stack.enter_async_context(Sandbox(options).running())
        meter = WatchedMeter()
        daemon = _daemon(folder, sandbox, meter, seconds, stack)
        watch = Watch(meter)
        await stack.enter_async_context(_task(_daemon_until_stopped(daemon, stop), "daemon"))
        stack.callback(daemon.stop)
        ends = asyncio.get_running_loop().time() + seconds if seconds is not None else None
        view = View(
            watch,
            daemon.job,
            {room: " + ".join(packs) for room, packs in PACKS.items()},
            _left(ends, asyncio.get_running_loop().time),
        )
        for name, work in (
            ("viewers", _talk(daemon)),
            ("audit", _audit(daemon, watch)),
            ("forger", _forge(daemon)),
        ):
            await stack.enter_async_context(_task(work, name))
        with _screen(view, as_json=as_json), suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
        summary = watch.summary()
    _say(summary, as_json=as_json)
    return summary


def _daemon(
    folder: Path, sandbox: Sandbox, meter: WatchedMeter, seconds: float | None, stack: AsyncExitStack
) -> Daemon:
    data = config(
        data_dir=folder,
        endpoint=sandbox.endpoint,
        project_id=sandbox.project_id,
        ak=sandbox.ak,
        sk=sandbox.sk,
        port=_free_port(),
        now=datetime.now(UTC),
        seconds=seconds,
    )
    file = folder / "livecue.yaml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True))
    loaded = load(file)
    redactor = Redactor(secrets_of(loaded.settings))
    configure_logs("info", redactor, stream=stack.enter_context((folder / "livecue.log").open("w")))
    return Daemon(loaded, load_rules(loaded), redactor, meter=meter)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def _daemon_until_stopped(daemon: Daemon, stop: asyncio.Event) -> None:
    """The daemon must not end before the demo does; if it does, so does the demo."""
    try:
        await daemon.run()
    finally:
        stop.set()


async def _talk(daemon: Daemon) -> None:
    """Viewers: single events, now and then a batch, and one message nobody can read."""
    traffic = Traffic(random.randrange(1 << 30), tuple(ROOMS))  # noqa: S311 - the demo's chance
    await daemon.ready.wait()
    await _publish(daemon, "flagship", b'{"timestamp": 1, "type": 1, "content": "not JSON"}')
    turn = 0
    while True:
        turn += 1
        room, event = traffic.next(now_ms())
        await asyncio.sleep(random.expovariate(_EVENTS_PER_S))
        job = daemon.job(room)
        if job is None or job.state != JobState.PROCESSING:
            continue  # nobody watches a room that is not live
        body: Any = event
        if turn % _BATCH_EVERY == 0:
            events = [event, *(traffic.next(now_ms())[1] for _ in range(4))]
            body = {"total": len(events), "events": events}
        await _publish(daemon, room, msgspec.json.encode(body))


async def _publish(daemon: Daemon, room: str, body: bytes) -> None:
    with suppress(BusError):
        await daemon.channels.publish_events(room, body)


async def _audit(daemon: Daemon, watch: Watch) -> None:
    await daemon.ready.wait()
    log = daemon.audit_log()
    while True:
        with suppress(BusError):
            for room, entry in await log.take(_AUDIT_WAIT_S):
                watch.saw(room, entry)


async def _forge(daemon: Daemon) -> None:
    """One callback with a wrong signature: it has to be refused."""
    await daemon.ready.wait()
    await asyncio.sleep(_FORGE_AFTER_S)
    body = json.dumps({"event_type": "RTMP_STREAM_STATE_CHANGE", "message": json.dumps({"state": "END"})})
    request = urllib.request.Request(
        f"http://127.0.0.1:{daemon.port}/callbacks/flagship",
        body.encode(),
        {"x-hw-mss-secret": "0" * 64, "x-hw-mss-time": f"{now_ms() // 1000:x}"},
    )
    with suppress(urllib.error.URLError):
        await asyncio.to_thread(urllib.request.urlopen, request, timeout=5)


@asynccontextmanager
async def _task(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run `work` beside the block. The daemon ends by itself once stopped, the others are cancelled."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        if name != "daemon":
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _left(ends: float | None, clock: Callable[[], float]) -> Callable[[], str]:
    """What the view shows; it asks from a thread of its own, where no loop runs."""

    def left() -> str:
        if ends is None:
            return "Ctrl-C ends it"
        return f"{max(0, ends - clock()):.0f} s left"

    return left


def _screen(view: View, *, as_json: bool) -> Live:
    console = Console(stderr=as_json)
    return Live(
        view,
        console=console,
        refresh_per_second=4,
        screen=False,
        transient=True,
        auto_refresh=console.is_terminal,
    )


def _say(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(summary) + "\n")
        sys.stdout.flush()
        return
    console = Console()
    console.print("[bold]livecue demo[/bold] has ended; nothing is left running.")
    console.print(summary_table(summary))
