"""The sandbox as one object: state, application, server and the tasks that move its time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

from livecue.sandbox import api_live
from livecue.sandbox.callbacks import Caller
from livecue.sandbox.chat_jobs import ChatJob
from livecue.sandbox.errors import ApiError
from livecue.sandbox.faults import FaultPlan, Faults
from livecue.sandbox.jobs import FAILED, OVER, LiveJob
from livecue.sandbox.options import SandboxOptions
from livecue.sandbox.records import CallbackRecord, CommandRecord, Records, ReportRecord
from livecue.sandbox.routes import application
from livecue.sandbox.state import State

# How long the clock sleeps at most, so that a clock that was set is noticed.
MAX_SLEEP_S = 1.0
STOP_S = 1


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def cut(self, client: object) -> None:
        """Closes the connection over which `client` (host, port) calls, without a word."""
        for connection in tuple(self.server_state.connections):
            if connection.transport.get_extra_info("peername") == client:
                connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals stay with the caller, who stops the sandbox by leaving `running()`."""
        yield


class Sandbox:
    """One tenant of a simulated MetaStudio.

    `clock` gives Unix seconds. With one that stands still, `tick()` moves the sandbox to its present.
    Everything a test may ask is an attribute: `commands`, `reports`, `callbacks_sent` (each the newest
    `options.keep`), the counters `calls`, `throttled`, `refused`, `totals`, and `jobs` by id.
    """

    def __init__(
        self, options: SandboxOptions | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.options = options or SandboxOptions()
        self._state = State(self.options, clock)
        self._caller = Caller(self._state, clock)
        self._state.sink = self._caller.put
        self._changed = asyncio.Event()
        self._port: int | None = None
        self.app: Starlette = application(self._state, self._changed.set)

    def __repr__(self) -> str:
        return f"Sandbox({self.options.host}:{self._port or 'stopped'}, {len(self.jobs)} jobs)"

    @property
    def endpoint(self) -> str:
        """Where it listens, like http://127.0.0.1:43210; only while running."""
        if self._port is None:
            raise RuntimeError("the sandbox is not running: enter `async with sandbox.running():` first")
        return f"http://{self.options.host}:{self._port}"

    @property
    def project_id(self) -> str:
        """The tenant's project."""
        return self._state.identity.project_id

    @property
    def ak(self) -> str:
        """The tenant's access key id."""
        return self._state.identity.ak

    @property
    def sk(self) -> str:
        """The tenant's secret access key, also the password of the IAM user `sandbox`."""
        return self._state.identity.sk

    @property
    def records(self) -> Records:
        """Everything that is remembered."""
        return self._state.records

    @property
    def commands(self) -> deque[CommandRecord]:
        """The accepted commands."""
        return self.records.commands

    @property
    def reports(self) -> deque[ReportRecord]:
        """The reported events."""
        return self.records.reports

    @property
    def callbacks_sent(self) -> deque[CallbackRecord]:
        """The callbacks after their last try."""
        return self.records.callbacks

    @property
    def calls(self) -> Counter[str]:
        """Calls by operation, refused ones too."""
        return self.records.calls

    @property
    def throttled(self) -> Counter[str]:
        """Calls refused with 429 by operation."""
        return self.records.throttled

    @property
    def refused(self) -> Counter[str]:
        """Refusals by error code."""
        return self.records.refused

    @property
    def totals(self) -> Counter[str]:
        """How many commands, events, callbacks, callbacks_failed and callbacks_dropped there were."""
        return self.records.totals

    @property
    def jobs(self) -> Mapping[str, LiveJob]:
        """The live jobs by id."""
        return self._state.jobs

    @property
    def chat_jobs(self) -> Mapping[str, ChatJob]:
        """The smart-chat jobs by id."""
        return self._state.chat_jobs

    def fail_next(self, operation: str, error: ApiError, times: int = 1) -> None:
        """Lets the next `times` calls of `operation` (a key of `limits`) fail with `error`."""
        self._state.window(operation)
        self._state.failing.setdefault(operation, deque()).extend([error] * times)

    def inject(self, plan: FaultPlan) -> None:
        """Misbehaves by `plan` from now on, counted from the beginning; what hangs goes on hanging."""
        self._state.faults = Faults(plan, self._state.clock())

    @property
    def struck(self) -> Counter[str]:
        """How often the plan's faults struck, by operation (or callback, job) and effect: `start hang`."""
        return self._state.faults.struck

    @property
    def hits(self) -> Counter[int]:
        """How often each fault of the plan struck, by its position from 0."""
        return self._state.faults.hits

    def end_job(self, job_id: str, outcome: str = FAILED, error: ApiError | None = None) -> None:
        """Ends a job as the cloud would: FAILED, BLOCKED or SUCCEED."""
        if outcome not in OVER:
            raise ValueError(f"outcome: {outcome!r} is no end; use one of {', '.join(sorted(OVER))}")
        api_live.end(self._state, job_id, outcome, error)

    def revoke_tokens(self) -> None:
        """Makes every token issued so far invalid."""
        self._state.tokens.clear()

    def tick(self) -> float | None:
        """Moves every job to the present; the Unix second when something happens next."""
        return self._state.tick()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sandbox]:
        """Serves until the block ends. OSError if the port is taken."""
        async with AsyncExitStack() as stack:
            listener = stack.enter_context(_listen(self.options.host, self.options.port))
            await stack.enter_async_context(self._caller.running())
            await stack.enter_async_context(_task(self._live(), "sandbox-clock"))
            server = await stack.enter_async_context(_serve(self.app, listener))
            self._state.cut = server.cut
            self._port = listener.getsockname()[1]
            try:
                yield self
            finally:
                self._port = None

    async def _live(self) -> None:
        while True:
            due = self._state.tick()
            wait_s = MAX_SLEEP_S if due is None else min(max(due - self._state.clock(), 0.001), MAX_SLEEP_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)
            self._changed.clear()


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it every answer that leaves
    # in two writes waits 40 ms for the client's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        yield listener


@asynccontextmanager
async def _task(work: Coroutine[object, object, None], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _serve(app: Starlette, listener: socket.socket) -> AsyncIterator[_Server]:
    server = _Server(
        uvicorn.Config(
            app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=STOP_S,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="sandbox-server")
    ready = asyncio.create_task(server.ready.wait(), name="sandbox-server-ready")
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise RuntimeError("the sandbox's server ended before it had started")
        yield server
    finally:
        ready.cancel()
        server.should_exit = True
        await task
