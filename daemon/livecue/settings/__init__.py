"""Configuration: `livecue.yaml` and `LIVECUE_…`, checked before anything starts."""

from livecue.settings.load import ConfigError, Loaded, Problem, load
from livecue.settings.model import AkSk, Callback, Room, Settings

__all__ = ["AkSk", "Callback", "ConfigError", "Loaded", "Problem", "Room", "Settings", "load"]
