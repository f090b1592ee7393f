"""A cloud in virtual time: it takes a while, notes when it saw each call, speaks, and calls back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass

from livecue.domain import Cue, CueKind, Job, JobState, Signal, SignalKind
from livecue.engine.speech import spoken_seconds
from livecue.runtime.ports import Now


@dataclass(frozen=True, slots=True)
class Call:
    """One command: when it was sent, when the server saw it."""

    command_id: str
    room: str
    cue_id: str
    sent_ms: int
    arrived_ms: int


@dataclass(slots=True)
class _Voice:
    """`pace`: how much slower than normal speed it is. `until_ms`: when it has said what was inserted."""

    pace: float
    until_ms: int = 0


class VirtualCloud:
    """`Commands`. It refuses nothing: that more came than allowed is to be seen in `calls`."""

    def __init__(self, seed: int, now: Now) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # the same network in every run
        self._now = now
        self._voices: dict[str, _Voice] = {}
        self.calls: list[Call] = []
        self.hear: Callable[[Signal], None] | None = None

    async def send(self, cue: Cue, job: Job) -> str:
        sent_ms = self._now()
        await asyncio.sleep(self._way_ms() / 1000)
        call = Call(f"command-{len(self.calls) + 1}", cue.room, cue.id, sent_ms, self._now())
        self.calls.append(call)
        if cue.kind is CueKind.SPEAK:
            self._speak(call, cue, job)
        await asyncio.sleep((self._work_ms() + self._way_ms()) / 1000)
        return call.command_id

    async def withdraw(self, room: str, job: Job, command_ids: Collection[str]) -> None:
        """No scene ends here."""

    async def unplayed(self, room: str, job: Job) -> frozenset[str] | None:  # noqa: ARG002
        return None

    def _way_ms(self) -> int:
        return 8 + min(int(self._chance.expovariate(1 / 10)), 80)

    def _work_ms(self) -> int:
        return 10 + min(int(self._chance.expovariate(1 / 15)), 120)

    def _speak(self, call: Call, cue: Cue, job: Job) -> None:
        """As an INSERT: after what was inserted before, or else at the end of the script's sentence."""
        voice = self._voices.setdefault(cue.room, _Voice(self._chance.uniform(0.9, 1.15)))
        now = self._now()
        begins_ms = voice.until_ms if voice.until_ms > now else now + self._chance.randint(0, 2_000)
        voice.until_ms = begins_ms + int(spoken_seconds(cue.text) * 1000 * voice.pace)
        wait_s = (voice.until_ms - now + self._way_ms()) / 1000
        data = {"job_id": job.job_id, "reply_id": call.command_id}
        asyncio.get_running_loop().call_later(wait_s, self._called_back, cue.room, data)

    def _called_back(self, room: str, data: dict[str, str]) -> None:
        if self.hear is not None:
            self.hear(Signal(room, "", self._now(), SignalKind.REPLY_FINISHED, data))


class AllLive:
    """`JobBoard`: every room is on."""

    def job(self, room: str) -> Job:
        return Job(f"job-{room}", JobState.PROCESSING)
