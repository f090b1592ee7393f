"""Lives under faults: a sandbox that misbehaves, a daemon with a room per fault, and what the record says after."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from acceptance.processes import Livecue, Nats, until_now
from acceptance.writing import CALLBACK_KEY, STREAM_KEY, config, once, room
from livecue.sandbox import Sandbox, SandboxOptions, parse_faults
from livecue.sandbox.jobs import LiveJob

if TYPE_CHECKING:
    from acceptance.cloud import Cloud

STOPPED_WITHIN_S = 60
"""A job is over so long after its session's end, or after the cloud answers again."""

CALLED_BACK: Mapping[str, Any] = {
    "callback": {"auth_type": "MSS_A_HEAD", "key": CALLBACK_KEY},
    "start": {"output_urls": ["rtmp://push.example.com/live"], "stream_keys": [STREAM_KEY]},
}


@dataclass(frozen=True)
class Case:
    """One room and what goes wrong in it. Seconds count from the stage's beginning.

    `faults` as in docs/sandbox.md, without `room`. `jobs`: how many the room may have one after the other.
    `back_s`: when the cloud answers again.
    """

    key: str
    faults: tuple[Mapping[str, Any], ...] = ()
    session: tuple[float, float] = (-1, 24)
    jobs: int = 1
    back_s: float = 0
    more: Mapping[str, Any] = field(default_factory=dict)


class Sky:
    """A sandbox in a thread and loop of its own, with the documented limits.

    `strict`: it refuses a second job in a room, as it is asked to; else livecue alone prevents that.
    """

    def __init__(self, *, strict: bool) -> None:
        options = SandboxOptions(any_room=True, start_delay_s=0.3, enforce_single_job=strict)
        self.sandbox = Sandbox(options)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def up(self) -> None:
        self._thread.start()
        assert self._ready.wait(10), "the sandbox did not come up"

    def down(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def inject(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Misbehave so from now on."""
        plan = parse_faults(json.dumps({"seed": 5, "faults": list(faults)}))
        self._loop.call_soon_threadsafe(self.sandbox.inject, plan)

    def jobs(self, room_id: str) -> list[LiveJob]:
        """All jobs the room has had, in order."""
        jobs = dict(self.sandbox.jobs).values()
        return sorted((job for job in jobs if job.room_id == room_id), key=lambda job: job.created_s)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self.sandbox.running():
            self._ready.set()
            await self._stop.wait()


class Stage:
    """A sandbox, a daemon, a room per case; with `external` a nats-server beside them."""

    def __init__(
        self,
        folder: Path,
        cases: Sequence[Case],
        *,
        external: bool = False,
        strict: bool = False,
        timeout_s: float = 2,
    ) -> None:
        self.began_s = time.time()
        self.cases = cases
        self._stack = ExitStack()
        self.sky = Sky(strict=strict)
        self.sky.up()
        self._stack.callback(self.sky.down)
        rooms = [
            room(case.key, sessions=[once(case.session[1], case.session[0])], **case.more) for case in cases
        ]
        self.ids = {one["key"]: one["room_id"] for one in rooms}
        self.inject()
        folder.mkdir(parents=True, exist_ok=True)
        self.nats = Nats(folder / "nats")
        self._stack.callback(self.nats.kill)
        more = {"nats": {"url": self.nats.url}} if external else {}
        body = config(cast("Cloud", self._as_cloud()), rooms, **more)
        body["metastudio"]["timeout_s"] = timeout_s
        self.daemon = Livecue(folder / "daemon", body)
        self._stack.callback(self.daemon.kill)

    def _as_cloud(self) -> Sandbox:
        """`config` asks for an endpoint, a project and keys; a sandbox has them under the same names."""
        return self.sky.sandbox

    def inject(self) -> None:
        """Put the cases' faults into force."""
        self._faulty = [case.key for case in self.cases for _ in case.faults]
        self.sky.inject(
            [{**fault, "room": self.ids[case.key]} for case in self.cases for fault in case.faults]
        )

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self._faulty = []
        self.sky.inject(())

    def jobs(self, key: str) -> list[LiveJob]:
        return self.sky.jobs(self.ids[key])

    def over(self, key: str) -> bool:
        """Whether the room has had a job, and none of its jobs is running."""
        jobs = self.jobs(key)
        return bool(jobs) and all(job.over for job in jobs)

    def wait_until(self, at_s: float) -> None:
        """Sleep until `at_s` after the beginning."""
        time.sleep(max(0.0, self.began_s + at_s - time.time()))

    def wait_for(self, what: Callable[[], bool], within: float, why: str) -> None:
        until_now(what, within, why)

    def end(self) -> dict[str, list[str]]:
        """Wait for the end of all sessions and jobs; what is wrong, by room."""
        self.wait_until(max(case.session[1] for case in self.cases))
        deadline = max(max(case.session[1], case.back_s) for case in self.cases) + STOPPED_WITHIN_S
        while time.time() < self.began_s + deadline and not all(self.over(case.key) for case in self.cases):
            time.sleep(0.1)
        with suppress(AssertionError):  # the looks after the stop may be what is struck
            until_now(lambda: not self._unstruck(), 8)
        time.sleep(1)  # for a start that should not come
        found = {case.key: self._wrong(case) for case in self.cases}
        for key in self._unstruck():
            found[key].append("its fault never struck: this room proves nothing")
        self.close()
        return found

    def close(self) -> None:
        self._stack.close()

    def _unstruck(self) -> list[str]:
        hits = self.sky.sandbox.hits
        return [key for place, key in enumerate(self._faulty) if not hits[place]]

    def _wrong(self, case: Case) -> list[str]:
        jobs = self.jobs(case.key)
        bound_s = max(case.session[1], case.back_s) + STOPPED_WITHIN_S
        wrong = []
        if not jobs:
            wrong.append("it never went live")
        if len(jobs) > case.jobs:
            wrong.append(f"it had {len(jobs)} jobs: {[self._span(job) for job in jobs]}")
        for first, second in pairwise(jobs):
            if first.ended_s is None or second.created_s < first.ended_s:
                wrong.append(f"two jobs at once: {self._span(first)}, {self._span(second)}")
        wrong += [f"a job is still {job.state}: {self._span(job)}" for job in jobs if not job.over]
        late = [job for job in jobs if job.ended_s is not None and job.ended_s - self.began_s > bound_s]
        wrong += [f"a job was stopped too late: {self._span(job)}" for job in late]
        early = [job for job in jobs if job.state == "SUCCEED" and self._ended(job) < case.session[1] - 1]
        wrong += [f"a job was stopped in mid-session: {self._span(job)}" for job in early]
        return wrong

    def _ended(self, job: LiveJob) -> float:
        return (job.ended_s or float("inf")) - self.began_s

    def _span(self, job: LiveJob) -> str:
        return f"{job.created_s - self.began_s:.1f} to {self._ended(job):.1f} s {job.state}"
