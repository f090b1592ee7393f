"""How cues stand after a crash, in whatever order their lines were stored."""

from __future__ import annotations

from itertools import permutations

import pytest

from livecue.egress.history import Standing, standings
from livecue.runtime.ports import AuditEntry, Outcome


def entry(outcome: Outcome, attempt: int = 0) -> AuditEntry:
    return AuditEntry(outcome, "c1", 1, attempt=attempt)


CASES = [
    ([(Outcome.QUEUED, 0)], "waits", 1),
    ([(Outcome.QUEUED, 0), (Outcome.SENDING, 1)], "lost", 1),
    ([(Outcome.SENDING, 1), (Outcome.WAITING, 1), (Outcome.QUEUED, 0)], "waits", 2),
    ([(Outcome.SENDING, 1), (Outcome.WAITING, 1), (Outcome.SENDING, 2)], "lost", 2),
    ([(Outcome.QUEUED, 0), (Outcome.SENDING, 1), (Outcome.SENT, 1)], "ended", 0),
    ([(Outcome.SENDING, 1), (Outcome.WAITING, 1), (Outcome.EXPIRED, 2)], "ended", 0),
    ([(Outcome.SENDING, 1), (Outcome.SENT, 1), (Outcome.FINISHED, 1)], "over", 0),
]


def told(standing: Standing) -> tuple[str, int]:
    if standing.ended:
        return ("over" if standing.over else "ended"), 0
    if standing.lost:
        return "lost", standing.out
    return "waits", standing.tried + 1


@pytest.mark.parametrize(("lines", "how", "attempt"), CASES)
def test_each_line_counts_for_what_it_says_not_for_its_place(
    lines: list[tuple[Outcome, int]], how: str, attempt: int
) -> None:
    for order in permutations(lines):
        found = standings([("a", entry(*one)) for one in order])
        assert told(found["a", "c1"]) == (how, attempt)


def test_rooms_do_not_mix() -> None:
    found = standings([("a", entry(Outcome.SENDING, 1)), ("b", entry(Outcome.SENT, 1))])
    assert (found["a", "c1"].lost, found["b", "c1"].lost) == (True, False)


def test_what_was_sent_is_known_with_its_command() -> None:
    sent = AuditEntry(Outcome.SENT, "c1", 1, command_id="x", attempt=1)
    found = standings(
        [("a", sent), ("a", entry(Outcome.QUEUED)), ("a", AuditEntry(Outcome.EXPIRED, "c2", 1))]
    )
    assert found["a", "c1"].sent is sent
    assert found["a", "c2"].sent is None
