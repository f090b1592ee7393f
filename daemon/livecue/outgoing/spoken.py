"""From what a model wrote to what an avatar can say. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^\s*```[^\n]*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_URL = re.compile(r"https?://[^\s，。！？）)]+", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>+\s?|[-*+•]\s+|\d{1,2}[.、)]\s+)", re.MULTILINE)
_EMPHASIS = re.compile(r"\*+|__+|~~|`+")
_BREAKS = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"[。！？!?…；;]+[”’\"')）」』]*|\.(?=\s|$)")
_PAUSE = re.compile(r"[，,、：:]")
_DECLINED = re.compile(
    r"作为(?:一[个名])?(?:AI|人工智能)|as an ai\b|i(?:'m| am) sorry,? (?:but )?i can(?:'t|not)|"
    r"^(?:很?抱歉|对不起)[,，]?\s*(?:我)?(?:无法|不能)|^我(?:无法|不能)(?:回答|回应|提供)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """`text` without control characters and halves of characters, on one line."""
    whole = text.encode("utf-8", "ignore").decode()
    return _BREAKS.sub(" ", "".join(" " if _unspeakable(char) else char for char in whole)).strip()


def _unspeakable(char: str) -> bool:
    """Controls, private and unassigned ones; also the invisible ones that hide text or turn it round."""
    return unicodedata.category(char) in {"Cc", "Cf", "Co", "Cn", "Zl", "Zp"}


def cleaned(text: str) -> str:
    """`text` without Markdown, SSML, links and a model's thinking."""
    text = _THOUGHT.sub("", text)
    for pattern, kept in ((_FENCE, ""), (_LINK, r"\1"), (_URL, ""), (_TAG, ""), (_LINE_MARK, "")):
        text = pattern.sub(kept, text)
    return plain(_EMPHASIS.sub("", text).replace("<", "").replace(">", ""))


def cut(text: str, max_chars: int) -> str:
    """At most `max_chars`: whole sentences if one fits, else up to the last comma, else cut off."""
    if len(text) <= max_chars:
        return text
    sentences = [found.end() for found in _SENTENCE_END.finditer(text) if found.end() <= max_chars]
    if sentences:
        return text[: sentences[-1]]
    pauses = [found.start() for found in _PAUSE.finditer(text) if 0 < found.start() <= max_chars]
    return text[: pauses[-1]] if pauses else text[:max_chars]


def holds_banned(text: str, banned: Iterable[str]) -> bool:
    """Whether one of `banned` stands in `text`, however it is spaced, cased or widened."""
    bare = _bare(text)
    return any(word in bare for word in map(_bare, banned) if word)


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())


def declined(text: str) -> bool:
    """Whether a model speaks of itself instead of answering."""
    return bool(_DECLINED.search(text))
