"""How a room's lives are kept: the keys of `rooms[]` that the supervisor reads beside the plan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from livecue.settings.asks import AskCallback
from livecue.settings.base import Strict


class RoomLives(Strict):
    """`auto_stop_mode`: how the cloud ends a live that nobody stopped (S3, table 7); not given, as the
    room is set up.
    """

    auto_stop_mode: Literal["FORCE_EXIT", "SEGMENT_END", "SCENE_END", "SCRIPT_END"] | None = None


class Alerts(AskCallback):
    """The operator's webhook: told of every alert that opens and closes, signed with `secret`."""

    url: str = Field(min_length=1)


__all__ = ["Alerts", "RoomLives"]
