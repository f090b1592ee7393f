"""The avatar's voice: what a job was given to say is spoken one after the other, and takes its time.

250 characters a minute (S4 12.5 at speed 100). What is spoken to its end is told by REPLY_COMMAND_FINISH.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from acceptance.calling import by_head, callback
from acceptance.shapes import RunningJob

CHARACTERS_PER_S = 250 / 60
AUDIO_S = 3.0


@dataclass
class Insert:
    """One inserted text or audio. `began` and `ended` are 0 until it happens, in monotonic seconds.

    `left_s`: what is still to be spoken, less than `seconds` once it was cut into.
    """

    command_id: str
    body: Mapping[str, Any]
    seconds: float
    given: float
    began: float = 0
    ended: float = 0
    left_s: float = 0

    def __post_init__(self) -> None:
        self.left_s = self.seconds

    @property
    def play_type(self) -> str:
        return str(self.body["params"]["play_type"])

    @property
    def text(self) -> str:
        params = self.body.get("params") or {}
        return str(params.get("text_config", {}).get("text") or params.get("audio_url", ""))

    def shown(self) -> dict[str, Any]:
        """InsertCommandItem of the vendor's SDK."""
        told = {key: self.body[key] for key in ("command", "params")}
        return {"command_id": self.command_id, "source": "EXTERNAL", **told}


@dataclass
class Voice:
    """The speech of one job. `most_unspoken_s` is the most that ever lay before the avatar at once."""

    waiting: list[Insert] = field(default_factory=list)
    speaking: Insert | None = None
    since: float = 0
    said: list[Insert] = field(default_factory=list)
    taken_back: list[Insert] = field(default_factory=list)
    most_unspoken_s: float = 0
    task: asyncio.Task[None] | None = None
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def unspoken_s(self) -> float:
        rest = 0.0
        if self.speaking is not None:
            rest = max(0.0, self.since + self.speaking.left_s - time.monotonic())
        return rest + sum(insert.left_s for insert in self.waiting)

    def queue(self, insert: Insert) -> None:
        """PLAY_NOW cuts into what is spoken, INSERT waits for its end, APPEND for all else (S4 12.5)."""
        at = len(self.waiting)
        if insert.play_type == "PLAY_NOW":
            at = 0
            self.cut.set()
        elif insert.play_type == "INSERT":
            at -= sum(one.play_type == "APPEND" for one in self.waiting)
        self.waiting.insert(at, insert)
        self.most_unspoken_s = max(self.most_unspoken_s, self.unspoken_s())

    async def speak_one(self) -> Insert | None:
        """The next one to its end; None if another one cut into it."""
        one = self.speaking = self.waiting.pop(0)
        self.since = time.monotonic()
        one.began = one.began or self.since
        self.cut.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(one.left_s):
                await self.cut.wait()
        self.speaking = None
        one.left_s -= time.monotonic() - self.since
        if self.cut.is_set() and one.left_s > 0:
            self.waiting.insert(1, one)
            return None
        one.ended = time.monotonic()
        self.said.append(one)
        return one


def seconds_of(body: Mapping[str, Any]) -> float:
    """How long an insert holds the air; markup is not spoken."""
    if body["command"] == "INSERT_PLAY_AUDIO":
        return AUDIO_S
    text = body["params"].get("text_config", {}).get("text", "")
    return len(re.sub(r"<[^>]*>", "", text)) / CHARACTERS_PER_S


@dataclass
class Speech:
    """The voices of every job.

    `finishes`: whether the cloud calls back; `loses`: in these rooms each n-th call is lost;
    `mute_rooms` are never told of. `speeds` of the rooms' voices, 100 unless given;
    `truly` is how fast they speak if that is not what the room says.
    """

    finishes: bool = False
    speeds: dict[str, int] = field(default_factory=dict)
    truly: dict[str, int] = field(default_factory=dict)
    mute_rooms: set[str] = field(default_factory=set)
    loses: dict[str, int] = field(default_factory=dict)
    voices: dict[str, Voice] = field(default_factory=dict)
    told: list[int] = field(default_factory=list)
    lost: int = 0

    def of(self, job: RunningJob) -> Voice:
        return self.voices.setdefault(job.job_id, Voice())

    def give(self, job: RunningJob, command_id: str, body: Mapping[str, Any]) -> None:
        """Queue an insert behind those the job has; call it on the cloud's loop."""
        voice = self.of(job)
        speed = self.truly.get(job.room_id, self.speeds.get(job.room_id, 100)) / 100
        voice.queue(Insert(command_id, body, seconds_of(body) / speed, time.monotonic()))
        if voice.task is None or voice.task.done():
            voice.task = asyncio.create_task(self._speak(job, voice))

    def take_back(self, job: RunningJob, command_ids: Collection[str]) -> None:
        """CLEAN_UP_INSERT_COMMAND: what has not begun; no ids mean all of it (S4 12.5)."""
        voice = self.of(job)
        unplayed = [one for one in voice.waiting if not one.began]
        gone = [one for one in unplayed if not command_ids or one.command_id in command_ids]
        voice.waiting = [one for one in voice.waiting if one not in gone]
        voice.taken_back += gone

    async def _speak(self, job: RunningJob, voice: Voice) -> None:
        while voice.waiting and not job.over:
            one = await voice.speak_one()
            if one is not None and self.finishes and job.room_id not in self.mute_rooms:
                await self._tell(job, one)

    async def _tell(self, job: RunningJob, one: Insert) -> None:
        every = self.loses.get(job.room_id)
        if every and len(self.of(job).said) % every == 0:
            self.lost += 1
            return
        config = job.body.get("live_event_callback_config")
        if not config:
            return
        url = config["live_event_type_callback_url"]
        body = callback(
            "REPLY_COMMAND_FINISH", room_id=job.room_id, job_id=job.job_id, reply_id=one.command_id
        )
        headers = {"content-type": "application/json"} | by_head(url, key=config["key"])
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
                answer = await client.post(url, content=body, headers=headers)
                self.told.append(answer.status_code)
