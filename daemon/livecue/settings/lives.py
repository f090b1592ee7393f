"""How a room's lives are kept: the keys of `rooms[]` that the supervisor reads beside the plan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from livecue.settings.asks import AskCallback
from livecue.settings.base import Strict


class RoomLives(Strict):
    """`auto_stop_mode`: how the cloud ends a live that nobody stopped (S3, table 7); not given, as the
    room is set up. `on_end`: what becomes of a session whose stream ends by itself. `rtmp_grace_s`: how
    long a stream may be lost before it goes to the next output. `waiting_s`: how long a job may be WAITING.
    """

    on_end: Literal["restart", "stop", "keep"] = "keep"
    rtmp_grace_s: float = Field(default=30, ge=1, le=3600)
    waiting_s: float = Field(default=300, ge=10, le=3600)
    auto_stop_mode: Literal["FORCE_EXIT", "SEGMENT_END", "SCENE_END", "SCRIPT_END"] | None = None


class Alerts(AskCallback):
    """The operator's webhook: told of every alert that opens and closes, signed with `secret`."""

    url: str = Field(min_length=1)


__all__ = ["Alerts", "RoomLives"]
