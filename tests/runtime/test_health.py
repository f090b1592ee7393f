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
