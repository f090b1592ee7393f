"""How long a text holds the air: 250 characters a minute at the voice's normal speed, spaces not counted."""

from __future__ import annotations

from livecue.engine.markup import Markup, MarkupError, is_markup, plain_text, read_markup

CHARS_PER_MINUTE = 250
AUDIO_SECONDS = 5.0
"""What an audio is taken to last: its length is not known before it was heard."""

MAX_SPOKEN = 10_000
"""Characters that one reply may have spoken, 40 minutes; a longer one is a mistake."""

_SECONDS_PER_CHAR = 60 / CHARS_PER_MINUTE


def spoken_seconds(text: str) -> float:
    """Seconds for `text`, plain or SSML. Markup that is not well-formed lasts as long as its plain text."""
    markup = _markup(text)
    if markup is None:
        return _length(plain_text(text)) * _SECONDS_PER_CHAR
    chars = sum(_length(said) * 100 / rate for said, rate in markup.spoken)
    return chars * _SECONDS_PER_CHAR + markup.pauses_s


def spoken_characters(text: str) -> int:
    """How many characters of `text` are spoken: no tags, no spaces."""
    markup = _markup(text)
    return _length(plain_text(text)) if markup is None else sum(_length(said) for said, _ in markup.spoken)


def too_long(text: str) -> bool:
    """Whether `text` is too long to be a reply."""
    return len(text) > MAX_SPOKEN and spoken_characters(text) > MAX_SPOKEN


def _markup(text: str) -> Markup | None:
    if not is_markup(text):
        return None
    try:
        return read_markup(text)
    except MarkupError:
        return None


def _length(text: str) -> int:
    return sum(map(len, text.split()))
