"""Reads the partitions in order, lets the desks decide, commits, goes on.

A round is: take deliveries, decide, store state and outputs and cursor in one step. Whatever fails
on the way, the round is forgotten and taken again from the last committed cursor.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import msgspec
import structlog

from livecue.runtime.backlog import SHED_AFTER_S
from livecue.runtime.burying import Burial
from livecue.runtime.catching_up import CatchingUp
from livecue.runtime.decoding import Unreadable, UnreadableError
from livecue.runtime.desk import Desk, DeskRules, Round
from livecue.runtime.late import late_lines
from livecue.runtime.measure_ports import LineMeter, RuleDid, Took
from livecue.runtime.ports import (
    Audit,
    BusError,
    Count,
    Cursor,
    DeadLetters,
    Delivery,
    Health,
    Intake,
    Ledger,
    Now,
    Outcome,
    Partitions,
    RoomCommit,
    StaleStateError,
)
from livecue.runtime.seen import Seen

log = structlog.get_logger()

_TAKE = 256
_WAIT_S = 1.0
_ROUND_OUTPUTS = 20_000  # cues and events of one commit: far below what one atomic batch holds
_BREATH_EVENTS = 250  # events between two looks at the rest of the process, some 5 ms
_SAY_EVERY_S = 60.0
_CURSOR_STEPS = 2_000  # deliveries without any output after which the cursor is stored all the same


class PartitionWorker:
    """One partition's loop. Runs until `stop`; any failure of the bus is waited out."""

    def __init__(
        self,
        partition: int,
        rooms: Mapping[str, DeskRules],
        partitions: Partitions,
        ledger: Ledger,
        dead: DeadLetters,
        meter: LineMeter,
        health: Health,
        *,
        now: Now | None = None,
        contested: bool = False,
        audit: Audit | None = None,
        shed_after_s: float = SHED_AFTER_S,
    ) -> None:
        """`now`: the wall clock, for how long events take and what is too late; without it neither is
        known. `contested`: a replica that may still be about had the partition before. `audit`: where
        what is too late is written down. `shed_after_s`: see `Backlog`.
        """
        self.partition = partition
        self.part = f"inbox-{partition}"
        self._contested = contested
        self._rooms = rooms
        self._partitions = partitions
        self._ledger = ledger
        self._burial = Burial(dead)
        self._meter = meter
        self._health = health
        self._now = now
        self._audit = audit
        self._catching_up = CatchingUp(partition, shed_after_s)
        self._ages: dict[int, int] = {}  # events of the round by their store time
        self._desks: dict[str, Desk] = {}
        self._strangers: list[Delivery] = []
        self._seen_ids = Seen()
        self._cursor = Cursor()
        self._seen = 0
        self._stopping = False
        self._said: dict[str, float] = {}
        self._now_ms: int | None = None
        self.lag = 0
        self.opened = 0
        health.report(self.part, "starting")  # until its reader is open

    def stop(self) -> None:
        """Finish the round that is on and return from `run`."""
        self._stopping = True

    def due(self, now_ms: int) -> list[str]:
        """The rooms that have waited long enough for a TICK."""
        return [
            room
            for room, desk in self._desks.items()
            if (due_ms := desk.next_due_ms) is not None and due_ms <= now_ms
        ]

    async def run(self) -> None:
        """Serve the partition until stopped."""
        pause_s = 0.2
        while not self._stopping:
            try:
                cursor = await self._ledger.cursor(self.partition)  # first: it fences what is read after it
                self._seen_ids = Seen(await self._ledger.seen(self.partition))
                intake = await self._partitions.open(self.partition, cursor)
                self._cursor = intake.cursor
                self.opened += 1
                self._health.report(self.part)
                try:
                    await self._fence()
                    await self._serve(intake)
                finally:
                    await intake.close()
                pause_s = 0.2
            except BusError as error:
                if isinstance(error, StaleStateError):
                    self._meter.count(Count.STATE_CONFLICTS)
                self._health.report(self.part, str(error))
                self._say(str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 5.0)
            self._desks.clear()
            self._strangers.clear()
            self._ages.clear()

    def _say(self, why: str) -> None:
        """Once a minute for each reason, not with every attempt of every partition."""
        now = asyncio.get_running_loop().time()
        if now >= self._said.get(why, 0):
            self._said = {why: now + _SAY_EVERY_S}
            log.warning("inbox-interrupted", partition=self.partition, error=why)

    async def _fence(self) -> None:
        """Write the cursor once as it is: whoever had the partition before has its next batch refused."""
        if self._contested:
            self._cursor = await self._ledger.commit(self.partition, self._cursor, [])
            self._contested = False

    async def _serve(self, intake: Intake) -> None:
        self._seen = self._cursor.seq
        while not self._stopping:
            deliveries = await intake.take(_TAKE, _WAIT_S)
            self.lag = intake.lag
            self._look_at_the_clock(len(deliveries))
            await self._decide(deliveries)
        await self._commit(force=True)

    def _look_at_the_clock(self, taken: int) -> None:
        now_ms = self._now() if self._now else 0
        self._burial.sum_up(now_ms)
        if self._now is None:
            return
        self._now_ms = now_ms
        self._catching_up.look(now_ms, taken, self.lag)

    async def _decide(self, deliveries: list[Delivery]) -> None:
        unbroken = outputs = 0
        for delivery in deliveries:
            desk = await self._desk(delivery)
            if desk is not None:
                before = desk.outputs
                events = self._take(desk, delivery)
                unbroken += events
                outputs += desk.outputs - before
                self._ages[delivery.at_ms] = self._ages.get(delivery.at_ms, 0) + events
            self._seen = delivery.seq
            if unbroken >= _BREATH_EVENTS:
                unbroken = 0
                await asyncio.sleep(0)
            # Of all rooms together: they share one batch.
            if outputs + self._seen_ids.added >= _ROUND_OUTPUTS:
                outputs = 0
                await self._commit(force=True)
        if deliveries:
            await self._commit(force=False)

    def _take(self, desk: Desk, delivery: Delivery) -> int:
        try:
            return desk.take(delivery)
        except Exception as error:
            # A fault of ours must cost this one message, not the room's evening.
            log.exception("not-decided", room=delivery.room, seq=delivery.seq)
            desk.bury(
                str(delivery.seq),
                UnreadableError(
                    Unreadable.NOT_DECIDED, f"{type(error).__name__}: report this", delivery.body
                ),
            )
            return 1

    async def _desk(self, delivery: Delivery) -> Desk | None:
        rules = self._rooms.get(delivery.room)  # looked up each time: rules change while we run
        if rules is None:
            self._strangers.append(delivery)
            return None
        desk = self._desks.get(delivery.room)
        if desk is None:
            desk = self._desks[delivery.room] = await self._open_desk(delivery.room, rules)
        desk.rules, desk.now_ms, desk.shedding = rules, self._now_ms, self._catching_up.shedding
        return desk

    async def _open_desk(self, room: str, rules: DeskRules) -> Desk:
        stored = await self._ledger.state(room)
        try:
            return Desk(room, rules, stored, self._seen_ids)
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            log.warning("state-unreadable", room=room, error=str(error), remedy="the room starts afresh")
            return Desk(room, rules, None, self._seen_ids)

    async def _commit(self, *, force: bool) -> None:
        rounds: list[tuple[str, Round]] = []
        commits: list[RoomCommit] = []
        for room, desk in self._desks.items():
            done, commit = desk.finish()
            rounds.append((room, done))
            if commit.state is not None or commit.cues or commit.reports or commit.asks:
                commits.append(commit)
        await self._bury_all(rounds)
        await self._tell_late(rounds)
        behind = self._seen - self._cursor.seq
        if commits or behind >= _CURSOR_STEPS or (force and behind):
            reached = Cursor(self._seen, self._cursor.revision, self._cursor.incarnation)
            pages = self._seen_ids.changed()
            self._cursor = await self._ledger.commit(self.partition, reached, commits, pages)
        self._account(rounds)

    def _account(self, rounds: list[tuple[str, Round]]) -> None:
        """Count after the commit, so that a repeated round counts once.

        Events without any output are stored with the next that has one, and may count twice until then.
        """
        rules: Counter[tuple[str, RuleDid]] = Counter()
        for room, done in rounds:
            for (what, reason), n in done.counts.items():
                self._meter.count(what, room, n, reason)
                if what is Count.SHED:
                    self._catching_up.let_go(what, n)
            if done.late:
                self._meter.count(Count.CUES, room, len(done.late), Outcome.EXPIRED)
                self._catching_up.let_go(Count.CUES, len(done.late))
                rules.update((cue.rule_index, RuleDid.EXPIRED) for cue in done.late)
            rules.update(done.rules)
            for index in done.quarantined:
                self._quarantine(room, index)
        if self._strangers:
            self._meter.count(Count.DEAD, "", len(self._strangers), str(Unreadable.UNKNOWN_ROOM))
        self._strangers.clear()
        if evicted := self._seen_ids.take_evicted():
            self._meter.count(Count.EVICTED, "", evicted, "ids")
        for (rule_index, did), n in rules.items():
            self._meter.rule(rule_index, did, n)
        self._measure()

    def _measure(self) -> None:
        """How long the events of this round took; those of one millisecond are counted at once."""
        ages, self._ages = self._ages, {}
        if self._now is None:
            return
        now_ms = self._now()
        for at_ms, events in ages.items():
            self._meter.took(Took.DECIDE, (now_ms - at_ms) / 1000, events)

    async def _bury_all(self, rounds: list[tuple[str, Round]]) -> None:
        """Before the commit, so that no crash loses one; in a repeated round the bus knows them by id."""
        now_ms = self._now() if self._now else 0
        for room, done in rounds:
            for place, error in done.dead:
                await self._burial.bury(room, place, error, now_ms)
        for delivery in self._strangers:
            await self._burial.bury_strange(delivery, now_ms)

    async def _tell_late(self, rounds: list[tuple[str, Round]]) -> None:
        """Before the commit, too; in a repeated round the bus knows the lines by their first id."""
        if self._audit is not None and self._now_ms is not None:
            for room, done in rounds:
                for line in late_lines(done.late, self._now_ms):
                    await self._audit.record(room, line)

    def _quarantine(self, room: str, rule_index: str) -> None:
        self._meter.count(Count.RULES_QUARANTINED, room)
        log.error(
            "rule-quarantined",
            room=room,
            rule_index=rule_index,
            effect="not tried again in this live",
            remedy="its REGEX ran longer than 10 ms on three events: repeat once, a+ for (a+)+",
        )
