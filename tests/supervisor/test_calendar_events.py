"""Calendars: recurrence, exceptions, moved and cancelled events, zones of their own, and broken files."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecue.domain import CalendarRun
from livecue.supervisor.calendar_events import days_in, runs_in
from livecue.supervisor.calendar_reading import CalendarError

AFTER, UNTIL = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)
OWN_ZONE = """BEGIN:VTIMEZONE
TZID:Studio Time
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
"""


def calendar(*events: str, zones: str = "") -> str:
    wrapped = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//shop//EN\n{zones}{wrapped}END:VCALENDAR\n"


def runs(
    text: str, zone: str = "UTC", after: datetime = AFTER, until: datetime = UNTIL
) -> tuple[CalendarRun, ...]:
    return runs_in(text, zone, after, until)


def starts(found: tuple[CalendarRun, ...]) -> list[str]:
    return [f"{run.start:%m-%d %H:%M}" for run in found if not run.left_out]


WEEKLY = """UID:1
SUMMARY:Evening
DTSTART;TZID=Europe/Berlin:20261004T200000
DTEND;TZID=Europe/Berlin:20261004T220000
RRULE:FREQ=WEEKLY
"""


def test_a_weekly_event_keeps_its_time_of_day_when_clocks_change() -> None:
    found = runs(calendar(WEEKLY))
    assert starts(found) == ["10-04 18:00", "10-11 18:00", "10-18 18:00", "10-25 19:00", "11-01 19:00"]
    assert {run.end - run.start for run in found} == {timedelta(hours=2)}
    assert {run.label for run in found} == {"Evening"}


def test_excepted_dates_moved_and_cancelled_ones_are_what_they_say() -> None:
    text = calendar(
        WEEKLY + "EXDATE;TZID=Europe/Berlin:20261011T200000\nRDATE;TZID=Europe/Berlin:20261013T100000",
        "UID:1\nRECURRENCE-ID;TZID=Europe/Berlin:20261018T200000\n"
        "DTSTART;TZID=Europe/Berlin:20261019T210000\nDURATION:PT1H\nSUMMARY:Moved",
        "UID:1\nRECURRENCE-ID:20261025T190000Z\nDTSTART:20261025T190000Z\nDTEND:20261025T210000Z\nSTATUS:CANCELLED",
    )
    found = runs(text)
    assert starts(found) == ["10-04 18:00", "10-13 08:00", "10-19 19:00", "11-01 19:00"]
    (moved,) = (run for run in found if run.label == "Moved")
    assert moved.end - moved.start == timedelta(hours=1)
    assert [run.left_out for run in found if run.left_out] == ["cancelled in the calendar"]


def test_the_newest_word_on_an_occurrence_counts() -> None:
    first = "UID:1\nSEQUENCE:2\nRECURRENCE-ID;TZID=Europe/Berlin:20261011T200000\nDTSTART:20261011T100000Z\nDURATION:PT1H"
    stale = first.replace("SEQUENCE:2", "SEQUENCE:1").replace("T100000Z", "T050000Z")
    assert "10-11 10:00" in starts(runs(calendar(first, stale, WEEKLY)))
    assert "10-11 05:00" not in starts(runs(calendar(first, stale, WEEKLY)))


def test_a_zone_that_the_calendar_brings_along_is_used() -> None:
    own = runs(calendar(WEEKLY.replace("Europe/Berlin", "Studio Time"), zones=OWN_ZONE))
    assert [(run.start, run.end) for run in own] == [(run.start, run.end) for run in runs(calendar(WEEKLY))]


def test_a_time_without_a_zone_is_of_the_sessions() -> None:
    text = calendar("UID:1\nDTSTART:20261005T200000\nDURATION:PT1H")
    assert starts(runs(text, "Asia/Shanghai")) == ["10-05 12:00"]


@pytest.mark.parametrize(
    ("until", "last"),
    [("20261018T180000Z", "10-18 18:00"), ("20261018T175959Z", "10-11 18:00"), ("20261018", "10-18 18:00")],
)
def test_until_is_a_moment_or_a_day(until: str, last: str) -> None:
    text = calendar(WEEKLY.replace("FREQ=WEEKLY", f"FREQ=WEEKLY;UNTIL={until}"))
    assert starts(runs(text))[-1] == last


def test_an_event_that_began_before_and_is_still_on_is_there() -> None:
    text = calendar("UID:1\nDTSTART:20260930T200000Z\nDTEND:20261001T020000Z")
    assert starts(runs(text)) == ["09-30 20:00"]


def test_times_that_spring_skips_and_autumn_repeats_are_told() -> None:
    text = calendar("UID:1\nDTSTART;TZID=Europe/Berlin:20260301T023000\nDURATION:PT1H\nRRULE:FREQ=DAILY")
    spring = runs(
        text, after=datetime(2026, 3, 28, 12, tzinfo=UTC), until=datetime(2026, 3, 29, 12, tzinfo=UTC)
    )
    assert starts(spring) == ["03-29 01:30"]
    assert "02:30 does not exist on 2026-03-29" in spring[0].note
    autumn = runs(
        text, after=datetime(2026, 10, 24, 12, tzinfo=UTC), until=datetime(2026, 10, 25, 12, tzinfo=UTC)
    )
    assert starts(autumn) == ["10-25 00:30"]
    assert "happens twice" in autumn[0].note


def test_holidays_are_the_days_their_events_touch() -> None:
    text = calendar(
        "UID:1\nSUMMARY:国庆\nDTSTART;VALUE=DATE:20201001\nDTEND;VALUE=DATE:20201004\nRRULE:FREQ=YEARLY",
        "UID:2\nSUMMARY:Outage\nDTSTART;TZID=Asia/Shanghai:20261020T230000\nDURATION:PT2H",
    )
    assert days_in(text, "Asia/Shanghai", AFTER, UNTIL) == {
        date(2026, 10, 1): "国庆",
        date(2026, 10, 2): "国庆",
        date(2026, 10, 3): "国庆",
        date(2026, 10, 20): "Outage",
        date(2026, 10, 21): "Outage",
    }


def test_an_all_day_event_says_no_time() -> None:
    (found,) = runs(calendar("UID:1\nDTSTART;VALUE=DATE:20261005"))
    assert found.left_out == "an all-day event says no time"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no iCalendar file"),
        ("hello", "is no iCalendar file"),
        ("<html>Sign in</html>", "is no iCalendar file"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261005T200000Z\n", "is no iCalendar file"),
        (calendar("UID:1\nSUMMARY:Late\nDTSTART:soon"), "line 4: event 'Late': DTSTART cannot be read"),
        (calendar(WEEKLY, "UID:2\nDURATION:PT1H"), "line 11: event '2': has no DTSTART; give it a start"),
        (calendar("UID:1\nDTSTART:20261005T200000Z"), "line 4: event '1' lasts no time; give it a DTEND"),
        (calendar("UID:1\nDTSTART:20261005T200000Z\nDTEND:20261005T190000Z"), "event '1' lasts no time"),
        (calendar("UID:1\nDTSTART:20261005T200000Z\nDURATION:P8D"), "lasts more than 7 days"),
        (calendar("UID:1\nDTSTART:20261005T200000Z\nDTEND;VALUE=DATE:20261006"), "are not of one kind"),
        (calendar(WEEKLY.replace("WEEKLY", "SECONDLY")), "FREQ=SECONDLY is not understood"),
        (calendar(WEEKLY.replace("WEEKLY", "WEEKLY;INTERVAL=0")), "INTERVAL below 1 never goes on"),
        (calendar(WEEKLY.replace("WEEKLY", "WEEKLY;BYMONTH=14")), "BYMONTH that is not 1 to 12"),
        (calendar(WEEKLY.replace("WEEKLY", "SOMETIMES")), "RRULE cannot be read"),
        (calendar(WEEKLY + "EXRULE:FREQ=DAILY"), "write EXDATE"),
        (
            calendar(
                WEEKLY, "UID:1\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261011T180000Z\nDTSTART:20261011T180000Z"
            ),
            "split the series in two",
        ),
    ],
)
def test_what_cannot_be_used_says_where_and_what_to_do(text: str, said: str) -> None:
    with pytest.raises(CalendarError) as caught:
        runs(text)
    assert said in str(caught.value)


ZONES = ("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(1, 20 * 60),
    st.integers(0, 24 * 700),
)
def test_over_clock_changes_every_run_comes_once_in_order_and_lasts_as_long_as_said(
    zone: str, hour: int, minute: int, minutes: int, hours: int
) -> None:
    text = calendar(
        f"UID:1\nDTSTART;TZID={zone}:20251201T{hour:02}{minute:02}00\nDURATION:PT{minutes}M\nRRULE:FREQ=DAILY"
    )
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    found = runs(text, after=since, until=since + timedelta(days=20))
    begun = [run.start for run in found]
    assert begun == sorted(set(begun))
    assert 19 <= len(begun) <= 21
    assert {run.end - run.start for run in found} == {timedelta(minutes=minutes)}
    assert [run.day for run in found] == sorted({run.day for run in found})
    for run in found:
        local = run.start.astimezone(ZoneInfo(zone))
        assert local.fold == 0
        assert (local.hour, local.minute) == (hour, minute) or "does not exist" in run.note


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.integers(0, 300))
def test_no_text_breaks_more_than_its_calendar(noise: str, place: int) -> None:
    whole = calendar(WEEKLY)
    with suppress(CalendarError):
        runs(whole[:place] + noise + whole[place:])
