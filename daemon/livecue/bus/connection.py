"""One connection for everything: faststream's broker on top, its nats-py client beneath."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from faststream.nats import NatsBroker
from faststream.nats.security import NatsCredentials, NatsSecurity, NatsToken, NatsUserPassword
from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.api import BusUnfitError
from livecue.bus.channels import Channels
from livecue.bus.fitness import check_version, denied, try_rights, unfit_rights
from livecue.bus.streams import ensure_streams
from livecue.runtime.ports import BusError, Health

log = structlog.get_logger()

_CONNECT_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2.0
_KEPT_TROUBLES = 50
_PING_S = 3  # three unanswered: the line is dead within 12 s, well before a reply is (20 s)


@dataclass(frozen=True)
class BusOptions:
    """How to reach the NATS server. `expect_name`: refuse a server of another name (embedded)."""

    servers: tuple[str, ...]
    token: str = ""
    creds_file: str = ""
    user: str = ""
    password: str = ""
    tls_ca_file: str = ""
    tls_cert_file: str = ""
    tls_key_file: str = ""
    replicas: int = 1
    expect_name: str = ""

    def tls(self) -> ssl.SSLContext | None:
        if not (self.tls_ca_file or self.tls_cert_file):
            return None
        context = ssl.create_default_context(cafile=self.tls_ca_file or None)
        if self.tls_cert_file:
            context.load_cert_chain(self.tls_cert_file, self.tls_key_file or None)
        return context

    def security(self) -> NatsSecurity | None:
        """What faststream identifies us by.

        Raises:
            BusError: the credentials or certificates cannot be read.
        """
        try:
            tls = self.tls()
            if self.creds_file:
                Path(self.creds_file).read_bytes()  # said now, by name, rather than at each attempt
                return NatsCredentials(self.creds_file, ssl_context=tls)
        except OSError as error:
            raise BusError(
                f"nats: {error.filename or 'a certificate'} cannot be read: {error.strerror}"
            ) from error
        if self.user:
            return NatsUserPassword(self.user, self.password, ssl_context=tls)
        if self.token:
            return NatsToken(self.token, ssl_context=tls)
        return NatsSecurity(ssl_context=tls) if tls else None


class Bus:
    """The connected bus. `connect` returns when streams exist; reconnecting is automatic and endless."""

    def __init__(
        self, options: BusOptions, channels: Channels, health: Health, on_signal: Callable[[str, bytes], None]
    ) -> None:
        self._options = options
        self._channels = channels
        self._health = health
        self._on_signal = on_signal
        self._broker: NatsBroker | None = None
        self._connected = False
        self._trouble = ""
        self._troubles: deque[str] = deque(maxlen=_KEPT_TROUBLES)
        self.nc: Client = Client()

    async def connect(self) -> None:
        """Try until it works, with backoff from 0.2 to 10 s; `/readyz` shows why it does not yet."""
        pause_s = 0.2
        said = ""
        while True:
            try:
                await self._connect_once()
            except BusError as error:
                self._health.report("bus", str(error))
                if str(error) != said:  # once, not with every attempt
                    said = str(error)
                    self._say(error)
                await self.close()
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 10.0)
            else:
                self._connected = True
                self._health.report("bus")
                return

    @staticmethod
    def _say(error: BusError) -> None:
        if isinstance(error, BusUnfitError):
            log.error("bus-unfit", error=str(error), remedy="change what it says; livecue tries again")
        else:
            log.warning("bus-unreachable", error=str(error), remedy="check nats.url; livecue tries again")

    async def _connect_once(self) -> None:
        self._trouble = ""
        self._troubles.clear()
        broker = NatsBroker(list(self._options.servers), **self._client_options())
        self._channels.bind(broker, self._on_signal)
        self._broker = broker
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                self.nc = await broker.connect()
        except (NatsError, OSError, TimeoutError) as error:
            why = self._trouble or str(error) or type(error).__name__
            raise unreachable(self._options, why) from error
        self._check_server()
        try:
            await ensure_streams(self.nc, self._options.replicas)
            await try_rights(self.nc)
        except BusError:
            if what := denied(self._troubles):
                raise unfit_rights(what) from None
            raise
        if what := denied(self._troubles):
            raise unfit_rights(what)
        await broker.start()

    async def tend(self) -> None:
        """See that the streams are there and as they should be; `/readyz` shows it if not.

        Raises:
            BusError: the client will never reconnect (the server called an error fatal); start anew.
        """
        if self.nc.is_closed:
            raise BusError(
                f"the client gave the connection up: {self._trouble or 'no reason given'}: restart"
            )
        if not self.nc.is_connected:
            return
        try:
            await ensure_streams(self.nc, self._options.replicas)
        except BusError as error:
            self._health.report("bus", str(error))
            log.warning("streams-missing", error=str(error))
        else:
            self._health.report("bus")

    def _check_server(self) -> None:
        name = str(self.nc._server_info.get("server_name", ""))  # noqa: SLF001 - nats-py has no accessor
        if self._options.expect_name and name != self._options.expect_name:
            raise BusError(f"a stranger answers on our port: server {name!r}")
        check_version(self.nc)

    def _client_options(self) -> dict[str, Any]:
        async def lost() -> None:
            if self._broker is None or not self._connected:
                return  # our own close, or an attempt that failed
            self._health.report("bus", "disconnected, reconnecting")
            log.warning("bus-disconnected")

        async def back() -> None:
            self._health.report("bus")
            log.info("bus-reconnected")

        async def trouble(error: Exception) -> None:
            self._trouble = str(error) or type(error).__name__
            self._troubles.append(self._trouble)
            log.debug("bus-error", error=f"{type(error).__name__}: {error}")

        options: dict[str, Any] = {
            "name": "livecue",
            "logger": None,
            "apply_types": False,
            "graceful_timeout": 5.0,
            "connect_timeout": 3,
            "reconnect_time_wait": 0.25,
            "max_reconnect_attempts": -1,
            "ping_interval": _PING_S,
            "max_outstanding_pings": 2,
            "disconnected_cb": lost,
            "reconnected_cb": back,
            "error_cb": trouble,
        }
        if security := self._options.security():
            options["security"] = security
        return options

    async def close(self) -> None:
        """Stop subscribers, flush what was published, close. Idempotent."""
        broker, self._broker = self._broker, None
        self._connected = False
        if broker is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                if self.nc.is_connected:
                    await self.nc.flush(1)
                await broker.stop()
        except (NatsError, OSError, TimeoutError, ExceptionGroup):
            # A server that does not answer would be waited for by the drain, also after a cancel.
            with suppress(NatsError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await self.nc.close()


def unreachable(options: BusOptions, why: str) -> BusError:
    """The error for a server that did not let us in."""
    servers = ", ".join(map(_shown, options.servers))
    if "authorization" in why.lower():
        return BusUnfitError(
            f"the NATS server at {servers} refuses us ({why})",
            "correct nats.token, nats.user and nats.password, or nats.creds_file",
        )
    return BusError(f"no NATS server at {servers}: {why}")


def _shown(url: str) -> str:
    """A server's address without any user info it carries."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme or 'nats'}://{rest.rpartition('@')[2]}"
