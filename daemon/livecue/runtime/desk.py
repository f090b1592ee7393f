"""One room at the desk: deliveries in, cues and reports out. Pure but for its own state.

What the engine decides depends on nothing but the deliveries and the state before them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from livecue.domain import (
    MAX_REPORTED,
    SAMPLED,
    Ask,
    Cue,
    LiveEvent,
    Report,
    ReportedEvent,
    ReportMode,
    Signal,
    SignalKind,
)
from livecue.engine import (
    DEFAULT_AGES,
    DEFAULT_LIMITS,
    NOTHING,
    Ages,
    Decision,
    Limits,
    Program,
    RoomState,
    Script,
    handle,
    next_due_ms,
    signal,
)
from livecue.runtime.decoding import Unreadable, UnreadableError, read_events, read_signal
from livecue.runtime.measure_ports import RuleDid
from livecue.runtime.ports import Count, Delivery, Lane, RoomCommit
from livecue.runtime.seen import Seen, id_word

_MOST_REPORTED = 5 * MAX_REPORTED  # a second: more than all calls of a tenant can carry (S4 6.2.7)
_REPORT_BYTES = 400_000  # of one message on the bus, well below a server's smallest max_payload
_NO_TYPES: frozenset[int] = frozenset()
_BYTES_PER_CHARACTER = 4  # at most: UTF-8, or a quotation mark that is escaped once more


@dataclass(frozen=True)
class DeskRules:
    """What a room's desk decides by. `ages`: how long after its event a cue may be sent, if its
    rule does not say. `script`: the text of each segment that the room's script has.
    """

    program: Program
    report: ReportMode = ReportMode.UNMATCHED
    ages: Ages = DEFAULT_AGES
    script: Script = field(default_factory=dict)
    limits: Limits = DEFAULT_LIMITS


@dataclass
class Round:
    """What a round of deliveries came to for one room. `late`: cues that were too old to be said at once."""

    cues: list[Cue] = field(default_factory=list)
    late: list[Cue] = field(default_factory=list)
    reported: list[ReportedEvent] = field(default_factory=list)
    report_id: str = ""
    report_at_ms: int = 0
    report_job_id: str = ""
    reports: list[Report] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    dead: list[tuple[str, UnreadableError]] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    counts: Counter[tuple[Count, str]] = field(default_factory=Counter)
    rules: Counter[tuple[str, RuleDid]] = field(default_factory=Counter)
    bytes: int = 0


class Desk:
    """Holds one room's engine state between rounds.

    `now_ms` is the wall clock of the round, None if what is too old shall go out all the same; while
    `shedding`, likes and enters are left out undecided. Both concern what is not committed yet: a round
    that is taken again may let go other events than before, but nobody has seen anything of the first.
    """

    def __init__(self, room: str, rules: DeskRules, stored: bytes | None, seen: Seen | None = None) -> None:
        """`stored`: the state as the last commit wrote it. `seen`: the ids that the partition has had.

        Raises:
            msgspec.MsgspecError: the stored state is not ours.
        """
        self.room = room
        self.rules = rules
        self._seen = Seen() if seen is None else seen
        wire: dict[str, Any] = msgspec.json.decode(stored, type=dict[str, Any]) if stored else {}
        self._state = RoomState.from_json(wire.get("engine", {}))
        self._second = -1
        self._reported = 0
        self._round = Round()
        self.now_ms: int | None = None
        self.shedding = False

    def take(self, delivery: Delivery) -> int:
        """Decide one delivery; how many events it held."""
        if delivery.lane == Lane.SIGNALS:
            self._signal(delivery)
            return 1
        if delivery.msg_id and self._known("message", delivery.msg_id, delivery.at_ms):
            events = len(read_events(delivery, _NO_TYPES))
            self._round.counts[Count.REPEATED, "message"] += events
            return events
        events = 0
        for event in read_events(delivery, self.rules.program.by_type):
            events += 1
            if isinstance(event, UnreadableError):
                self.bury(f"{delivery.seq}.{events}", event)
            elif self.shedding and event.type in SAMPLED:
                self._round.counts[Count.SHED, str(event.type)] += 1
            elif event.msg_id and self._known("event", event.msg_id, event.at_ms):
                self._round.counts[Count.REPEATED, "event"] += 1
            else:
                self._event(event)
        return events

    def _known(self, kind: str, given: str, at_ms: int) -> bool:
        return not self._seen.first_time(id_word(kind, self.room, given), at_ms)

    def _signal(self, delivery: Delivery) -> None:
        heard = read_signal(delivery)
        if isinstance(heard, UnreadableError):
            self.bury(str(delivery.seq), heard)
            return
        rules = self.rules
        decision = signal(
            rules.program,
            self._state,
            heard,
            script=rules.script,
            ages=rules.ages,
            limits=rules.limits,
        )
        self._note(decision)

    def _note(self, decision: Decision) -> None:
        done = self._round
        for cue in decision.cues:
            if self.now_ms is not None and cue.expires_ms <= self.now_ms:
                self._too_late(cue)
            else:
                done.cues.append(cue)
        done.asks.extend(decision.asks)
        if decision.hit_rule:
            done.counts[Count.RULE_HITS, ""] += 1
            done.rules[decision.hit_rule, RuleDid.HIT] += 1
        if decision.suppressed:
            done.counts[Count.SUPPRESSED, ""] += len(decision.suppressed)
            for index in decision.suppressed:
                done.rules[index, RuleDid.SUPPRESSED] += 1
        if decision.odd:
            done.counts[Count.ODD_FIELDS, ""] += decision.odd
        if decision.timeouts:
            done.counts[Count.RULE_TIMEOUTS, ""] += len(decision.timeouts)
            done.quarantined.extend(decision.quarantined)
        if decision.evicted:
            done.counts[Count.EVICTED, ""] += decision.evicted

    def _too_late(self, cue: Cue) -> None:
        """It will not be said: its rule gets its time window back, as for a cue that expires later."""
        self._round.late.append(cue)
        if cue.limited:
            data = {"rule_index": cue.rule_index, "cue_id": cue.id, "fired_at_ms": cue.at_ms}
            heard = Signal(self.room, "", cue.at_ms, SignalKind.CUE_RETURNED, data)
            signal(self.rules.program, self._state, heard, ages=self.rules.ages, limits=self.rules.limits)

    def _event(self, event: LiveEvent) -> None:
        counts = self._round.counts
        counts[Count.EVENTS, str(event.type)] += 1
        rules = self.rules
        decision = handle(
            rules.program,
            self._state,
            event,
            ages=rules.ages,
            limits=rules.limits,
        )
        if decision is not NOTHING:
            self._note(decision)
        mode = rules.report
        if mode is ReportMode.ALL or (mode is ReportMode.UNMATCHED and not decision.matched):
            self._report(event)

    def _report(self, event: LiveEvent) -> None:
        """Keep the event for live-event-report, unless it is too old, or one too many of this second."""
        if self.now_ms is not None and event.at_ms + self.rules.ages.reply_ms <= self.now_ms:
            self._round.counts[Count.UNREPORTED, "expired"] += 1
            return
        second = event.at_ms // 1000
        if second != self._second:
            self._second, self._reported = second, 0
        done = self._round
        if self._reported >= MAX_REPORTED and event.type in SAMPLED:
            done.counts[Count.UNREPORTED, "sampled"] += 1
            return
        if self._reported >= _MOST_REPORTED:
            done.counts[Count.UNREPORTED, "overflow"] += 1
            return
        self._reported += 1
        size = len(event.raw) * _BYTES_PER_CHARACTER
        full = len(done.reported) == MAX_REPORTED or done.bytes + size > _REPORT_BYTES
        if full or done.report_job_id != self._state.job_id:
            self._close_report()
        if not done.reported:
            done.report_id, done.report_at_ms = event.id, event.at_ms
            done.report_job_id = self._state.job_id
        done.reported.append(ReportedEvent(event.timestamp_ms, event.type, event.raw))
        done.bytes += size

    def _close_report(self) -> None:
        done = self._round
        if done.reported:
            events = tuple(done.reported)
            done.reports.append(
                Report(done.report_id, self.room, done.report_at_ms, events, done.report_job_id)
            )
        done.reported, done.bytes = [], 0

    def bury(self, place: str, error: UnreadableError) -> None:
        """Put an unreadable piece aside; `place` is unique in the room."""
        self._round.dead.append((place, error))
        self._round.counts[Count.DEAD, str(error.reason)] += 1

    @property
    def next_due_ms(self) -> int | None:
        """When the room wants a TICK, None if it waits for nothing."""
        return next_due_ms(self._state)

    @property
    def outputs(self) -> int:
        """How much the round holds so far, in cues, asks and reported events."""
        done = self._round
        return len(done.cues) + len(done.asks) + len(done.reported) + len(done.reports) * MAX_REPORTED

    def finish(self) -> tuple[Round, RoomCommit]:
        """Close the round: what to count and bury, and what to commit."""
        self._close_report()
        done, self._round = self._round, Round()
        state = None
        if self._state.dirty:
            state = msgspec.json.encode({"v": 1, "engine": self._state.to_json()})
            self._state.dirty = False
        return done, RoomCommit(self.room, state, done.cues, done.reports, done.asks)


__all__ = ["Desk", "DeskRules", "Round", "Unreadable"]
