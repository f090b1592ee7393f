"""What is measured: a real NATS server, a sandbox, and `livecue run` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import yaml
from nats.aio.client import Client

from livecue.bus.embedded import EmbeddedServer
from livecue.bus.streams import ensure_streams
from livecue.sandbox import Sandbox, SandboxOptions

ROOM = "bench"
ROOM_ID = "11111111-aaaa-4bbb-8ccc-0000000000be"
_READY_S = 30.0


class BenchError(Exception):
    """The bench could not measure.

    Remedy: the text says what did not come up; run `livecue demo` to see whether the parts work here.
    """


@dataclass
class Stage:
    """One run's parts. `pid` is the daemon's once `daemon()` has been entered."""

    folder: Path
    nc: Client
    server: EmbeddedServer
    sandbox: Sandbox
    rules: Path
    pid: int = 0
    _child: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def daemon(self, **more: Any) -> AsyncIterator[None]:
        """`livecue run` until the block ends; it has to stop by SIGTERM with exit code 0. `more`: of its
        configuration.
        """
        now = datetime.now(UTC)
        data: dict[str, Any] = {
            "data_dir": str(self.folder),
            "log_level": "warning",
            "nats": {"url": self.server.url, "token": self.server.token},
            "metastudio": {
                "endpoint": self.sandbox.endpoint,
                "project_id": self.sandbox.project_id,
                "auth": {"ak": self.sandbox.ak, "sk": self.sandbox.sk},
            },
            "http": {"port": 0},
            "airtime": {"max_queued_s": 600, "max_share": 1},  # one room alone is to use the whole quota
            "rooms": [
                {
                    "key": ROOM,
                    "room_id": ROOM_ID,
                    "rules": [str(self.rules)],
                    "start": {
                        "output_urls": ["rtmp://push.example.com/live/bench"],
                        "stream_keys": ["bench-key"],
                    },
                    "sessions": [{"name": "bench", "start": now, "end": now + timedelta(hours=1)}],
                }
            ],
            **more,
        }
        config = self.folder / "livecue.yaml"
        config.write_text(yaml.safe_dump(data, allow_unicode=True))
        command = (sys.executable, "-m", "livecue", "run", "-c", str(config))
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        self.pid = child.pid
        self._child = child
        try:
            yield
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(child.wait(), 20)
            if code != 0:
                raise BenchError(f"the daemon ended with {code}")

    async def until(self, reached: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until `reached()`; a daemon that dies meanwhile ends the wait."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not reached():
            if self._child is not None and self._child.returncode is not None:
                raise BenchError(f"the daemon ended with {self._child.returncode}: see its log above")
            if asyncio.get_running_loop().time() > deadline:
                raise BenchError(f"{what} within {seconds:.0f} s")
            await asyncio.sleep(0.05)

    async def job_running(self) -> None:
        """Wait until the room is live."""
        jobs = self.sandbox.jobs
        await self.until(
            lambda: any(job.state == "PROCESSING" for job in jobs.values()), _READY_S, "the room was not live"
        )
        await asyncio.sleep(3)  # until the daemon has seen it, too

    def rss_mb(self) -> float:
        """The daemon's peak resident memory so far."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
        return 0.0


@asynccontextmanager
async def stage(rules: Sequence[dict[str, Any]]) -> AsyncIterator[Stage]:
    """Bus and sandbox up, the rules written as a pack; the daemon is started by `Stage.daemon`."""
    with tempfile.TemporaryDirectory(prefix="livecue-bench-") as name:
        folder = Path(name)
        pack = folder / "pack"
        pack.mkdir()
        group = {"group_name": "bench", "interaction_rules": list(rules)}
        (pack / "pack.yaml").write_text(yaml.safe_dump(group, allow_unicode=True))
        server = EmbeddedServer(folder / "bus")
        await server.start()
        try:
            nc = await nats.connect(server.url, token=server.token)
            await ensure_streams(nc, 1)
            async with Sandbox(SandboxOptions(room_ids=(ROOM_ID,))).running() as sandbox:
                yield Stage(folder, nc, server, sandbox, pack)
            await nc.close()
        finally:
            await server.stop()


def keyword_rules(count: int) -> list[dict[str, Any]]:
    """`count` rules of two keywords each, every one answering whenever it hits."""
    return [
        {
            "rule_index": f"bench-{n}",
            "rule_name": f"bench {n}",
            "event_type": 1,
            "hit_condition": {
                "relation": "AND",
                "tags": [{"tag": "content", "match": "REGEX", "value": f"问题{n}号|关键词{n}号"}],
            },
            "trigger": {"time_window": 0, "reply_mode": "SYSTEM_REPLY", "reply_texts": [f"答{n}"]},
        }
        for n in range(count)
    ]


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {"cpus": os.cpu_count(), "python": sys.version.split()[0]}
