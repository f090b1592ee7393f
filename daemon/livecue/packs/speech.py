"""How long a reply holds the air: 250 characters a minute at the cloud's normal speed."""

from __future__ import annotations

import re

CHARS_PER_MINUTE = 250

_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"""<break\b[^<>]*\btime\s*=\s*["'](\d+(?:\.\d+)?)(ms|s)["']""")
_VARIABLE = re.compile(r"\{[A-Za-z_][^{}]*\}", re.ASCII)
_NAME_CHARS = 6
"""A variable such as {user.name} counts as a name of ordinary length."""


def spoken_s(text: str) -> float:
    """Seconds for `text`, plain or SSML; spaces are not spoken."""
    pause_s = 0.0
    if text.lstrip()[:6].lower() == "<speak":
        pause_s = sum(float(n) / (1000 if unit == "ms" else 1) for n, unit in _BREAK.findall(text))
        text = _TAG.sub("", text)
    text = _VARIABLE.sub("_" * _NAME_CHARS, text)
    chars = sum(not char.isspace() for char in text)
    return chars * 60 / CHARS_PER_MINUTE + pause_s
