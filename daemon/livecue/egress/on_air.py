"""One room on the way out: what it has been given to say, and whether it may be given more. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from livecue.domain import Cue, CueKind, Job, JobState
from livecue.egress.airtime import Airtime
from livecue.egress.cue_queue import Rank, rank_of
from livecue.egress.history import Standing

_BESIDE_THANKS = 0.7
_KEPT = 200
_AUDIOS = 100


@dataclass(frozen=True, slots=True)
class AirtimeLimits:
    """See `airtime`. `voice_speed`: 50 to 200, 100 is normal (S4 6.1.1); None: the room will say."""

    max_queued_ms: int = 8_000
    max_share: float = 0.5
    voice_speed: int | None = None


class OnAir:
    """What a room says. `busy`: a command is out; `rests_until_ms`: it is left alone until then."""

    def __init__(self, limits: AirtimeLimits) -> None:
        self._limits = limits
        self._speed = limits.voice_speed or 100
        self.airtime = Airtime(limits.max_queued_ms, limits.max_share, 100 / self._speed)
        self.busy = False
        self.rests_until_ms = 0
        self._job_id = ""
        self._closed = ""
        self._scene = ""
        self._switched_ms = 0
        self._said: dict[str, tuple[Cue, ...]] = {}
        self._early: deque[str] = deque(maxlen=_KEPT)
        self._audio_s: dict[str, float] = {}
        self._unnamed = 0

    def follow(self, job_id: str) -> None:
        """The room's job is this one; of another one nothing is on the air any more."""
        if job_id != self._job_id:
            self._job_id = job_id
            self.airtime = Airtime(self._limits.max_queued_ms, self._limits.max_share, self.airtime.pace)
            self._said.clear()

    def set_speed(self, speed: int) -> None:
        """The voice's own speed, told by the room; what was measured at another one is of no use."""
        if self._limits.voice_speed is None and speed != self._speed:
            self._speed = speed
            self.airtime.pace = 100 / speed

    def close(self, job_id: str) -> None:
        """The cloud says this job is over: nothing more for it."""
        self._closed = job_id

    def takes(self, job: Job | None, now_ms: int) -> bool:
        """Whether a command may go to the room's job now."""
        if job is None or self.busy or job.state == JobState.WAITING or job.job_id == self._closed:
            return False
        return self.rests_until_ms <= now_ms

    def is_over(self, cue: Cue, job: Job | None) -> bool:
        """Whether the cue belongs to a live that is over."""
        if cue.job_id and cue.job_id == self._closed:
            return True
        return job is not None and bool(cue.job_id) and cue.job_id != job.job_id

    def wait_ms(self, cue: Cue, now_ms: int, *, thanks: bool = False) -> int:
        """How long the cue has to wait for the air; a layer does not.

        `thanks`: the room thanks for gifts, and its replies leave them some of the line.
        """
        rank = rank_of(cue)
        if rank is Rank.LAYER:
            return 0
        part = _BESIDE_THANKS if thanks and rank is Rank.REPLY else 1.0
        return self.airtime.wait_ms(now_ms, self.seconds(cue), part)

    def seconds(self, cue: Cue) -> float:
        """How long it holds the air; of an audio as measured, once it was."""
        return self._audio_s.get(cue.audio_url, cue.seconds) if cue.audio_url else cue.seconds

    def sent(self, cues: Sequence[Cue], command_id: str, seconds: float, now_ms: int) -> bool:
        """The cloud took these as one command; whether it has already been spoken."""
        if cues[0].kind is CueKind.SHOW_LAYER:
            return False
        ms = int(seconds * 1000) if cues[0].audio_url else self.airtime.length_ms(seconds)
        speaks = cues[0].kind is CueKind.SPEAK
        if not command_id:  # taken, and never to be heard of: the estimate stands for it
            self._unnamed += 1
            self.airtime.sent(f"unnamed {self._unnamed}", now_ms, ms, cues[0].play_type, learn=False)
            return False
        self.airtime.sent(command_id, now_ms, ms, cues[0].play_type, learn=speaks)
        if command_id in self._early:  # its callback was faster than its answer
            self.airtime.finished(command_id, now_ms)
            return True
        self._said[command_id] = tuple(cues)
        if len(self._said) > _KEPT:
            del self._said[next(iter(self._said))]
        return False

    def restore(self, cue: Cue, standing: Standing) -> None:
        """An earlier life of ours sent it: it may still wait in the cloud."""
        line = standing.sent
        if line is None or standing.over or not line.command_id:
            return
        self.follow(line.job_id)
        known = self._said.get(line.command_id, ())
        if known:  # one of several that were said together
            self._said[line.command_id] = (*known, cue)
        else:
            self.sent([cue], line.command_id, line.seconds or cue.seconds, line.at_ms)

    def finished(self, command_id: str, now_ms: int) -> tuple[Cue, ...]:
        """The cloud called back; the cues that were spoken by it."""
        cues = self._said.pop(command_id, ())
        seconds = self.airtime.finished(command_id, now_ms)
        if seconds is None and cues:  # its time was taken to be over a moment before
            self.airtime.called_back()
        elif seconds is None:
            self._early.append(command_id)
        elif seconds and cues and cues[0].audio_url and len(self._audio_s) < _AUDIOS:
            self._audio_s[cues[0].audio_url] = seconds
        return cues

    def switch(self, job_id: str, scene: str, now_ms: int) -> list[str]:
        """The script is in this scene now; what is to be withdrawn from the cloud's line."""
        if self._job_id and job_id and job_id != self._job_id:
            return []
        self._scene, self._switched_ms = scene, now_ms
        unspoken = self.airtime.command_ids
        return [one for one in unspoken if any(self.out_of_scene(cue) for cue in self._said.get(one, ()))]

    def out_of_scene(self, cue: Cue) -> bool:
        """Whether the scene has changed since the cue was decided, to one in which it is out of place."""
        if not cue.scenes or not self._scene or self._scene in cue.scenes:
            return False
        return cue.at_ms <= self._switched_ms

    def withdrawn(self, command_ids: Collection[str]) -> list[tuple[str, Cue]]:
        """The cloud dropped these; what will not be spoken, with its command."""
        self.airtime.withdrawn(command_ids)
        return [(one, cue) for one in command_ids for cue in self._said.pop(one, ())]
