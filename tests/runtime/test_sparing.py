"""Lines of the log under a flood: bounded per room and over all, and what is left out is counted."""

from __future__ import annotations

from livecue.runtime.sparing import Sparing, Untold


def test_a_room_gets_its_lines_in_each_window_and_the_rest_is_summed_up() -> None:
    sparing = Sparing(per_room=2, overall=10)
    assert [sparing.may(0, "a", "expired") for _ in range(5)] == [True, True, False, False, False]
    assert sparing.may(0, "b", "sent")
    assert not sparing.may(0, "a", "sent")
    assert sparing.untold(9_999) is None
    assert sparing.untold(10_000) == Untold({"expired": 3, "sent": 1}, ["a"])  # type: ignore[arg-type]
    assert sparing.untold(30_000) is None
    assert sparing.may(10_000, "a", "sent")


def test_many_rooms_share_what_there_is_and_nobody_makes_it_remember_more() -> None:
    sparing = Sparing(per_room=5, overall=10)
    told = [sparing.may(0, f"room {n}", "not_json") for n in range(100_000)]
    assert told.count(True) == 10
    assert len(sparing._told) <= 11
    out = sparing.untold(10_000)
    assert out is not None
    assert (out.counts, len(out.rooms)) == ({"not_json": 99_990}, 10)


def test_a_quiet_window_has_nothing_to_say_and_the_end_does_not_wait() -> None:
    sparing = Sparing(per_room=1)
    assert sparing.untold(0, at_once=True) is None
    sparing.may(0, "a", "x")
    assert sparing.untold(20_000) is None
    sparing.may(20_000, "a", "x")
    sparing.may(20_000, "a", "x")
    assert sparing.untold(20_001) is None
    out = sparing.untold(20_001, at_once=True)
    assert out is not None
    assert out.counts == {"x": 1}


def test_a_clock_set_back_does_not_keep_a_window_open() -> None:
    sparing = Sparing(per_room=1)
    sparing.may(100_000, "a", "x")
    sparing.untold(5_000)
    assert sparing.may(5_000, "a", "x")
