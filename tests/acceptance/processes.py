"""livecue and nats-server as real child processes, and waiting for what they do."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def until(what: Callable[[], T], within: float = 10, why: str = "") -> T:
    """The first truthy answer of `what`.

    Raises:
        AssertionError: none came within `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{why or 'it did not come true'} within {within} s: {found!r}")
        await asyncio.sleep(0.02)


def until_now(what: Callable[[], T], within: float = 10, why: str = "") -> T:
    """`until` where no loop is to be kept turning."""
    deadline = time.monotonic() + within
    while not (found := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{why or 'it did not come true'} within {within} s: {found!r}")
        time.sleep(0.02)
    return found


class Process:
    """A child with its output in one file. `ended` after `stop` or `kill`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None

    def spawn(self, *command: str, env: Mapping[str, str] | None = None) -> None:
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(env or {})},
                cwd=self.log.parent,
            )

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def words(self) -> str:
        """All it has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        if self.child is not None:
            self.child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait."""
        if self.child is not None:
            with suppress(ProcessLookupError):
                self.child.kill()
            self.child.wait(10)

    def terminate(self, within: float = 10) -> tuple[int, float]:
        """SIGTERM; the exit code and how long it took.

        Raises:
            TimeoutExpired: it did not end; it is killed then.
        """
        assert self.child is not None
        began = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return code, time.monotonic() - began


class Nats(Process):
    """A plain `nats-server -js` on a fixed port, its store in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "nats.log")
        self.folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"

    def up(self) -> None:
        server = str(BIN / "nats-server")
        self.spawn(server, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", str(self.folder / "store"))
        until_listening(self.port)


def until_listening(port: int, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on {port}")


class Livecue(Process):
    """`livecue run -c <folder>/livecue.yaml`."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "livecue.log")
        self.folder = folder
        self.write(config)

    def write(self, config: Mapping[str, Any]) -> None:
        """Put another configuration into place; the next `up` reads it."""
        self.config = dict(config)
        (self.folder / "livecue.yaml").write_text(json.dumps(config, ensure_ascii=False, indent=1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config['http']['port']}"

    def up(self) -> None:
        self.spawn(str(BIN / "livecue"), "run", "-c", str(self.folder / "livecue.yaml"))

    def get(self, path: str) -> httpx.Response | None:
        try:
            with httpx.Client(trust_env=False, timeout=2) as client:
                return client.get(self.url + path)
        except httpx.HTTPError:
            return None

    def ready(self) -> bool:
        assert self.child is not None
        assert self.running, f"livecue has ended with {self.child.returncode}:\n{self.words()[-3000:]}"
        answer = self.get("/readyz")
        return answer is not None and answer.status_code == 200

    def up_and_ready(self) -> None:
        self.up()
        until_now(self.ready, 20, "livecue is not ready")

    def parts(self) -> dict[str, str]:
        """What /readyz says of each part."""
        answer = self.get("/readyz")
        return {} if answer is None else dict(answer.json()["parts"])

    def leases(self) -> set[str]:
        """What it says that it holds."""
        answer = self.get("/readyz")
        return set() if answer is None else set(answer.json()["leases"])

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels."""
        answer = self.get("/metrics")
        total = 0.0
        for line in answer.text.splitlines() if answer else ():
            found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
            if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
                total += float(found[2])
        return total

    def lines(self) -> list[dict[str, Any]]:
        """Its log, line by line; a line that is not JSON fails the test, one still being written waits."""
        whole, _, _ = self.words().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == event]

    def nats(self) -> tuple[str, str]:
        """Address and token of its embedded server, as its own files have them."""
        folder = self.folder / self.config.get("data_dir", "var") / "nats"
        ports = next(folder.glob("nats-server_*.ports"))
        token = re.search(r'token: "([^"]+)"', (folder / "server.conf").read_text())
        assert token is not None
        return str(json.loads(ports.read_text())["nats"][0]), token[1]

    def children(self) -> list[int]:
        """Processes whose parent it is."""
        assert self.child is not None
        return children_of(self.child.pid)


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
