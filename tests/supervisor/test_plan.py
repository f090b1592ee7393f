"""What becomes of runs: days off, blackouts, two sessions at once, and starts that were missed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from livecue.domain import Blackout, CalendarRun, Overlap, Session
from livecue.supervisor.crontab import compile_cron, next_start
from livecue.supervisor.plan import resolve
from livecue.supervisor.plan_checks import crowds, overlaps, rushes
from livecue.supervisor.timetable import next_change, too_late, wanted

DAY = datetime(2026, 11, 20, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def at(hour: float) -> datetime:
    return DAY + hour * HOUR


def once(name: str, start: float, end: float, **more: Any) -> Session:
    return Session(name, start=at(start), end=at(end), **more)


def daily(name: str = "evening", hour: int = 20, hours: float = 4, **more: Any) -> Session:
    return Session(name, cron=f"0 {hour} * * *", duration=hours * HOUR, **more)


def shown(sessions: Sequence[Session], days: float = 1) -> list[tuple[str, float, float, str]]:
    return [
        (run.session, (run.start - DAY) / HOUR, (run.end - DAY) / HOUR, run.left_out)
        for run in resolve(sessions, DAY, DAY + timedelta(days=days))
    ]


def test_a_day_off_is_left_out_with_its_reason() -> None:
    session = daily(days_off={date(2026, 11, 21): "holiday (national)"})
    assert shown([session], days=2) == [("evening", 20, 24, ""), ("evening", 44, 48, "holiday (national)")]
    assert wanted([session], at(21)) is not None
    assert wanted([session], at(45)) is None


def test_a_day_off_is_a_day_of_the_sessions_own_zone() -> None:
    session = daily(hour=2, timezone="Asia/Shanghai", days_off={date(2026, 11, 21): "excepted"})
    # 02:00 in Shanghai on the 21st is 18:00 on the 20th in UTC.
    assert shown([session])[-1] == ("evening", 18, 22, "excepted")


def test_a_run_that_is_still_on_is_found_behind_one_that_is_left_out() -> None:
    session = daily(hours=30, days_off={date(2026, 11, 21): "excepted"})
    found = wanted([session], at(45))
    assert found is not None
    assert found.start == at(20)


def test_a_blackout_cuts_a_run_and_the_rest_runs_on() -> None:
    dark = Blackout(at(21), at(22), "maintenance")
    session = daily(blackouts=(dark,))
    assert shown([session]) == [("evening", 20, 21, ""), ("evening", 22, 24, "")]
    assert [wanted([session], at(hour)) is not None for hour in (20.5, 21, 21.99, 22)] == [
        True,
        False,
        False,
        True,
    ]
    assert next_change([session], at(20.5)) == at(21)
    assert next_change([session], at(21)) == at(22)


def test_a_run_inside_a_blackout_does_not_happen_and_says_why() -> None:
    session = daily(blackouts=(Blackout(at(19), at(25), "maintenance"),))
    assert shown([session]) == [("evening", 20, 24, "blackout: maintenance")]


def test_what_a_blackout_leaves_must_be_worth_it() -> None:
    session = daily(blackouts=(Blackout(at(19), at(24) - 4 * MINUTE),), least_remainder=5 * MINUTE)
    assert shown([session])[0][3] == "only 0:04:00 is left of it"
    assert wanted([session], at(24) - MINUTE) is None


def test_merged_sessions_are_one_run() -> None:
    pair = [once("early", 18, 21, overlap=Overlap.MERGE), once("late", 20, 23, overlap=Overlap.MERGE)]
    assert shown(pair) == [("early", 18, 23, "")]
    for hour in (18, 20, 22.9):
        found = wanted(pair, at(hour))
        assert found is not None
        assert (found.session, found.start, found.end) == ("early", at(18), at(23))


def test_the_first_keeps_the_room_and_the_other_has_the_rest() -> None:
    three = [
        once("a", 18, 21, overlap=Overlap.FIRST),
        once("b", 19, 20, overlap=Overlap.FIRST),
        once("c", 20, 23, overlap=Overlap.FIRST),
    ]
    assert shown(three) == [
        ("a", 18, 21, ""),
        ("b", 19, 20, "a has the room until 21:00Z"),
        ("c", 21, 23, ""),
    ]
    found = wanted(three, at(22))
    assert found is not None
    assert (found.session, found.start) == ("c", at(21))


def test_an_overlap_is_refused_with_both_names_and_the_first_time() -> None:
    (problem,) = overlaps([daily("evening"), once("launch", 23, 26)], DAY)
    assert problem[0] == 1
    assert problem[1].startswith(
        "overlaps session 'evening', first from 2026-11-20 23:00Z to 2026-11-21 00:00Z; move 'launch', or write"
    )


@pytest.mark.parametrize(
    "pair",
    [
        [daily("evening"), once("launch", 24, 26)],
        [daily("evening", overlap=Overlap.MERGE), once("launch", 23, 26, overlap=Overlap.MERGE)],
        [daily("evening", days_off={date(2026, 11, 20): "excepted"}), once("launch", 20, 24)],
        [daily("every-hour", hours=40)],
    ],
)
def test_no_overlap_where_there_is_none(pair: list[Session]) -> None:
    assert overlaps(pair, DAY) == []


def test_more_rooms_at_once_than_the_quota_are_named() -> None:
    rooms = {name: resolve([daily()], DAY, at(48)) for name in ("a", "b", "c")}
    (problem,) = crowds(rooms, 2)
    assert problem.startswith(
        "3 rooms are live at once from 2026-11-20 20:00Z (a, b, c), plan.max_rooms_at_once is 2;"
    )
    assert crowds(rooms, 3) == []


def test_runs_that_follow_each_other_are_not_at_once() -> None:
    rooms = {"a": resolve([once("x", 1, 2)], DAY, at(24)), "b": resolve([once("x", 2, 3)], DAY, at(24))}
    assert crowds(rooms, 1) == []


def test_more_starts_in_a_second_than_the_limit_carries_are_a_warning() -> None:
    rooms = {str(number): resolve([daily()], DAY, at(24)) for number in range(9)}
    (warning,) = rushes(rooms, 4)
    assert warning.startswith(
        "9 starts fall into 2026-11-20 20:00:00Z, MetaStudio takes 4 a second: the last begin 2 s"
    )
    assert rushes(rooms, 9) == []


@pytest.mark.parametrize(
    ("minutes", "began", "late"),
    [(0, False, False), (15, False, False), (15.1, False, True), (15.1, True, False), (236, True, True)],
)
def test_a_missed_start_counts_for_its_catch_up_window(minutes: float, began: bool, late: bool) -> None:  # noqa: FBT001
    session = daily(catchup=15 * MINUTE, least_remainder=5 * MINUTE)
    moment = at(20) + minutes * MINUTE
    found = wanted([session], moment)
    assert found is not None
    assert too_late(found, moment, began=began) is late


def test_a_short_session_is_started_on_time_whatever_is_left_of_it() -> None:
    session = Session(
        "short", start=at(20), end=at(20) + 3 * MINUTE, catchup=15 * MINUTE, least_remainder=5 * MINUTE
    )
    found = wanted([session], at(20) + MINUTE)
    assert found is not None
    assert not too_late(found, at(20) + MINUTE, began=False)
    assert too_late(found, at(20) + 1.1 * MINUTE, began=False)


def test_a_calendars_runs_are_wanted_and_its_days_off_are_not() -> None:
    runs = (
        CalendarRun(at(1), at(2), date(2026, 11, 20)),
        CalendarRun(at(3), at(4), date(2026, 11, 20), left_out="cancelled"),
        CalendarRun(at(30), at(31), date(2026, 11, 21)),
    )
    session = Session("feed", ics="feed.ics", runs=runs, days_off={date(2026, 11, 21): "excepted"})
    assert [wanted([session], at(hour)) is not None for hour in (1, 3, 30)] == [True, False, False]
    assert next_change([session], at(0)) == at(1)


quarters = st.integers(0, 40)
some_sessions = st.lists(st.tuples(quarters, st.integers(1, 16)), min_size=1, max_size=5)
some_blackouts = st.lists(st.tuples(quarters, st.integers(1, 8)), max_size=2)


@settings(max_examples=60, deadline=None)
@given(some_sessions, some_blackouts, st.sampled_from(Overlap), st.sampled_from([0, 5, 20, 50]))
@example([(0, 1), (0, 2)], [(1, 1)], Overlap.REFUSE, 20)
def test_what_is_wanted_is_what_the_plan_shows(
    spans: list[tuple[int, int]], darks: list[tuple[int, int]], overlap: Overlap, least: int
) -> None:
    """`wanted` answers for a moment, `resolve` for a day: they must never differ, nor `next_change` skip a change."""
    blackouts = tuple(Blackout(at(start / 4), at((start + length) / 4)) for start, length in darks)
    more = {"overlap": overlap, "blackouts": blackouts, "least_remainder": least * MINUTE}
    sessions = [
        once(str(place), start / 4, (start + length) / 4, **more)
        for place, (start, length) in enumerate(spans)
    ]
    plan = [run for run in resolve(sessions, DAY, at(24)) if not run.left_out]
    until, before = DAY, None
    for quarter in range(60):
        moment = at(quarter / 4)
        found = wanted(sessions, moment)
        assert (found is not None) == any(run.on(moment) for run in plan)
        if found is not None and overlap is not Overlap.REFUSE:
            assert (found.session, found.start, found.end) in [
                (run.session, run.start, run.end) for run in plan
            ]
        if quarter and moment < until:
            assert found == before
        coming = next_change(sessions, moment)
        until, before = coming or at(100), found


def test_the_policy_without_overlaps_changes_nothing() -> None:
    sessions = [daily(), once("noon", 11, 13)]
    plain = shown(sessions, days=3)
    for policy in Overlap:
        assert shown([replace(one, overlap=policy) for one in sessions], days=3) == plain


ZONES = ("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe")
CHANGES = ((3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1))
"""Days of 2026 on which clocks change in one of them."""


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(0, 59),
    st.sampled_from(["*", "*/2", "0-4", "1,2,3", "2", "23"]),
    st.integers(1, 30 * 60),
    st.integers(-3, 0),
)
def test_around_clock_changes_every_start_comes_once_in_order_and_lasts_as_long_as_said(
    zone: str, day: tuple[int, int], minute: int, hours: str, minutes: int, shift: int
) -> None:
    session = Session("s", cron=f"{minute} {hours} * * *", duration=minutes * MINUTE, timezone=zone)
    since = datetime(2026, *day, tzinfo=UTC) + timedelta(days=shift)
    found = resolve([session], since, since + timedelta(days=4))
    begun = [run.start for run in found]
    assert begun == sorted(set(begun))
    assert {run.end - run.start for run in found} == {minutes * MINUTE}
    moment, walked = begun[0] - timedelta.resolution, []
    while (coming := next_start(compile_cron(session.cron, zone), moment)) is not None and coming <= begun[
        -1
    ]:
        walked.append(moment := coming)
    assert walked == begun
    for run in found:
        local = run.start.astimezone(ZoneInfo(zone))
        assert local.minute == minute or any("does not exist" in note for note in run.notes)
        assert local.fold == 0 or (
            hours.startswith("*") and any("this is fold 1" in note for note in run.notes)
        )
