"""How long a reply is likely to hold the air, before its variables are filled in."""

from __future__ import annotations

import re

from livecue.engine.speech import spoken_seconds

_VARIABLE = re.compile(r"\{[A-Za-z_][^{}]*\}", re.ASCII)
_NAME_CHARS = 6
"""A variable such as {user.name} counts as a name of ordinary length."""


def spoken_s(text: str) -> float:
    """Seconds for `text`, plain or SSML."""
    return spoken_seconds(_VARIABLE.sub("_" * _NAME_CHARS, text))
