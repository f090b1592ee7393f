"""Who an event comes from, and what he asks, as the engine remembers both: short and of one form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from livecue.engine.fields import reader, text_of

ANONYMOUS = frozenset({"", "0", "111111"})
"""Viewers without an identity, as the platforms write them: they are not one and the same person."""

_LONGEST = 64
_LONE = re.compile("[\ud800-\udfff]")
_PARTICLES = "啊呀吗呢吧哦嘛啦哈"

_user_id = reader("userId")
_content = reader("content")


def identity(content: Mapping[str, Any]) -> str:
    """The viewer's id, empty for nobody in particular. A very long id, or one that JSON cannot keep, is its hash."""
    user = text_of(_user_id(content)) or ""
    if user in ANONYMOUS:
        return ""
    return user if len(user) <= _LONGEST and not _LONE.search(user) else digest(user)


def named_anonymous(content: Mapping[str, Any]) -> bool:
    """Whether the event says that its viewer is nobody in particular; without any id it says nothing."""
    return text_of(_user_id(content)) in ANONYMOUS


def said(content: Mapping[str, Any]) -> str:
    """What the viewer wrote, empty if nothing."""
    return text_of(_content(content)) or ""


def question(content: Mapping[str, Any]) -> str:
    """What the viewer asks, so that two spellings of one question are the same; empty if nothing.

    Case, width, spaces, punctuation and emoji do not count, nor do particles at the end.
    """
    folded = unicodedata.normalize("NFKC", said(content)).casefold()
    letters = "".join(letter for letter in folded if letter.isalnum())
    letters = letters.rstrip(_PARTICLES) or letters
    return digest(letters) if letters else ""


def digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
