"""A live job: WAITING → PROCESSING → SUCCEED | FAILED | BLOCKED (S4 6.2.1–6.2.4, S3). Pure: time is an argument.

Times are Unix seconds and never run backwards inside a job, whatever the caller's clock does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livecue.sandbox import scripts
from livecue.sandbox.voice import Finished, Heard, Insert, ScriptOver, Switched, Voice

WAITING, PROCESSING, SUCCEED, FAILED, BLOCKED = "WAITING", "PROCESSING", "SUCCEED", "FAILED", "BLOCKED"
OVER = frozenset({SUCCEED, FAILED, BLOCKED})
# How long a stream takes to connect; the documentation gives no number.
CONNECT_S = 0.2
_MUTE_MODES = ("NO_PRESET",)


@dataclass(frozen=True)
class Signal:
    """One callback to come: event_type and message of S4 6.2.1, table 6-258, due at `at_s`."""

    event_type: str
    message: Mapping[str, Any]
    at_s: float


@dataclass(frozen=True)
class Doom:
    """A job's own end to come: at `at_s`, in `state`, with this `error_info` (S4 6.2.3)."""

    at_s: float
    state: str
    error: Mapping[str, str]


@dataclass
class LiveJob:
    """One run of one room. `body` is the start request, `room` the room's configuration at that time."""

    job_id: str
    room_id: str
    body: Mapping[str, Any]
    room: Mapping[str, Any]
    created_s: float
    start_delay_s: float
    script_speedup: float = 1.0
    state: str = WAITING
    started_s: float | None = None
    ended_s: float | None = None
    updated_s: float = 0.0
    error: dict[str, str] = field(default_factory=dict)
    voice: Voice | None = None
    reported: int = 0
    outputs: list[tuple[str, str]] = field(default_factory=list)
    doom: Doom | None = None
    _connecting: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.updated_s = self.created_s
        urls, keys = self.setting("output_urls") or [], self.setting("stream_keys") or []
        self.outputs = [(url, keys[i] if i < len(keys) else "") for i, url in enumerate(urls)]

    def setting(self, name: str) -> Any:
        """`name` of the start request, else of the room."""
        value = self.body.get(name)
        return self.room.get(name) if value is None else value

    @property
    def policy(self) -> Mapping[str, Any]:
        """The play policy in force (S3)."""
        return self.setting("play_policy") or {}

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        return self.state in OVER

    def next_due_s(self) -> float | None:
        """When the job next does something of itself; None once it is over."""
        if self.over:
            return None
        dues = [*self._connecting] if self.doom is None else [*self._connecting, self.doom.at_s]
        if self.voice is None:
            return min(*dues, self.created_s + self.start_delay_s, float("inf"))
        if (heard := self.voice.next_due_s()) is not None:
            dues.append(heard)
        if (deadline := self._deadline_s()) is not None and self._ends_at_once():
            dues.append(deadline)
        return min(dues, default=None)

    def advance(self, now_s: float) -> list[Signal]:
        """Lives until `now_s`; the callbacks that fell due, in order."""
        doom = self.doom
        if doom is None or self.over or now_s < doom.at_s:
            return self._live(now_s)
        return [*self._live(doom.at_s), *self.end(doom.at_s, doom.state, doom.error)]

    def _live(self, now_s: float) -> list[Signal]:
        signals: list[Signal] = []
        if self.state == WAITING and now_s >= self.created_s + self.start_delay_s:
            signals += self._go_live(self.created_s + self.start_delay_s)
        if self.state != PROCESSING or self.voice is None:
            return signals
        deadline = self._deadline_s()
        forced = deadline if deadline is not None and deadline <= now_s and self._ends_at_once() else None
        until = now_s if forced is None else forced
        signals += self._connected(until)
        signals += self._heard(self.voice.advance(until), deadline)
        if forced is not None and not self.over:
            signals += self.end(forced)
        return sorted(signals, key=lambda signal: signal.at_s)

    def insert(self, item: Insert, now_s: float) -> list[Signal]:
        """Speaks `item` when its turn comes. Only while PROCESSING."""
        return [] if self.voice is None else self._heard(self.voice.insert(item, now_s), None)

    def refresh_output(self, url: str, key: str, now_s: float) -> list[Signal]:
        """Streams elsewhere from now on (REFRESH_OUTPUT_URL)."""
        signals = [self._stream(output, "DISCONNECTED", now_s) for output in self.outputs]
        self.outputs = [(url, key)]
        self._connecting = [now_s + CONNECT_S]
        return [*signals, self._stream((url, key), "CONNECTING", now_s)]

    def end(self, now_s: float, state: str = SUCCEED, error: Mapping[str, str] | None = None) -> list[Signal]:
        """Ends the job in `state`; a job that is over stays as it is."""
        if self.over:
            return []
        live = self.state == PROCESSING
        self.state, self.error = state, dict(error or {})
        self.ended_s = self.updated_s = max(now_s, self.started_s or self.created_s)
        self._connecting = []
        outputs = self.outputs if live else []
        return [
            self._stream(output, word, self.ended_s) for output in outputs for word in ("DISCONNECTED", "END")
        ]

    def _go_live(self, at_s: float) -> list[Signal]:
        self.state, self.started_s, self.updated_s = PROCESSING, at_s, at_s
        mute = self.policy.get("play_mode") in _MUTE_MODES or self.policy.get("auto_play_script") is False
        repeat = self.policy.get("repeat_count")
        self.voice = Voice(
            script=None if mute else scripts.parse(self.room.get("scene_scripts") or []),
            clock_s=at_s,
            speedup=self.script_speedup,
            ignore_rest=bool((self.room.get("interaction_config") or {}).get("ignore_current_sentence")),
            # The documented default is one round, but a sandbox that ends after a minute helps nobody.
            rounds=repeat + 1 if isinstance(repeat, int) and repeat >= 0 else None,
        )
        self._connecting = [at_s + CONNECT_S] if self.outputs else []
        return [self._stream(output, "CONNECTING", at_s) for output in self.outputs]

    def _connected(self, now_s: float) -> list[Signal]:
        due = [at for at in self._connecting if at <= now_s]
        self._connecting = [at for at in self._connecting if at > now_s]
        return [self._stream(output, "CONNECTED", at) for output in self.outputs for at in due]

    def _heard(self, heard: list[Heard], deadline: float | None) -> list[Signal]:
        signals: list[Signal] = []
        for event in heard:
            if self.over:
                break
            if isinstance(event, Finished):
                signals.append(
                    self._signal("REPLY_COMMAND_FINISH", event.at_s, {"reply_id": event.command_id})
                )
            elif isinstance(event, ScriptOver) or self._stops_at(event, deadline):
                signals += self.end(event.at_s)
            else:
                signals.append(self._switched(event))
        return signals

    def _switched(self, event: Switched) -> Signal:
        segment = event.segment
        message = {
            "scene_script_name": segment.scene,
            "shoot_script_sequence_no": str(segment.number),
            "shoot_script_title": segment.title,
            **segment.product,
        }
        live_id = (self.room.get("relation_live_platform_info") or {}).get("live_id")
        if live_id:
            message["live_id"] = str(live_id)
        return self._signal("SHOOT_SCRIPT_SWITCH", event.at_s, message)

    def _stream(self, output: tuple[str, str], state: str, at_s: float) -> Signal:
        message = {"output_url": output[0], "stream_key": output[1], "state": state}
        return self._signal("RTMP_STREAM_STATE_CHANGE", at_s, message)

    def _signal(self, event_type: str, at_s: float, message: Mapping[str, Any]) -> Signal:
        return Signal(event_type, {"room_id": self.room_id, "job_id": self.job_id, **message}, at_s)

    def _deadline_s(self) -> float | None:
        hours = (self.policy.get("live_exit_config") or {}).get("max_live_duration")
        return self.started_s + hours * 3600 if hours and self.started_s is not None else None

    def _stop_mode(self) -> str:
        return str((self.policy.get("live_exit_config") or {}).get("auto_stop_mode") or "FORCE_EXIT")

    def _ends_at_once(self) -> bool:
        return self._stop_mode() == "FORCE_EXIT" or self.voice is None or self.voice.script is None

    def _stops_at(self, event: Switched, deadline: float | None) -> bool:
        if deadline is None or event.at_s < deadline:
            return False
        mode = self._stop_mode()
        return mode == "SEGMENT_END" or (mode == "SCENE_END" and event.new_scene) or event.new_round
