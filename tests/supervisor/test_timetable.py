"""The plan: cron meaning, zones and their clock changes, and what is said about a wrong session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import Session
from livecue.supervisor.crontab import compile_cron, next_start, starts
from livecue.supervisor.timetable import LONGEST, Window, next_change, validate, wanted

SHANGHAI, BERLIN, NEW_YORK = "Asia/Shanghai", "Europe/Berlin", "America/New_York"
HOUR = timedelta(hours=1)


def cron(line: str, hours: float = 4, zone: str = SHANGHAI, name: str = "evening") -> Session:
    return Session(name, cron=line, duration=timedelta(hours=hours), timezone=zone)


def local(zone: str, *parts: int, fold: int = 0) -> datetime:
    year, month, day, hour, minute = parts
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def window(session: Session, moment: datetime) -> Window:
    found = wanted([session], moment)
    assert found is not None
    return found


def test_a_session_started_three_hours_ago_is_wanted() -> None:
    now = local(SHANGHAI, 2026, 11, 20, 23, 0)
    found = window(cron("0 20 * * *"), now)
    assert found.start == local(SHANGHAI, 2026, 11, 20, 20, 0)
    assert found.end == local(SHANGHAI, 2026, 11, 21, 0, 0)


def test_a_session_runs_from_its_start_up_to_but_not_at_its_end() -> None:
    session = cron("0 20 * * *")
    start = local(SHANGHAI, 2026, 11, 20, 20, 0)
    assert wanted([session], start - timedelta(milliseconds=1)) is None
    assert wanted([session], start) is not None
    assert wanted([session], start + 4 * HOUR - timedelta(milliseconds=1)) is not None
    assert wanted([session], start + 4 * HOUR) is None


def test_a_week_long_session_is_found_from_its_last_minute() -> None:
    session = cron("0 8 * * mon", hours=24 * 7)
    now = local(SHANGHAI, 2026, 11, 16, 7, 59)  # Monday, a minute before the next start
    assert window(session, now).start == local(SHANGHAI, 2026, 11, 9, 8, 0)


def test_of_overlapping_sessions_the_one_that_ends_last_is_named() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    short = Session("short", start=now - HOUR, end=now + HOUR)
    long = Session("long", start=now - 2 * HOUR, end=now + 3 * HOUR)
    found = wanted([long, short], now)
    assert found is not None
    assert found.session == "long"
    assert wanted([short, long], now) == found


def test_the_next_change_is_the_earliest_start_or_end_to_come() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    one = Session("one", start=now - HOUR, end=now + 2 * HOUR)
    two = Session("two", start=now + HOUR, end=now + 9 * HOUR)
    assert next_change([one, two], now) == now + HOUR
    assert next_change([one, two], now + HOUR) == now + 2 * HOUR
    assert next_change([one], now + 2 * HOUR) is None
    assert next_change([], now) is None


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("0", {"Sun"}),
        ("7", {"Sun"}),
        ("1-5", {"Mon", "Tue", "Wed", "Thu", "Fri"}),
        ("mon-fri", {"Mon", "Tue", "Wed", "Thu", "Fri"}),
        ("5-7", {"Fri", "Sat", "Sun"}),
        ("6-1", {"Sat", "Sun", "Mon"}),
        ("fri-mon", {"Fri", "Sat", "Sun", "Mon"}),
        ("sat-sun", {"Sat", "Sun"}),
        ("7-2", {"Sun", "Mon", "Tue"}),
        ("*/2", {"Sun", "Tue", "Thu", "Sat"}),
        ("1-5/2", {"Mon", "Wed", "Fri"}),
        ("mon-fri/2", {"Mon", "Wed", "Fri"}),
        ("SUN,3", {"Sun", "Wed"}),
        ("0-7", {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}),
    ],
)
def test_weekdays_mean_what_crontab_means(field: str, days: set[str]) -> None:
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    found = starts(compile_cron(f"0 12 * * {field}", "UTC"), begin, begin + timedelta(days=7))
    assert {moment.strftime("%a") for moment in found} == days


def test_day_of_month_and_weekday_together_mean_either() -> None:
    begin = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
    found = starts(compile_cron("0 12 1,15 * 5", "UTC"), begin, begin + timedelta(days=30))
    assert [moment.day for moment in found] == [1, 6, 13, 15, 20, 27]


def test_months_take_names_and_steps() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = starts(compile_cron("0 0 1 feb-jun/2 *", "UTC"), begin, begin + timedelta(days=364))
    assert [moment.month for moment in found] == [2, 4, 6]


def test_a_daily_session_at_a_repeated_time_starts_once_in_autumn() -> None:
    tab = compile_cron("30 2 * * *", BERLIN)
    begin = local(BERLIN, 2026, 10, 25, 0, 0)
    assert starts(tab, begin, begin + timedelta(hours=12)) == [local(BERLIN, 2026, 10, 25, 2, 30)]
    session = cron("30 2 * * *", hours=0.25, zone=BERLIN)
    assert wanted([session], local(BERLIN, 2026, 10, 25, 2, 40)) is not None
    assert wanted([session], local(BERLIN, 2026, 10, 25, 2, 40, fold=1)) is None


@pytest.mark.parametrize(
    ("zone", "day"),
    [(BERLIN, (2026, 3, 29)), (NEW_YORK, (2026, 3, 8))],
)
def test_a_session_in_the_spring_gap_starts_an_hour_later(zone: str, day: tuple[int, int, int]) -> None:
    session = cron("30 2 * * *", hours=2, zone=zone)
    start = local(zone, *day, 3, 30)
    for minutes in (0, 1, 60, 119):
        assert window(session, start + timedelta(minutes=minutes)).start == start
    assert wanted([session], start - timedelta(minutes=1)) is None
    before = local(zone, *day, 3, 10)
    assert next_start(compile_cron(session.cron, zone), before) == start


def test_every_hour_means_every_real_hour_when_clocks_go_back() -> None:
    begin = local(NEW_YORK, 2026, 11, 1, 0, 0)
    found = starts(compile_cron("0 * * * *", NEW_YORK), begin, begin + timedelta(hours=5))
    assert found == [begin + timedelta(hours=hours) for hours in range(1, 6)]


def test_the_next_start_is_found_between_the_two_readings_of_a_repeated_hour() -> None:
    tab = compile_cron("0,30 * * * *", NEW_YORK)
    moment = local(NEW_YORK, 2026, 11, 1, 1, 10)
    for _ in range(4):
        found = next_start(tab, moment)
        assert found is not None
        assert found - moment <= timedelta(minutes=30)
        moment = found
    assert moment == local(NEW_YORK, 2026, 11, 1, 2, 0)


def test_a_zone_without_clock_changes_starts_at_the_same_utc_time_all_year() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = starts(compile_cron("0 20 * * *", SHANGHAI), begin, begin + timedelta(days=365))
    assert {(moment.hour, moment.minute) for moment in found} == {(12, 0)}
    assert len(found) == 365


def test_a_duration_is_elapsed_time_over_a_clock_change() -> None:
    found = window(cron("0 20 * * *", hours=12, zone=BERLIN), local(BERLIN, 2026, 10, 24, 21, 0))
    assert found.end == local(BERLIN, 2026, 10, 25, 7, 0)


@pytest.mark.parametrize(
    ("session", "part"),
    [
        (Session("s"), "says no time"),
        (cron("0 20 * *"), "4 fields"),
        (cron("61 20 * * *"), "'61' is not 0-59"),
        (cron("0 20 * * 8"), "'8' is not 0-7"),
        (cron("0 20 * * sunday"), "or sun-sat"),
        (cron("0 22-2 * * *"), "write 22-23,0-2"),
        (cron("0 20 31 2 *"), "never happens"),
        (cron("*/0 20 * * *"), "step 0"),
        (cron("0 20 * * mon#2"), "is not a number"),
        (cron("0 20 L * *"), "'l' is not 1-31"),
        (cron("0 20 *-3 * *"), "mixes * and a range"),
        (cron("0 20 * * *", zone="Mars/Olympus"), "IANA"),
        (cron("0 20 * * *", zone="../etc"), "IANA"),
        (cron("0 20 * * *", hours=0), "more than 0"),
        (cron("0 20 * * *", hours=24 * 7 + 1), "7 days"),
        (Session("s", start=datetime(2026, 1, 1, tzinfo=UTC)), "end is missing"),
        (Session("s", end=datetime(2026, 1, 1, tzinfo=UTC)), "start is missing"),
        (Session("s", datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)), "not after start"),
        (Session("s", datetime(2026, 1, 1), datetime(2026, 1, 2, tzinfo=UTC)), "start has no UTC offset"),  # noqa: DTZ001
        (
            Session(
                "s", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), cron="* * * * *"
            ),
            "keep one",
        ),
        (
            Session("s", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), duration=HOUR),
            "duration belongs to cron",
        ),
    ],
)
def test_a_wrong_session_is_told_with_its_remedy(session: Session, part: str) -> None:
    problems = validate(session)
    assert any(part in problem for problem in problems), problems
    assert all(repr(session.name) in problem for problem in problems)


def test_right_sessions_have_no_problems() -> None:
    assert validate(cron("*/5 8-22/2 1,15 jan-mar,12 mon-fri", hours=24 * 7)) == []
    assert validate(cron("0 20 29 2 *", zone=BERLIN)) == []
    assert validate(Session("s", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))) == []


fields = st.tuples(
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
    st.sets(st.integers(0, 23), min_size=1, max_size=3),
    st.sets(st.integers(0, 7), min_size=1, max_size=7),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
durations = st.integers(1, round(LONGEST.total_seconds() / 60)).map(
    lambda minutes: timedelta(minutes=minutes)
)


def listed(values: set[int]) -> str:
    return ",".join(map(str, sorted(values)))


@given(fields, st.sampled_from(["UTC", SHANGHAI]), moments, st.integers(1, 36 * 60))
def test_a_moment_is_wanted_exactly_if_a_matching_minute_began_within_the_duration(
    parts: tuple[set[int], set[int], set[int]], zone: str, now: datetime, minutes: int
) -> None:
    minute, hour, weekday = parts
    session = Session(
        "s",
        cron=f"{listed(minute)} {listed(hour)} * * {listed(weekday)}",
        duration=timedelta(minutes=minutes),
        timezone=zone,
    )
    floor = now.replace(second=0, microsecond=0)
    found = None
    for back in range(minutes + 1):
        moment = floor - timedelta(minutes=back)
        here = moment.astimezone(ZoneInfo(zone))
        days = {day % 7 for day in weekday}
        if here.minute in minute and here.hour in hour and here.isoweekday() % 7 in days:
            found = moment if now < moment + session.duration else None
            break
    window = wanted([session], now)
    assert (None if window is None else window.start) == found


@given(
    st.lists(
        st.tuples(fields, st.sampled_from([SHANGHAI, BERLIN, NEW_YORK]), durations), min_size=1, max_size=3
    ),
    moments,
    st.floats(0, 1, exclude_max=True),
)
def test_what_is_wanted_stays_the_same_until_the_next_change(
    specs: list[tuple[tuple[set[int], set[int], set[int]], str, timedelta]], now: datetime, share: float
) -> None:
    sessions = [
        Session(
            f"s{number}",
            cron=f"{listed(parts[0])} {listed(parts[1])} * * {listed(parts[2])}",
            duration=duration,
            timezone=zone,
        )
        for number, (parts, zone, duration) in enumerate(specs)
    ]
    change = next_change(sessions, now)
    assert change is not None
    assert change > now
    between = min(
        now + (change - now) * share, change - timedelta(milliseconds=1)
    )  # the product may round up
    assert wanted(sessions, max(between, now)) == wanted(sessions, now)


@given(st.text(alphabet="0123456789*/-, lwsunmo#?", max_size=24), st.sampled_from(["UTC", BERLIN]), moments)
def test_whatever_passes_the_check_can_be_used(line: str, zone: str, now: datetime) -> None:
    session = Session("s", cron=line or "x", duration=HOUR, timezone=zone)
    if validate(session):
        with pytest.raises(ValueError, match="cron"):
            wanted([session], now)
    else:
        wanted([session], now)
        next_change([session], now)
