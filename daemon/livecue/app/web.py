"""The HTTP server: one Starlette application on one socket, inside the daemon's loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from livecue.app.metrics import PrometheusMeter
from livecue.runtime.health import ELSEWHERE, HealthBoard
from livecue.runtime.pulse import EVERY_S, Pulse

HEAD_S = 10.0
"""How long a request's head may take to arrive."""


class ListenError(Exception):
    """The address of `http.host` and `http.port` cannot be listened on.

    Remedy: stop what holds the port, or set another `http.port` (0 takes any free one).
    """


class PromptProtocol(H11Protocol):
    """uvicorn's, with a deadline for a request's head: by itself it waits for ever for the next header."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Until the head is whole; between requests uvicorn's own keep-alive deadline stands."""
        if str(self.conn.their_state) != "IDLE":
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._too_slow)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if str(self.conn.their_state) == "IDLE" and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: SIGTERM and SIGINT belong to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ListenError: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without it a call costs 40 ms more.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise ListenError(
            f"cannot listen on {host}:{port}: {error.strerror}: stop what holds the port, or set another http.port"
        ) from error
    sock.setblocking(False)
    return sock


def probes(
    health: HealthBoard,
    meter: PrometheusMeter,
    pulse: Pulse,
    replica: Callable[[], Mapping[str, Any]] = dict,
) -> list[Route]:
    """`/livez` (the loop turns), `/readyz` (every part works, or those that `?parts=` names), `/metrics`.

    `replica()`: who this is and what it holds, for `/readyz`.
    """

    async def livez(_: Request) -> Response:
        problem = pulse.problem(time.monotonic())
        return PlainTextResponse(f"{problem}\n", 503) if problem else PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        ill = health.ill()
        asked = [name for name in request.query_params.get("parts", "").split(",") if name]
        if unknown := sorted(set(asked).difference(health.known)):
            return PlainTextResponse(f"no part {unknown[0]}; there are {', '.join(health.known)}\n", 400)
        ready = not any(ill.get(name) for name in asked or ill)
        parts = health.parts()
        if asked:
            parts = {name: parts.get(name, ELSEWHERE) for name in asked}
        return JSONResponse({"ready": ready, "parts": parts, **replica()}, 200 if ready else 503)

    async def metrics(_: Request) -> Response:
        meter.process(health.ill(), pulse.lag_s(time.monotonic()))
        return Response(meter.page(), media_type="text/plain; version=0.0.4")

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]


async def keep_beating(pulse: Pulse) -> None:
    """Beat for ever; when this ends, for whatever reason, `/livez` says so."""
    while True:
        pulse.beat(time.monotonic())
        await asyncio.sleep(EVERY_S)


def web_server(routes: Sequence[Route], forwarded_allow_ips: str) -> Server:
    """The server for `serve(sockets=[...])`; it stops when `should_exit` is set."""
    config = uvicorn.Config(
        Starlette(routes=list(routes)),
        http=PromptProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=bool(forwarded_allow_ips),
        forwarded_allow_ips=forwarded_allow_ips or None,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=32 * 1024,
    )
    return Server(config)
