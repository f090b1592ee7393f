"""How long a text holds the air, and what is left of markup. Pure."""

from __future__ import annotations

import re
from html import unescape

CHARS_PER_MINUTE = 250
_TAG = re.compile(r"<[^<>]*>")


def spoken_seconds(text: str) -> float:
    """Seconds for `text`, plain or SSML, at the voice's normal speed; spaces are not spoken."""
    chars = sum(not char.isspace() for char in plain_text(text))
    return chars * 60 / CHARS_PER_MINUTE


def plain_text(text: str) -> str:
    """`text` without markup."""
    return unescape(_TAG.sub("", text)) if text.lstrip()[:6].lower() == "<speak" else text
