"""The auditor finds each kind of breach in a record made up for it, and nothing in one that is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from torture.auditor import TURNS, Event, Kind, Line, Record, RoomRecord, Stored, breaches, expected

EVENTS = (
    Event(1, Kind.CALL),
    Event(2, Kind.GIFT, 3),
    Event(3, Kind.CHAT),
    Event(4, Kind.CALL),
    Event(5, Kind.ROCKET, 10),
    Event(6, Kind.CHAT),
)
STORED = tuple(Stored(10 + 2 * event.number, event) for event in EVENTS)
SAID = ("甲第1号", "乙第4号", "n5满13")
GOOD = RoomRecord(
    acknowledged=tuple(range(1, 7)),
    stored=STORED,
    said=SAID,
    reported=tuple(range(1, 7)),
    audit=(
        Line("12.1:call", "queued", "call"),
        Line("12.1:call", "sent", "call"),
        Line("12.1", "sending", events=6),
        Line("12.1", "sent", events=6),
    ),
)
LOST_CALL = (Line("12.1:call", "sending", "call"), Line("12.1:call", "unknown", "call"))


def found(room: RoomRecord, kills: int = 0) -> list[str]:
    return breaches(Record({"one": room}, kills))


def test_a_record_that_is_right_has_no_breach() -> None:
    assert found(GOOD) == []


def test_what_must_be_said_follows_from_what_is_stored() -> None:
    assert expected(STORED) == {12: "甲第1号", 18: "乙第4号", 20: "n5满13"}


def test_turns_come_round_again() -> None:
    calls = [Stored(n, Event(n, Kind.CALL)) for n in range(1, len(TURNS) + 2)]
    assert expected(calls)[len(TURNS) + 1] == f"{TURNS[0]}第{len(TURNS) + 1}号"


@pytest.mark.parametrize(
    ("room", "wanted"),
    [
        (replace(GOOD, acknowledged=(*range(1, 7), 7)), "event 7 was acknowledged and is not on the bus"),
        (replace(GOOD, stored=(*STORED, Stored(99, EVENTS[2]))), "event 3 is stored 2 times"),
        (replace(GOOD, said=(*SAID, SAID[0])), "'甲第1号' was said 2 times"),
        (
            replace(GOOD, said=("甲第1号", "丙第4号", "n5满13")),
            "'丙第4号' was said: a turn or a total is wrong",
        ),
        (
            replace(GOOD, said=("甲第1号", "乙第4号", "n5满10")),
            "'n5满10' was said: a turn or a total is wrong",
        ),
        (replace(GOOD, said=(*SAID, "你好")), "'你好' was said: a turn or a total is wrong, or nobody asked"),
        (replace(GOOD, said=SAID[:2]), "'n5满13' was never said, and nothing says why"),
        (replace(GOOD, reported=(1, 2, 3, 4, 5, 6, 6)), "event 6 was reported 2 times"),
        (replace(GOOD, reported=(1, 3, 2, 4, 5, 6)), "event 2 was reported after one that came later"),
        (replace(GOOD, reported=(*range(1, 7), 8)), "event 8 was reported, and is not on the bus"),
        (replace(GOOD, reported=(1, 2, 3, 4, 5)), "event 6 has vanished"),
        (replace(GOOD, audit=GOOD.audit[:-1]), "the audit never says what became of 12.1"),
        (replace(GOOD, jobs=(False, False)), "it had 2 jobs in place of one"),
        (replace(GOOD, jobs=()), "it had 0 jobs in place of one"),
        (replace(GOOD, jobs=(True,)), "its job was ended in mid-session"),
    ],
)
def test_each_kind_of_breach_is_found(room: RoomRecord, wanted: str) -> None:
    assert any(wanted in one for one in found(room)), found(room)


def test_a_reply_lost_at_a_kill_is_no_breach_if_the_audit_owns_up_to_it() -> None:
    assert found(replace(GOOD, said=SAID[1:], audit=(*GOOD.audit[2:], *LOST_CALL)), kills=1) == []


def test_more_replies_lost_than_there_were_kills_are_a_breach() -> None:
    room = replace(GOOD, said=SAID[1:], audit=(*GOOD.audit[2:], *LOST_CALL))
    assert found(room) == ["one: 1 replies were lost at 0 kills"]


def test_events_of_a_report_that_never_got_through_are_accounted_for_and_no_others() -> None:
    audit = (*GOOD.audit, Line("16.1", "expired", events=2))
    assert found(replace(GOOD, reported=(1, 2, 5, 6), audit=audit)) == []
    assert found(replace(GOOD, reported=(1, 2, 6), audit=audit)) == [
        "one: event 5 has vanished: neither reported nor accounted for"
    ]


def test_what_the_cloud_complains_of_and_what_livecue_calls_an_error_are_breaches() -> None:
    record = Record({"one": GOOD}, complaints=["command: 5 calls within a second"], errors=["send-failed"])
    assert breaches(record) == ["the cloud: command: 5 calls within a second", "the log: send-failed"]
