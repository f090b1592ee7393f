"""What the supervisor remembers of one room between looks, and when it looks again.

All of it may be lost at any moment: what must survive is in `Ownership`, the rest is seen again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from livecue.domain import ChatLink, CloudError, Job, Meaning, Unplanned
from livecue.runtime.job_ports import Ownership
from livecue.runtime.order_ports import FOREVER_MS, NO_ORDER, Order
from livecue.runtime.stop_ports import StopNote
from livecue.supervisor.desk import RoomPlan, log
from livecue.supervisor.orders import in_force, next_moment_ms
from livecue.supervisor.reconcile import RoomFacts, backoff_ms, is_ours, to_ms
from livecue.supervisor.timetable import Window, next_change, too_late, wanted

WAITING_MS = 1_000
LIVE_MS = 5_000
IDLE_MS = 15_000


class Asked(NamedTuple):
    """The stop requests sent for a job, the time of the next one, and where it runs."""

    sent: int = 0
    after_ms: int = 0
    place: str = ""


@dataclass
class RoomState:
    """One room. Times are wall clock in ms; `asked` holds what was done for each job's stop."""

    plan: RoomPlan
    planned: Window | None = None
    order: Order = NO_ORDER
    window: Window | None = None
    """What wants the room live: the plan, and what was ordered by hand."""
    plan_from_ms: int = 0
    plan_until_ms: int = 0
    job: Job | None = None
    how: str = ""
    session: str = ""
    since_ms: int = 0
    announced: str = ""
    running: tuple[Job, ...] = ()
    over: tuple[Job, ...] = ()
    owned: Ownership | None = None
    kept: str = ""
    """A job that was lost while wanted; its note is kept until its run is over or another is started, so that
    a restart of the daemon knows that this run had its live, must not have it again, or goes on in the standby.
    """
    refused: int = 0
    lost: int = 0
    not_before_ms: int = 0
    held: Window | None = None
    missed: Window | None = None
    """The run that is held for being too late, and for nothing else: a clock set back brings it back."""
    asked: dict[str, Asked] = field(default_factory=dict)
    stream_lost_ms: int = 0
    """Since when the stream is lost, or when it was last moved to another output; 0 if it is not."""
    output: int = 0
    cut: str = ""
    """A job that is stopped although its session is on: its stream ended, or it never went live."""
    late: str = ""
    """The job that was stopped because it never went live."""
    place: str | None = None
    """Where this run's next start goes, if that was decided by this process."""
    why: str = ""
    """What brought the session into the standby."""
    ills: int = 0
    """How often in a row the live was lost in a way that may be the cloud room's doing."""
    unsure_ms: int = 0
    unlisted: set[str] = field(default_factory=set)
    """Places of which it was told that the cloud does not list their jobs."""
    handover_ms: int = 0
    """When the cloud ends the job before its session, as it was logged; 0 if it does not."""
    owed_since_ms: int = 0
    """Since when a job is to be stopped; 0 if none is."""
    overdue: str = ""
    """The job whose overdue stop was logged."""
    unheard: str = ""
    """The job that was logged because its callbacks do not reach livecue."""
    looked_ms: int = 0
    look_at_ms: int = 0
    look_failures: int = 0
    unauthenticated: bool = False
    timer: tuple[StopNote, int] | None = None
    """The stop set on the bus, and when it is due."""
    hinted: bool = False
    search: bool = False
    """The next look lists the room's jobs in any case: one was found that is not the room's job."""
    told_link: ChatLink | None = None
    """The link of the announced chat job, as it was last told of."""
    doubted_ms: int = 0
    """Which unanswered start was told of as lost, by when it was asked for."""
    complaint: str = ""
    complained: bool = False

    @property
    def room(self) -> str:
        return self.plan.room

    def facts(self, now_ms: int) -> RoomFacts:
        self._hold_if_late(now_ms)
        return RoomFacts(
            now_ms=now_ms,
            wanted=self.window,
            unplanned=self.plan.unplanned,
            job=self.job,
            running=self.running,
            over=self.over,
            owned=self.owned,
            not_before_ms=self.not_before_ms,
            stop_after_ms={job_id: asked.after_ms for job_id, asked in self.asked.items()},
            held=self.held,
            cut=self.cut,
            stop_before_ms=self.order.stop_before_ms,
            place=self.where(),
            unseen=self.search,
            unsure_ms=self.unsure_ms,
        )

    def where(self) -> str:
        """The place of the next start: the room's own (empty), or its standby, also by a note from before a crash."""
        place, owned, window = self.place, self.owned, self.window
        if place is None and owned is not None and window is not None:
            place = owned.place if owned.since_ms >= to_ms(window.start) else ""
        return self.plan.standby if place == self.plan.standby else ""

    def _hold_if_late(self, now_ms: int) -> None:
        """A start that was missed for too long is not made up for before the next run of a session."""
        window = self.window
        if window is None or self.running or self.over:
            return
        late = too_late(window, datetime.fromtimestamp(now_ms / 1000, UTC), began=self.began())
        if self.held == window:
            if self.missed == window and not late:
                self.held = self.missed = None
            return
        if not late:
            return
        self.held = self.missed = window
        log.error(
            "start-missed",
            room=self.room,
            session=window.session,
            start=window.start.isoformat(),
            remedy="for later starts raise catchup or lower least_remainder; it is tried again at the next session",
        )

    def began(self) -> bool:
        """Whether the run that wants the room had its live before, under this daemon or an earlier one."""
        return self.lost > 0 or self.noted_live(self.owned)

    def noted_live(self, owned: Ownership | None) -> bool:
        """Whether the note says that the run that wants the room had its live."""
        return owned is not None and self.window is not None and owned.live_ms >= to_ms(self.window.start)

    def owns(self, job: Job) -> bool:
        return is_ours(job, self.owned)

    def owes_stop(self) -> str:
        """The job that is to be stopped even if the cloud does not show it, or nothing."""
        owned = self.owned.job_id if self.owned else ""
        return owned if self.window is None and owned != self.kept else ""

    def due(self, now_ms: int) -> bool:
        """Whether it is time for a turn: the plan changed, a hint came, or the pause is over."""
        changed = self.update_plan(now_ms)
        return changed or self.hinted or now_ms >= self.look_at_ms or now_ms < self.looked_ms

    def replan(self, plan: RoomPlan) -> None:
        """From the next turn on the room follows this plan."""
        self.plan = plan
        self.plan_from_ms = self.plan_until_ms = 0

    def update_plan(self, now_ms: int) -> bool:
        """Work out again which session wants the room, if that may have changed; True if it did."""
        if self.plan_from_ms <= now_ms < self.plan_until_ms:
            return False
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self.planned = wanted(self.plan.sessions, now)
        window = in_force(self.order, self.planned, now_ms)
        change = next_change(self.plan.sessions, now)
        self.plan_from_ms = now_ms
        planned_ms = FOREVER_MS if change is None else to_ms(change)
        self.plan_until_ms = min(planned_ms, next_moment_ms(self.order, now_ms))
        if window == self.window:
            return False
        if window is None or self.window is None or window.start != self.window.start:
            self.place, self.why, self.ills = None, "", 0
        self.window = window
        self.refused = self.lost = self.not_before_ms = 0
        self.look_at_ms = 0
        return True

    def obey(self, order: Order) -> None:
        """From now on this was ordered by hand; what was given up is tried again."""
        self.order = order
        self.plan_from_ms = self.plan_until_ms = 0
        self.held = None
        self.not_before_ms = self.refused = self.lost = 0
        if self.job is None:
            self.place = ""
        self.search = True

    def complain(self, event: str, error: object, **details: object) -> bool:
        """Log a trouble once, until it changes or heals; True if it is a new one.

        The error's wording does not make it another: it may hold a request id.
        """
        self.complained = True
        complaint = f"{event} {details}"
        if complaint == self.complaint:
            return False
        self.complaint = complaint
        if self.unauthenticated:
            return True  # said by `CloudHealth`
        log.warning(event, room=self.room, error=str(error), **details)
        return True

    def begin_turn(self) -> None:
        self.hinted = self.complained = False

    def end_turn(self, now_ms: int, stretch_ms: int) -> None:
        """Set the time of the next look, and say that a trouble is over once nothing is pending."""
        if not self.complained:
            self.look_failures = 0
            self.unauthenticated = False
            waiting = self.window is not None and self.job is None and self.held != self.window
            if self.complaint and not waiting and not self.asked:
                log.info("room-healed", room=self.room)
                self.complaint = ""
        self.looked_ms = now_ms
        self.look_at_ms = self.next_look_ms(now_ms, stretch_ms)
        if self.stream_lost_ms and self.job is not None:
            grace_ms = max(WAITING_MS, self.stream_lost_ms + self.plan.policy.rtmp_grace_ms - now_ms)
            self.look_at_ms = min(self.look_at_ms, now_ms + grace_ms)

    def failed(self, event: str, error: Exception) -> bool:
        """The turn broke off: nothing was decided, or what was decided was not stored. True if that is new."""
        meaning = error.meaning if isinstance(error, CloudError) else type(error).__name__
        self.look_failures += 1
        self.unauthenticated = meaning == Meaning.UNAUTHENTICATED
        return self.complain(event, error, meaning=str(meaning), code=getattr(error, "error_code", ""))

    def next_look_ms(self, now_ms: int, stretch_ms: int) -> int:
        """When to look again: soon while something is to happen, rarely while all is quiet."""
        if self.look_failures:
            if self.unauthenticated and not self.owes_stop():
                return now_ms + 30_000
            return now_ms + backoff_ms(self.look_failures, WAITING_MS, 10_000)
        if self.asked:
            return min(asked.after_ms for asked in self.asked.values())
        quiet_ms = now_ms + max(IDLE_MS, stretch_ms)
        if self.job is not None:
            known = self.job.on_air or self.job.waits_for_link
            return now_ms + (max(LIVE_MS, stretch_ms) if known else WAITING_MS)
        if self.window is not None and self.held != self.window:
            return min(max(self.not_before_ms, now_ms + WAITING_MS), quiet_ms)
        if self.window is None and self.owned is not None:
            return now_ms + LIVE_MS  # the job of an unanswered start may still turn up
        if self.window is None and self.plan.unplanned == Unplanned.IGNORE:
            return FOREVER_MS
        return quiet_ms
