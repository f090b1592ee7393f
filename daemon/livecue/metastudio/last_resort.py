"""The cloud's own end of a live, asked for with its start (S3, table 7). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

LONGEST_H: Final = 168
_HOUR_S: Final = 3600
_ERROR_S: Final = 300
"""The cloud ends a live up to 5 minutes off (S3): it must not cut into the session."""


def exit_hours(lasts_s: float) -> int:
    """`max_live_duration` of a live of `lasts_s` seconds: whole hours, rounded up, 1 to 168."""
    return min(LONGEST_H, max(1, -int(-(lasts_s + _ERROR_S) // _HOUR_S)))


def names_policy(start: Mapping[str, Any]) -> bool:
    """Whether a start body brings a play policy of its own, so that the room's need not be known."""
    return isinstance(start.get("play_policy"), Mapping)


def with_exit(
    start: Mapping[str, Any], room: Mapping[str, Any], lasts_s: float, stop_mode: str = ""
) -> dict[str, Any]:
    """The start body with a `live_exit_config` that ends the live by itself if nobody stops it.

    `room`: the room as the cloud shows it. A start's `play_policy` stands in the place of the room's, so
    the room's is taken along where the start has none. What the start's own body sets stays; a shorter
    `max_live_duration` of the room's stays too. `stop_mode` empty: the cloud's default, FORCE_EXIT.
    """
    own = start if names_policy(start) else room
    policy = _mapping(own.get("play_policy"))
    leave = _mapping(policy.get("live_exit_config"))
    told = leave.get("max_live_duration")
    leave["max_live_duration"] = told if own is start and told is not None else _shorter(told, lasts_s)
    if stop_mode and not (own is start and leave.get("auto_stop_mode")):
        leave["auto_stop_mode"] = stop_mode
    return {**start, "play_policy": policy | {"live_exit_config": leave}}


def hours_of(start: Mapping[str, Any]) -> int:
    """The `max_live_duration` that a start body asks for; 0: none."""
    told = _mapping(_mapping(start.get("play_policy")).get("live_exit_config")).get("max_live_duration")
    return told if isinstance(told, int) else 0


def _shorter(told: object, lasts_s: float) -> int:
    hours = exit_hours(lasts_s)
    return min(told, hours) if isinstance(told, int) and told > 0 else hours


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
