"""What `/readyz` shows."""

from __future__ import annotations

from livecue.runtime.health import HealthBoard


def test_the_daemon_is_ready_when_no_part_has_an_error() -> None:
    board = HealthBoard("bus", "inbox")
    seen = [board.ready]
    board.report("bus")
    board.report("inbox")
    seen.append(board.ready)
    board.report("inbox-3", "the bus is away")
    board.report("inbox-4")
    seen.append(board.ready)
    assert board.parts() == {"bus": "ok", "inbox": "the bus is away"}
    board.report("inbox-3")
    seen.append(board.ready)
    assert seen == [False, True, False, True]


def test_a_part_that_is_not_done_here_any_more_is_forgotten_with_its_trouble() -> None:
    board = HealthBoard("bus", "cloud")
    board.report("bus")
    board.warn("cloud", "slow")
    board.report("cloud", "away")
    assert board.parts() == {"bus": "ok", "cloud": "away"}
    board.forget("cloud")
    board.forget("never")
    assert board.ready
    assert board.parts() == {"bus": "ok"}
