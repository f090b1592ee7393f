"""One room's desk: which events are reported, and how a round is cut."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from livecue.domain import ReportMode
from livecue.runtime.desk import Desk
from livecue.runtime.ports import Count, Lane
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


def test_no_more_is_reported_than_one_call_a_second_can_carry() -> None:
    one = desk()
    for seq in range(1, 4):
        one.take(delivery(batch(600), seq=seq, at_ms=T0))
    one.take(delivery(batch(600), seq=4, at_ms=T0 + 1000))
    done, commit = one.finish()
    assert sum(len(part.events) for part in commit.reports) == 1600
    assert done.counts[Count.UNREPORTED, "overflow"] == 800
    assert all(len(part.events) <= 1000 for part in commit.reports)
    assert len({part.id for part in commit.reports}) == len(commit.reports)


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
