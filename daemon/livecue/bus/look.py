"""Looking at a NATS server without changing anything: what `livecue doctor` tells of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.client import Client

from livecue.bus.api import BusApiError, api_request
from livecue.bus.connection import BusOptions
from livecue.bus.fitness import check_version, denied, try_rights
from livecue.bus.moment import connect_for_a_moment
from livecue.bus.streams import differences, essential, foreign_subjects, overlapping, stream_configs

_MIB = 1 << 20


@dataclass(frozen=True)
class StreamSeen:
    """One of our streams as it is. `bytes_mb`, `max_mb`: what it holds and may hold (0: no bound).

    `wanted_mb`: what it would take if it has to be made. `strange`: subjects in it that are not ours;
    `taken`: other streams that store ours; `differing`: settings that livecue will correct. `sheds`: when
    full it drops the oldest, else it refuses. `server_ms`: the server's clock as it told of it.
    """

    name: str
    there: bool
    wanted_mb: int
    strange: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    bytes_mb: int = 0
    max_mb: int = 0
    sheds: bool = True
    replicas: int = 0
    led: bool = True
    server_ms: int | None = None


class Look:
    """One connection, for looking."""

    def __init__(self, nc: Client, troubles: list[str]) -> None:
        self._nc = nc
        self._troubles = troubles

    @property
    def server(self) -> str:
        """The server's name."""
        return str(self._nc._server_info.get("server_name", ""))  # noqa: SLF001 - nats-py has no accessor

    def version(self) -> str:
        """Its version.

        Raises:
            BusUnfitError: it is too old.
        """
        return check_version(self._nc)

    async def storage_mb(self) -> tuple[int, int | None]:
        """What the account has reserved or used, and its limit; None: it has none.

        Raises:
            BusUnfitError: JetStream is off.
            BusError: the server does not say.
        """
        account = await api_request(self._nc, "INFO", {})
        used = max(int(account.get("storage") or 0), int(account.get("reserved_storage") or 0))
        limit = int((account.get("limits") or {}).get("max_storage") or -1)
        return used // _MIB, limit // _MIB if limit > 0 else None

    async def denied(self) -> list[str]:
        """The rights that are missing, found out without storing anything."""
        await try_rights(self._nc)
        return self.denied_so_far()

    def denied_so_far(self) -> list[str]:
        return denied(self._troubles)

    async def streams(self, replicas: int) -> list[StreamSeen]:
        """Each of our streams.

        Raises:
            BusError: the server does not say.
        """
        return [await self._stream(config) for config in stream_configs(replicas)]

    async def _stream(self, config: Any) -> StreamSeen:
        name, wanted_mb = str(config["name"]), int(config["max_bytes"]) // _MIB
        try:
            info = await api_request(self._nc, f"STREAM.INFO.{name}", {})
        except BusApiError as error:
            if error.code != 404:
                raise
            taken = await overlapping(self._nc, config)
            return StreamSeen(name, there=False, wanted_mb=wanted_mb, taken=tuple(taken))
        found = info["config"]
        cluster = info.get("cluster")
        return StreamSeen(
            name,
            there=True,
            wanted_mb=wanted_mb,
            strange=tuple(foreign_subjects(config, found)),
            differing=tuple(differences(essential(config), found)),
            bytes_mb=int(info["state"]["bytes"]) // _MIB,
            max_mb=max(int(found.get("max_bytes") or 0), 0) // _MIB,
            sheds=found.get("discard") != "new",
            replicas=int(found.get("num_replicas") or 1),
            led=cluster is None or bool(cluster.get("leader")),
            server_ms=_ms(info.get("ts")),
        )


def _ms(moment: object) -> int | None:
    try:
        return round(datetime.fromisoformat(str(moment)).timestamp() * 1000)
    except ValueError:
        return None


@asynccontextmanager
async def looking(options: BusOptions) -> AsyncIterator[Look]:
    """A connection that is closed again.

    Raises:
        BusUnfitError: the server refuses our credentials.
        BusError: it cannot be reached.
    """
    troubles: list[str] = []
    nc = await connect_for_a_moment(options, troubles)
    try:
        yield Look(nc, troubles)
    finally:
        await nc.close()
