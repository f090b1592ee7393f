"""Who this replica is: a name kept in `data_dir`, and a lock on it for the life of the process.

Under the lock an earlier process of this name is known to be dead, so its leases need not be waited for.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import secrets
import socket
import time
from pathlib import Path
from typing import Final

import structlog

from livecue.runtime.ports import BusError

log = structlog.get_logger()

FILE: Final = "replica"
_WAIT_S: Final = 5.0
_GOOD: Final = re.compile(r"[a-z0-9-]{1,63}")


class DataDirTakenError(BusError):
    """Another livecue runs on this `data_dir`.

    Remedy: stop it, or give each replica a `data_dir` of its own.
    """


def lease_ms() -> int:
    """A clock in ms that never steps, and goes on while the process is stopped or the machine asleep."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class Identity:
    """`name` is this replica's from `take` on, and nobody else's until `release`."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE
        self._lock = -1
        self.name = ""

    async def take(self) -> None:
        """Lock the name, or make one. Where nothing can be written it is good for this process alone.

        Raises:
            DataDirTakenError: another process has it.
        """
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self.name = _new_name()
            log.warning("replica-name-not-kept", file=str(self._file), error=str(error))
            return
        await self._wait_for_it()
        kept = os.read(self._lock, 100).decode("ascii", "replace").strip()
        self.name = kept if _GOOD.fullmatch(kept) else _new_name()
        if self.name != kept:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, self.name.encode(), 0)

    async def _wait_for_it(self) -> None:
        deadline = time.monotonic() + _WAIT_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    self.release()
                    raise DataDirTakenError(
                        f"{self._file.parent} is in use by another livecue: stop it, "
                        "or give each replica a data_dir of its own"
                    ) from None
                await asyncio.sleep(0.1)
            else:
                return

    def release(self) -> None:
        """Let another process have the name. Idempotent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _new_name() -> str:
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:40]
    return f"{host or 'replica'}-{secrets.token_hex(4)}"
