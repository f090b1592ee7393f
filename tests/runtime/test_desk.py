"""One room's desk: which events are reported, and how a round is cut."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from livecue.domain import ReportMode
from livecue.runtime.desk import Desk
from livecue.runtime.ports import Count, Lane, RoomCommit
from runtime.making import T0, delivery, desk_rules, rule, said


def desk(mode: ReportMode = ReportMode.ALL, stored: bytes | None = None) -> Desk:
    return Desk("a", desk_rules(rule("hit", "price"), report=mode), stored)


def batch(count: int, text: str = "hello") -> dict[str, Any]:
    return {"total": count, "events": [said(text)] * count}


@pytest.mark.parametrize(
    ("mode", "reported"),
    [(ReportMode.ALL, ["price", "hello"]), (ReportMode.UNMATCHED, ["hello"]), (ReportMode.NONE, [])],
)
def test_the_mode_says_which_events_also_go_to_the_cloud(mode: ReportMode, reported: list[str]) -> None:
    one = desk(mode)
    one.take(delivery({"total": 2, "events": [said("price"), said("hello")]}))
    done, commit = one.finish()
    sent = [event for part in commit.reports for event in part.events]
    assert [msgspec.json.decode(event.content)["content"] for event in sent] == reported
    assert [cue.rule_index for cue in commit.cues] == ["hit"]
    assert done.counts == {(Count.EVENTS, "1"): 2, (Count.RULE_HITS, ""): 1}


def of_type(kind: int, count: int) -> dict[str, Any]:
    return {"total": count, "events": [{"timestamp": T0, "type": kind, "content": {}}] * count}


def reported(commit: RoomCommit) -> Counter[int]:
    return Counter(event.type for part in commit.reports for event in part.events)


def test_beyond_one_call_a_second_likes_and_enters_are_left_out_and_nothing_else_is() -> None:
    one = desk()
    kinds = (1, 2, 3, 4, 5, 6)
    for seq, kind in enumerate((3, *kinds), 1):
        one.take(delivery(of_type(kind, 600), seq=seq, at_ms=T0))
    one.take(delivery(of_type(2, 600), seq=8, at_ms=T0 + 1000))
    done, commit = one.finish()
    assert reported(commit) == {3: 600, 1: 600, 4: 600, 5: 600, 6: 600, 2: 600}
    assert done.counts[Count.UNREPORTED, "sampled"] == 1200
    assert done.counts[Count.UNREPORTED, "overflow"] == 0
    assert all(len(part.events) <= 1000 for part in commit.reports)
    assert len({part.id for part in commit.reports}) == len(commit.reports)


def test_what_no_quota_could_ever_carry_is_an_overflow() -> None:
    one = desk()
    for seq in range(1, 11):
        one.take(delivery(of_type(1, 600), seq=seq, at_ms=T0))
    done, commit = one.finish()
    assert reported(commit) == {1: 5000}
    assert done.counts[Count.UNREPORTED, "overflow"] == 1000


def test_a_report_holds_events_of_one_live_and_says_of_which() -> None:
    one = desk()
    for seq, job_id in enumerate(("", "job-1", "job-1", "job-2")):
        if job_id:
            body = {"v": 1, "kind": "job_started", "data": {"job_id": job_id}}
            one.take(delivery(body, seq=2 * seq, lane=Lane.SIGNALS))
        one.take(delivery(of_type(1, 2), seq=2 * seq + 1))
    parts = one.finish()[1].reports
    assert [(part.job_id, len(part.events)) for part in parts] == [("", 2), ("job-1", 4), ("job-2", 2)]


def test_a_report_is_cut_so_that_it_fits_into_one_message_of_the_bus() -> None:
    one = desk()
    text = '"' * 15_000  # twice as long in JSON, and each escaped once more in the report
    one.take(delivery(batch(40, text)))
    _, commit = one.finish()
    assert sum(len(part.events) for part in commit.reports) == 40
    assert max(len(msgspec.json.encode(part)) for part in commit.reports) < 1_000_000


def test_the_state_is_given_out_only_when_it_has_changed_and_is_taken_up_again() -> None:
    one = Desk("a", desk_rules(rule("hit", "price", time_window=60)), None)
    one.take(delivery(said("price")))
    state = one.finish()[1].state
    assert state is not None
    assert one.finish()[1].state is None
    again = Desk("a", one.rules, state)
    again.take(delivery(said("price"), seq=2, at_ms=T0 + 1000))
    done, commit = again.finish()
    assert commit.cues == []
    assert done.counts[Count.SUPPRESSED, ""] == 1


def test_a_returned_cue_gives_its_rule_the_window_back() -> None:
    one = Desk("a", desk_rules(rule("hit", "price", time_window=60)), None)
    one.take(delivery(said("price")))
    data = {"job_id": "", "rule_index": "hit", "cue_id": "1.0:hit", "fired_at_ms": T0}
    one.take(delivery({"v": 1, "kind": "cue_returned", "data": data}, seq=2, lane=Lane.SIGNALS))
    one.take(delivery(said("price"), seq=3, at_ms=T0 + 1000))
    assert [cue.id for cue in one.finish()[1].cues] == ["1.0:hit", "3.0:hit"]


def test_unreadable_pieces_are_put_aside_each_under_a_place_of_its_own() -> None:
    one = desk()
    one.take(delivery({"total": 3, "events": [{}, said("x"), {}]}, seq=5))
    one.take(delivery(b"?", seq=6, lane=Lane.SIGNALS))
    done, _ = one.finish()
    assert [place for place, _ in done.dead] == ["5.1", "5.3", "6"]
    assert done.counts[Count.DEAD, "not_an_event"] == 2


def test_a_state_that_is_not_ours_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        desk(stored=b"nonsense")
