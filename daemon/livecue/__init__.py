"""livecue: the cue desk for digital-human live rooms."""

__version__ = "0.1.0"
