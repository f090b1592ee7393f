"""What is to be done in one room now, from what is wanted and what is. Pure.

`decide` is asked again after every look, so nothing here remembers: a stop is decided again until
the job is seen over, also by a daemon that did not start it. The laws:

* look before starting; a running job is adopted rather than a second one started;
* a job we own that no session wants is stopped, always, however long ago the session ended;
* a room and its standby are one room in two places: nothing is started in one while anything runs in the
  other, or may still turn up there from a start that was not answered;
* a room with `unplanned: stop` has one job: beside the one it keeps every other is stopped;
* a job that ends while its session is on is started again after a pause, whatever way it ended
  (the plan wants the room live, so a script played to its end begins anew); only a BLOCKED job is
  left alone until the next run of a session, because a restart would be blocked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from livecue.domain import Job, Meaning, Unplanned
from livecue.runtime.job_ports import Ownership
from livecue.supervisor.timetable import Window

SKEW_MS = 7_200_000
"""How far the cloud's clock may be behind ours when it says when a job was created: ours may have jumped
an hour. It only counts for an unanswered start, and the room was seen empty before that.
"""

SETTLE_MS = 120_000
"""How long after an unanswered start its job may still turn up."""

LONGEST_WAIT_MS = 300_000
"""No wait before a repeated start or stop is longer."""

GONE = "GONE"
"""State of a job the cloud no longer knows."""


class Start(msgspec.Struct, frozen=True):
    """Start a job for this run of a session, in this place."""

    window: Window
    place: str = ""


class Adopt(msgspec.Struct, frozen=True):
    """Make a running job the room's job and own its stop: a session wants it."""

    job: Job
    window: Window


class Attach(msgspec.Struct, frozen=True):
    """Make a running job the room's job, for cues and reports, without owning its stop."""

    job: Job


class Stop(msgspec.Struct, frozen=True):
    """Ask the job to stop; asked again until it is seen over."""

    job: Job


class Ended(msgspec.Struct, frozen=True):
    """The job was seen over: say so and let go of it."""

    job: Job


class Forget(msgspec.Struct, frozen=True):
    """Nothing of ours runs any more: drop the note of ownership."""


class Watch(msgspec.Struct, frozen=True):
    """All is as it should be, or on its way: look again later."""

    job: Job


class Nothing(msgspec.Struct, frozen=True):
    """Nothing runs and nothing is to be started now."""


Action = Start | Adopt | Attach | Stop | Ended | Forget | Watch | Nothing


class RoomFacts(msgspec.Struct, frozen=True):
    """One room as just seen. Times are wall clock in ms.

    `running` are the room's jobs that are not over; `over` those we cared about and saw over since
    the last decision. `job` is the room's job so far. `not_before_ms` is the earliest next start,
    `stop_after_ms` the earliest next stop request per job. `stop_before_ms`: jobs older than that were ordered to stop;
    `cut` is one that is stopped although its session is on. `held` is the run of a session for which
    no further start may be tried. `place` is where a start would go; `unseen`: the room was not looked at since that
    changed. `unsure_ms` is when the last start was asked for that was not answered.
    """

    now_ms: int
    wanted: Window | None
    unplanned: Unplanned
    job: Job | None = None
    running: tuple[Job, ...] = ()
    over: tuple[Job, ...] = ()
    owned: Ownership | None = None
    not_before_ms: int = 0
    stop_after_ms: Mapping[str, int] = {}
    held: Window | None = None
    stop_before_ms: int = 0
    cut: str = ""
    place: str = ""
    unseen: bool = False
    unsure_ms: int = 0


def decide(facts: RoomFacts) -> Action:
    """The one next thing to do; ask again with the new facts once it is done."""
    if facts.over:
        return Ended(facts.over[0])
    if facts.wanted is not None:
        return _while_wanted(facts, facts.wanted)
    return _while_unwanted(facts)


def is_ours(job: Job, owned: Ownership | None, skew_ms: int = SKEW_MS) -> bool:
    """Whether livecue owes this job a stop.

    While a start is unanswered (`job_id` empty) every job born since is ours; so is one whose birth
    the cloud does not tell, because the room was seen empty before the start was asked for.
    """
    if owned is None:
        return False
    if owned.job_id:
        return owned.job_id == job.job_id
    if owned.place != job.place:
        return False
    return job.created_ms is None or job.created_ms >= owned.since_ms - skew_ms


