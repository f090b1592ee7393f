"""Configuration: `livecue.yaml` and `LIVECUE_…`, checked before anything starts."""

from livecue.settings.asks import AskCallback, AskChat, Asks
from livecue.settings.http import Callback
from livecue.settings.load import ConfigError, Loaded, Problem, load
from livecue.settings.model import Airtime, AkSk, Room, Settings

__all__ = [
    "Airtime",
    "AkSk",
    "AskCallback",
    "AskChat",
    "Asks",
    "Callback",
    "ConfigError",
    "Loaded",
    "Problem",
    "Room",
    "Settings",
    "load",
]
