"""Who speaks when: the preset script, and what is inserted into it (S4 12.5). Pure: time is an argument.

PLAY_NOW starts at once and cuts what is being said; the rest of that is said afterwards, unless the
room ignores it. INSERT waits for the end of the sentence, or follows the insert being spoken. APPEND
waits for the end of the segment: that is how far the cloud's play queue is taken to reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from livecue.sandbox.scripts import Script, Segment


@dataclass(frozen=True)
class Insert:
    """One inserted text or audio that takes `seconds` of air."""

    command_id: str
    command: str
    params: Mapping[str, Any]
    play_type: str
    seconds: float


@dataclass(frozen=True)
class Switched:
    """From `at_s` on `segment` is spoken."""

    at_s: float
    segment: Segment
    new_scene: bool
    new_round: bool


@dataclass(frozen=True)
class Finished:
    """At `at_s` the insert `command_id` had been spoken."""

    at_s: float
    command_id: str


@dataclass(frozen=True)
class ScriptOver:
    """At `at_s` the script had been spoken as often as asked."""

    at_s: float


Heard = Switched | Finished | ScriptOver


@dataclass
class Voice:
    """The one voice of a job. `rounds` is how often the script is spoken, None without end."""

    script: Script | None
    clock_s: float
    speedup: float = 1.0
    ignore_rest: bool = False
    rounds: int | None = None
    index: int = 0
    offset_s: float = 0.0
    speaking: Insert | None = None
    _until_s: float = 0.0
    _between: bool = True
    _round: int = 0
    _started: bool = False
    _rewritten: Script | None = None
    _cut: list[Insert] = field(default_factory=list)
    _inserts: list[Insert] = field(default_factory=list)
    _appends: list[Insert] = field(default_factory=list)

    def unplayed(self) -> list[Insert]:
        """What was inserted and has not begun, in the order it will be spoken."""
        return [*self._inserts, *self._appends]

    def insert(self, item: Insert, now_s: float) -> list[Heard]:
        """Takes `item` at `now_s`; what is heard by then, or cut off by it, comes back."""
        heard = self.advance(now_s)
        now_s = max(now_s, self.clock_s)
        if item.play_type == "PLAY_NOW":
            heard += self._interrupt(now_s)
            self._begin(item, now_s)
            return heard
        (self._inserts if item.play_type == "INSERT" else self._appends).append(item)
        return heard + self.advance(now_s)

    def clean_up(self, command_ids: list[str] | None) -> list[str]:
        """Drops unplayed inserts, all or those named; the ids that were dropped."""
        dropped = [
            item.command_id for item in self.unplayed() if not command_ids or item.command_id in command_ids
        ]
        self._inserts = [item for item in self._inserts if item.command_id not in dropped]
        self._appends = [item for item in self._appends if item.command_id not in dropped]
        return dropped

    def rewrite(self, script: Script) -> None:
        """Replaces what is not yet spoken of the script: from the next segment on."""
        self._rewritten = script

    def next_due_s(self) -> float | None:
        """When something is heard next if nothing else is inserted."""
        if self.speaking is not None:
            return self._until_s
        if self.script is None:
            return self.clock_s if self._inserts or self._appends else None
        if self._between:
            return self.clock_s
        return self.clock_s + max(0.0, self._pause_s(self.script) - self.offset_s) / self.speedup

    def advance(self, now_s: float) -> list[Heard]:
        """Speaks until `now_s`; what was heard since the last call, in order."""
        heard: list[Heard] = []
        while (due := self.next_due_s()) is not None and due <= now_s:
            if self.speaking is not None:
                heard.append(Finished(due, self.speaking.command_id))
                self.speaking = None
            else:
                self._arrive()
            self.clock_s = max(due, self.clock_s)
            heard += self._turn(self.clock_s)
        self._drift(now_s)
        return heard

    def _pause_s(self, script: Script) -> float:
        """Where in the segment someone else may speak next: INSERT after the sentence, else its end."""
        segment = script.segments[self.index]
        return segment.boundary_after(self.offset_s) if self._inserts else segment.seconds

    def _arrive(self) -> None:
        # The offset is set, not added up: a Unix time in a float is good for a quarter of a
        # microsecond only, and a rest of that size would never be spoken to its end.
        if self.script is not None and not self._between:
            self.offset_s = self._pause_s(self.script)
            self._between = self.offset_s >= self.script.segments[self.index].seconds

    def _drift(self, now_s: float) -> None:
        now_s = max(now_s, self.clock_s)
        if self.speaking is None and self.script is not None and not self._between:
            segment = self.script.segments[self.index]
            self.offset_s = min(self.offset_s + (now_s - self.clock_s) * self.speedup, segment.seconds)
        self.clock_s = now_s

    def _turn(self, at_s: float) -> list[Heard]:
        if self._cut:
            self._begin(self._cut.pop(0), at_s)
        elif self._inserts:
            self._begin(self._inserts.pop(0), at_s)
        elif self._appends and (self._between or self.script is None):
            self._begin(self._appends.pop(0), at_s)
        elif self._between and self.script is not None:
            return [self._next_segment(at_s, self.script)]
        return []

    def _begin(self, item: Insert, at_s: float) -> None:
        self.speaking, self._until_s = item, at_s + item.seconds

    def _interrupt(self, now_s: float) -> list[Heard]:
        heard: list[Heard] = []
        if self.speaking is not None:
            if self.ignore_rest:
                heard = [Finished(now_s, self.speaking.command_id)]
            else:
                self._cut.insert(0, replace(self.speaking, seconds=max(0.0, self._until_s - now_s)))
        elif self.ignore_rest and self.script is not None and not self._between:
            segment = self.script.segments[self.index]
            self.offset_s = segment.boundary_after(self.offset_s)
            self._between = self.offset_s >= segment.seconds
        return heard

    def _next_segment(self, at_s: float, script: Script) -> Heard:
        index, new_round = self.index + 1, False
        if not self._started:
            index = 0
        elif self._rewritten is not None:
            script, index = self._rewritten, 0
        elif index == len(script.segments):
            index, new_round = 0, True
            self._round += 1
        if self.rounds is not None and self._round >= self.rounds:
            self.script = None
            return ScriptOver(at_s)
        self.script, self.index, self._rewritten = script, index, None
        self.offset_s, self._between, self._started = 0.0, False, True
        return Switched(at_s, script.segments[index], script.starts_scene(index), new_round)