def _while_wanted(facts: RoomFacts, window: Window) -> Action:
    if not facts.running:
        if facts.held == window or facts.unseen or not due(facts.not_before_ms, facts.now_ms):
            return Nothing()
        return Nothing() if _may_turn_up_elsewhere(facts) else Start(window, facts.place)
    keeper = _keeper(facts)
    strict = facts.unplanned == Unplanned.STOP
    others = [job for job in facts.running if job is not keeper]
    owed = [job for job in others if is_ours(job, facts.owned)]
    unowned = facts.owned is None or facts.owned.job_id != keeper.job_id
    fresh = facts.job is None or facts.job.job_id != keeper.job_id
    if fresh or (unowned and not owed):
        # The note of ownership has room for one job, so those it names are stopped before it is narrowed.
        return Attach(keeper) if owed else Adopt(keeper, window)
    spare = others if strict else owed
    if keeper.job_id == facts.cut:
        spare = [*spare, keeper]
    return _stop_first(facts, spare) if spare else Watch(keeper)


def _may_turn_up_elsewhere(facts: RoomFacts) -> bool:
    """In its own place a start may be repeated: the cloud keeps a second job out (single_job_in_room)."""
    owned = facts.owned
    if owned is None or owned.job_id or owned.place == facts.place:
        return False
    return not due(max(owned.since_ms, facts.unsure_ms) + SETTLE_MS, facts.now_ms)


def _while_unwanted(facts: RoomFacts) -> Action:
    ours = [job for job in facts.running if is_ours(job, facts.owned) or _ordered_off(job, facts)]
    if ours:
        return _stop_first(facts, ours)
    if facts.owned is not None and _settled(facts.owned, facts.now_ms):
        return Forget()
    if not facts.running or facts.unplanned == Unplanned.IGNORE:
        return Nothing()
    if facts.unplanned == Unplanned.STOP:
        return _stop_first(facts, list(facts.running))
    keeper = _keeper(facts)
    same = facts.job is not None and facts.job.job_id == keeper.job_id
    return Watch(keeper) if same else Attach(keeper)


def _ordered_off(job: Job, facts: RoomFacts) -> bool:
    return job.created_ms is not None and job.created_ms < facts.stop_before_ms


def _keeper(facts: RoomFacts) -> Job:
    """The job to be the room's: on air before not yet on air, then ours, then the one so far, then the newest."""
    known = facts.job.job_id if facts.job else ""
    return max(
        facts.running,
        key=lambda job: (
            job.on_air,
            is_ours(job, facts.owned),
            job.job_id == known,
            job.created_ms or 0,
        ),
    )


def _stop_first(facts: RoomFacts, jobs: list[Job]) -> Action:
    for job in jobs:
        if due(facts.stop_after_ms.get(job.job_id, 0), facts.now_ms):
            return Stop(job)
    return Watch(jobs[0])


def _settled(owned: Ownership, now_ms: int) -> bool:
    return bool(owned.job_id) or now_ms >= owned.since_ms + SETTLE_MS


class StartRetry(msgspec.Struct, frozen=True):
    """What a failed start calls for: `hold` until the next run of a session, or wait `wait_ms`.

    `unsure`: the job may exist all the same, so the note of ownership stays.
    """

    hold: bool
    wait_ms: int
    unsure: bool


HOPELESS = frozenset(
    {
        Meaning.QUOTA,
        Meaning.FORBIDDEN,
        Meaning.INVALID,
        Meaning.NOT_FOUND,
        Meaning.TEXT_REFUSED,
        Meaning.NO_VOICE,
    }
)


def after_refused_start(meaning: Meaning, failures: int, retry_after_s: float | None = None) -> StartRetry:
    """What to do about a start that failed for the `failures`-th time in a row (from 1)."""
    if meaning in HOPELESS:
        return StartRetry(hold=True, wait_ms=0, unsure=False)
    unsure = meaning in {Meaning.OUTCOME_UNKNOWN, Meaning.UNAVAILABLE}
    if meaning == Meaning.UNAUTHENTICATED:
        wait_ms = 60_000
    else:
        wait_ms = backoff_ms(failures, first_ms=2_000, most_ms=30_000)
    asked_ms = min(int((retry_after_s or 0) * 1000), LONGEST_WAIT_MS)
    return StartRetry(hold=False, wait_ms=max(wait_ms, asked_ms), unsure=unsure)


def after_lost_job(failures: int) -> int:
    """Milliseconds to wait before a job that ended too early is started again, the `failures`-th time (from 1)."""
    return backoff_ms(failures, first_ms=5_000, most_ms=120_000)


def backoff_ms(failures: int, first_ms: int, most_ms: int) -> int:
    """Doubling wait: `first_ms` at the first failure, never more than `most_ms`."""
    return min(most_ms, first_ms << min(max(failures, 1) - 1, 20))


def due(at_ms: int, now_ms: int) -> bool:
    """Whether a moment has come; one further off than any wait means that the clock was set back."""
    return at_ms <= now_ms or at_ms - now_ms > LONGEST_WAIT_MS


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return round(moment.timestamp() * 1000)
