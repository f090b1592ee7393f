"""A cloud and a daemon of a test file's own, its rooms live, and what became of each cue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.cloud import Call, Cloud
from acceptance.processes import Livecue, free_port, until_now
from acceptance.shapes import RunningJob
from acceptance.speech import Voice
from acceptance.writing import Bus, bus_of, config

Lines = Sequence[Mapping[str, Any]]


@dataclass
class Hall:
    cloud: Cloud
    daemon: Livecue
    ids: Mapping[str, str]

    def job(self, key: str) -> RunningJob:
        """The one job of the room that is not over."""
        [job] = self.cloud.live(self.ids[key])
        return job

    def voice(self, key: str) -> Voice:
        return self.cloud.speech.of(self.job(key))

    def said(self, key: str) -> list[str]:
        return self.cloud.said(self.ids[key])

    def commands(self, key: str) -> list[Call]:
        return self.cloud.of("command", self.ids[key])

    def readyz(self) -> int:
        answer = self.daemon.get("/readyz")
        return answer.status_code if answer else 0

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        async with bus_of(self.daemon) as bus:
            yield bus


@contextmanager
def hall(
    folder: Path,
    rooms: Sequence[Mapping[str, Any]],
    timeout_s: float = 2,
    before: Callable[[Cloud], object] = id,
    **more: Any,
) -> Iterator[Hall]:
    """All rooms live; `before` prepares the cloud. In the end nobody may have done what no client of the real cloud may do."""
    cloud = Cloud(free_port())
    before(cloud)
    cloud.up()
    wanted_config = config(cloud, rooms, **more)
    wanted_config["metastudio"]["timeout_s"] = timeout_s
    daemon = Livecue(folder, wanted_config)
    try:
        daemon.up_and_ready()
        wanted = [str(room["room_id"]) for room in rooms if room.get("sessions")]
        until_now(lambda: all(map(cloud.live, wanted)), 30, "not every room went live")
        until_now(lambda: len(daemon.logged("job-started")) >= len(wanted), 10)
        yield Hall(cloud, daemon, {str(room["key"]): str(room["room_id"]) for room in rooms})
        assert daemon.running, daemon.words()[-3000:]
        daemon.terminate()
    finally:
        daemon.kill()
        cloud.down()
    assert cloud.complaints == []


def fates(lines: Lines, rule_index: str = "") -> dict[str, list[str]]:
    """What the audit says of each cue, outcome by outcome."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.get("rule_index") and rule_index in {"", line["rule_index"]}:
            found.setdefault(line["subject_id"], []).append(line["outcome"])
    return found


def fate(lines: Lines, rule_index: str) -> list[str]:
    """The outcomes of the one cue of that rule that was queued since `lines` began."""
    found = {cue: told for cue, told in fates(lines, rule_index).items() if told[0] == "queued"}
    assert len(found) < 2, found
    return next(iter(found.values()), [])


def codes(lines: Lines, rule_index: str) -> list[str]:
    return [line["code"] for line in lines if line.get("rule_index") == rule_index and line.get("code")]


async def fated(lines: Lines, rule_index: str, *wanted: str, within: float = 10) -> None:
    """Wait until the last outcomes of the one cue of that rule are these.

    Raises:
        AssertionError: they are not, within `within` seconds; it shows what they are.
    """
    deadline = time.monotonic() + within
    while tuple(fate(lines, rule_index)[-len(wanted) :]) != wanted:
        if time.monotonic() > deadline:
            assert fate(lines, rule_index)[-len(wanted) :] == list(wanted), list(lines)
        await asyncio.sleep(0.02)
