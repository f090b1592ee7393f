"""The end that a start asks the cloud for, in case that nobody stops the live."""

from __future__ import annotations

from typing import Any

import pytest

from livecue.metastudio.last_resort import exit_hours, with_exit

HOUR = 3600.0


@pytest.mark.parametrize(
    ("lasts_s", "hours"),
    [(0, 1), (1, 1), (0.9 * HOUR, 1), (HOUR, 2), (4 * HOUR - 301, 4), (4 * HOUR, 5), (10_000 * HOUR, 168)],
)
def test_hours_are_rounded_up_beyond_the_clouds_own_error(lasts_s: float, hours: int) -> None:
    assert exit_hours(lasts_s) == hours


def ends(start: dict[str, Any], room: dict[str, Any], mode: str = "") -> Any:
    return with_exit(start, room, 4 * HOUR, mode)["play_policy"]["live_exit_config"]


def test_a_start_without_a_policy_takes_the_rooms_along() -> None:
    room = {"play_policy": {"repeat_count": 3, "live_exit_config": {"max_exception_waiting_duration": 9}}}
    body = with_exit({"output_urls": ["rtmp://a"]}, room, 4 * HOUR)
    assert body["output_urls"] == ["rtmp://a"]
    assert body["play_policy"]["repeat_count"] == 3
    assert ends({}, room) == {"max_exception_waiting_duration": 9, "max_live_duration": 5}


@pytest.mark.parametrize(("told", "hours"), [(2, 2), (0, 5), (24, 5), ("x", 5), (None, 5)])
def test_the_shorter_of_the_rooms_and_the_sessions_counts(told: Any, hours: int) -> None:
    room = {"play_policy": {"live_exit_config": {"max_live_duration": told}}}
    assert ends({}, room)["max_live_duration"] == hours


@pytest.mark.parametrize("told", [0, 2, 168])
def test_what_the_start_sets_itself_stays(told: int) -> None:
    start = {"play_policy": {"live_exit_config": {"max_live_duration": told, "auto_stop_mode": "SCENE_END"}}}
    assert ends(start, {}, "FORCE_EXIT") == {"max_live_duration": told, "auto_stop_mode": "SCENE_END"}


def test_the_mode_is_the_configured_one_or_the_rooms() -> None:
    room = {"play_policy": {"live_exit_config": {"auto_stop_mode": "SCRIPT_END"}}}
    assert ends({}, room)["auto_stop_mode"] == "SCRIPT_END"
    assert ends({}, room, "FORCE_EXIT")["auto_stop_mode"] == "FORCE_EXIT"
    assert "auto_stop_mode" not in ends({"play_policy": {}}, {})
