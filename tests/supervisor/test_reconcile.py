"""Every law of `decide`, on facts written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import Job, JobState, Meaning, Unplanned
from livecue.runtime.job_ports import Ownership
from livecue.supervisor.reconcile import (
    LONGEST_WAIT_MS,
    SETTLE_MS,
    Adopt,
    Attach,
    Ended,
    Forget,
    Nothing,
    RoomFacts,
    Start,
    Stop,
    Watch,
    after_lost_job,
    after_refused_start,
    backoff_ms,
    decide,
    due,
)
from livecue.supervisor.timetable import Window

NOW = 1_800_000_000_000
BEGIN = datetime(2027, 1, 15, 7, tzinfo=UTC)
EVENING = Window("evening", BEGIN, BEGIN + timedelta(hours=4))


def job(job_id: str, state: str = JobState.PROCESSING, age_s: int | None = 10) -> Job:
    return Job(job_id, state, created_ms=None if age_s is None else NOW - age_s * 1000)


def facts(
    *running: Job,
    wanted: Window | None = None,
    unplanned: Unplanned = Unplanned.ATTACH,
    known: Job | None = None,
    owned: Ownership | None = None,
    over: tuple[Job, ...] = (),
    not_before_ms: int = 0,
    stop_after_ms: dict[str, int] | None = None,
    held: Window | None = None,
) -> RoomFacts:
    return RoomFacts(
        NOW, wanted, unplanned, known, running, over, owned, not_before_ms, stop_after_ms or {}, held
    )


def note(job_id: str = "", age_s: int = 30) -> Ownership:
    return Ownership("evening", NOW - age_s * 1000, job_id)


def test_an_empty_room_is_started_when_wanted_and_left_alone_when_not() -> None:
    assert decide(facts(wanted=EVENING)) == Start(EVENING)
    assert decide(facts()) == Nothing()


def test_a_start_waits_for_its_pause_unless_the_clock_was_set_back() -> None:
    assert decide(facts(wanted=EVENING, not_before_ms=NOW + 1)) == Nothing()
    assert decide(facts(wanted=EVENING, not_before_ms=NOW)) == Start(EVENING)
    assert decide(facts(wanted=EVENING, not_before_ms=NOW + LONGEST_WAIT_MS + 1)) == Start(EVENING)


def test_a_held_run_is_not_started_but_the_next_one_is() -> None:
    later = Window("evening", BEGIN + timedelta(days=1), BEGIN + timedelta(days=1, hours=4))
    assert decide(facts(wanted=EVENING, held=EVENING)) == Nothing()
    assert decide(facts(wanted=later, held=EVENING)) == Start(later)


def test_a_running_job_is_adopted_when_wanted() -> None:
    found = job("a")
    assert decide(facts(found, wanted=EVENING)) == Adopt(found, EVENING)
    assert decide(facts(found, wanted=EVENING, held=EVENING)) == Adopt(found, EVENING)


def test_our_job_is_watched_while_wanted() -> None:
    mine = job("a")
    assert decide(facts(mine, wanted=EVENING, known=mine, owned=note("a"))) == Watch(mine)


def test_an_attached_job_is_adopted_when_its_session_begins() -> None:
    found = job("a")
    assert decide(facts(found, wanted=EVENING, known=found)) == Adopt(found, EVENING)


@pytest.mark.parametrize("owned", [note("a"), note("", age_s=30), note("", age_s=86_400)])
@pytest.mark.parametrize("unplanned", list(Unplanned))
def test_our_job_is_stopped_when_no_session_wants_it(owned: Ownership, unplanned: Unplanned) -> None:
    mine = job("a", age_s=20)
    assert decide(facts(mine, owned=owned, unplanned=unplanned)) == Stop(mine)


def test_a_job_of_an_unanswered_start_is_ours_from_a_minute_before_the_request_on() -> None:
    owned = note("", age_s=30)
    assert decide(facts(job("a", age_s=7230), owned=owned)) == Stop(job("a", age_s=7230))
    assert decide(facts(job("a", age_s=7231), owned=owned)) == Attach(job("a", age_s=7231))
    assert decide(facts(job("a", age_s=None), owned=owned)) == Stop(job("a", age_s=None))


def test_a_stop_is_asked_again_only_after_its_pause() -> None:
    mine = job("a")
    assert decide(facts(mine, owned=note("a"), stop_after_ms={"a": NOW + 1})) == Watch(mine)
    assert decide(facts(mine, owned=note("a"), stop_after_ms={"a": NOW})) == Stop(mine)


def test_while_one_stop_waits_another_job_of_ours_is_stopped() -> None:
    one, two = job("one"), job("two")
    assert decide(facts(one, two, owned=note(), stop_after_ms={"one": NOW + 1})) == Stop(two)


def test_an_unplanned_job_is_attached_stopped_or_ignored_as_configured() -> None:
    found = job("a")
    assert decide(facts(found)) == Attach(found)
    assert decide(facts(found, known=found)) == Watch(found)
    assert decide(facts(found, unplanned=Unplanned.STOP)) == Stop(found)
    assert decide(facts(found, unplanned=Unplanned.IGNORE)) == Nothing()


def test_of_several_jobs_the_one_on_air_then_ours_then_the_newest_is_kept() -> None:
    waiting = job("waiting", JobState.WAITING, age_s=1)
    old, new = job("old", age_s=50), job("new", age_s=5)
    assert decide(facts(waiting, old, new, wanted=EVENING)) == Adopt(new, EVENING)
    assert decide(facts(waiting, old, new, wanted=EVENING, owned=note("old"))) == Adopt(old, EVENING)


def test_the_kept_job_gets_its_cues_before_the_spare_ones_are_stopped_and_is_owned_after() -> None:
    old, new = job("old", age_s=20), job("new", age_s=5)
    owned = note()
    assert decide(facts(old, new, wanted=EVENING, owned=owned)) == Attach(new)
    assert decide(facts(old, new, wanted=EVENING, owned=owned, known=new)) == Stop(old)
    waits = decide(facts(old, new, wanted=EVENING, owned=owned, known=new, stop_after_ms={"old": NOW + 1}))
    assert waits == Watch(old)
    assert decide(facts(new, wanted=EVENING, owned=owned, known=new)) == Adopt(new, EVENING)


def test_a_spare_job_that_is_not_ours_is_left_alone() -> None:
    mine, theirs = job("mine"), job("theirs", age_s=1)
    assert decide(facts(mine, theirs, wanted=EVENING, known=mine, owned=note("mine"))) == Watch(mine)


def test_an_ended_job_is_said_before_anything_else() -> None:
    gone = job("a", JobState.FAILED)
    assert decide(facts(wanted=EVENING, known=gone, over=(gone,))) == Ended(gone)


def test_an_unanswered_start_is_remembered_until_its_job_can_no_longer_turn_up() -> None:
    assert decide(facts(owned=note("", age_s=30))) == Nothing()
    assert decide(facts(owned=note("", age_s=SETTLE_MS // 1000))) == Forget()
    assert decide(facts(owned=note("a", age_s=0))) == Forget()


def test_hopeless_starts_are_held_and_others_repeated_with_a_floor() -> None:
    for meaning in (Meaning.QUOTA, Meaning.FORBIDDEN, Meaning.INVALID):
        assert after_refused_start(meaning, 1).hold
    for meaning in (Meaning.NO_RESOURCE, Meaning.UNAVAILABLE, Meaning.OUTCOME_UNKNOWN, Meaning.SLOW_DOWN):
        retry = after_refused_start(meaning, 1)
        assert not retry.hold
        assert retry.wait_ms >= 2_000
    assert after_refused_start(Meaning.UNAUTHENTICATED, 1).wait_ms == 60_000
    assert after_refused_start(Meaning.SLOW_DOWN, 1, retry_after_s=45).wait_ms == 45_000
    assert after_refused_start(Meaning.SLOW_DOWN, 1, retry_after_s=1e6).wait_ms == LONGEST_WAIT_MS


@given(st.integers(1, 10_000))
def test_no_pause_is_ever_longer_than_the_longest(failures: int) -> None:
    waits = [after_refused_start(meaning, failures).wait_ms for meaning in Meaning]
    assert max([*waits, after_lost_job(failures)]) <= LONGEST_WAIT_MS
    assert backoff_ms(failures, 2_000, 10_000) <= backoff_ms(failures + 1, 2_000, 10_000) <= 10_000
    assert due(NOW, NOW)


states = st.sampled_from([JobState.WAITING, JobState.PROCESSING, "LATER_STATE"])
jobs = st.lists(
    st.builds(job, st.sampled_from("abcd"), states, st.none() | st.integers(0, 300)),
    max_size=4,
    unique_by=lambda one: one.job_id,
)
notes = st.none() | st.builds(note, st.sampled_from(["", "a", "b", "z"]), st.integers(0, 300))


@given(
    jobs,
    notes,
    st.sampled_from([EVENING, None]),
    st.sampled_from(Unplanned),
    st.none() | st.sampled_from("abcd"),
)
def test_nothing_is_started_beside_a_running_job_and_nothing_foreign_is_stopped_against_the_setting(
    running: list[Job],
    owned: Ownership | None,
    wanted: Window | None,
    unplanned: Unplanned,
    known: str | None,
) -> None:
    board = next((one for one in running if one.job_id == known), None)
    action = decide(facts(*running, wanted=wanted, unplanned=unplanned, known=board, owned=owned))
    if isinstance(action, Start):
        assert wanted
        assert not running
    if isinstance(action, Stop) and unplanned != Unplanned.STOP:
        assert owned is not None
        assert owned.job_id in {"", action.job.job_id}
    if not wanted:
        assert not isinstance(action, Start | Adopt)
