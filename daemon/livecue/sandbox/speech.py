"""How long a text holds the air: 250 characters a minute, SSML as of S4 12.7. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

CHARS_PER_MINUTE = 250
SECONDS_PER_CHAR = 60 / CHARS_PER_MINUTE
MIN_BREAK_S, MAX_BREAK_S = 0.2, 10.0
MIN_RATE, MAX_RATE = 50, 200
# S4 12.7 names the strengths and gives no durations; these are the usual ones of SSML engines.
STRENGTH_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}

_TAG = re.compile(
    r"<(?P<close>/)?(?P<name>[A-Za-z][\w.-]*)"
    r"(?P<attributes>(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)\s*(?P<empty>/)?>"
)
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_SENTENCE = re.compile(r"[^。！？!?；;\n]*[。！？!?；;\n]+|[^。！？!?；;\n]+")


class MarkupError(ValueError):
    """The SSML is not well-formed; close every tag and escape & and < in the text."""


@dataclass
class _Reading:
    """Where the reader of a marked-up text stands."""

    seconds: float = 0.0
    names: list[str] = field(default_factory=list)
    rates: list[float] = field(default_factory=lambda: [1.0])
    silent: int = 0  # depth inside <sub>, whose alias is spoken instead of its text

    def speak(self, text: str) -> None:
        if not self.silent:
            self.seconds += _chars(text) * SECONDS_PER_CHAR / self.rates[-1]


def _chars(text: str) -> int:
    return sum(1 for char in text if not char.isspace())


def is_markup(text: str) -> bool:
    """Whether `text` is in the tag mode (S4 12.5, table 12-3)."""
    return text.lstrip()[:6].lower() == "<speak"


def seconds(text: str) -> float:
    """How long `text`, plain or SSML, is spoken. MarkupError if it is SSML and not well-formed."""
    return _markup_seconds(text) if is_markup(text) else _chars(text) * SECONDS_PER_CHAR


def sentences(text: str) -> list[float]:
    """The length in seconds of every sentence; marked-up text counts as one."""
    if is_markup(text):
        return [seconds(text)]
    lengths = [seconds(sentence) for sentence in _SENTENCE.findall(text)]
    return [length for length in lengths if length > 0]


def _markup_seconds(text: str) -> float:
    text = _COMMENT.sub("", text).strip()
    reading, position = _Reading(), 0
    for tag in _TAG.finditer(text):
        reading.speak(_plain(text[position : tag.start()]))
        position = tag.end()
        if tag["close"]:
            _close(reading, tag["name"])
        else:
            _open(reading, tag)
        if not reading.names and position != len(text):
            raise MarkupError("something follows the root element")
    if reading.names:
        raise MarkupError(f"<{reading.names[-1]}> is not closed")
    if position != len(text):
        raise MarkupError("the root element is not closed")
    return reading.seconds


def _plain(text: str) -> str:
    if "<" in text:
        raise MarkupError("a < stands alone")
    without = _ENTITY.sub("x", text)
    if "&" in without:
        raise MarkupError("an & stands alone")
    return without


def _open(reading: _Reading, tag: re.Match[str]) -> None:
    name, attributes = tag["name"], {}
    for key, double, single in _ATTRIBUTE.findall(tag["attributes"]):
        attributes[key] = _plain(double or single)
    if name == "break":
        reading.seconds += _pause(attributes)
    elif name == "sub":
        reading.speak(attributes.get("alias", ""))
    if tag["empty"]:
        return
    reading.names.append(name)
    reading.rates.append(_rate(attributes, reading.rates[-1]) if name == "prosody" else reading.rates[-1])
    reading.silent += name == "sub"


def _close(reading: _Reading, name: str) -> None:
    if not reading.names or reading.names[-1] != name:
        raise MarkupError(f"</{name}> closes nothing")
    reading.names.pop()
    reading.rates.pop()
    reading.silent -= name == "sub"


def _pause(attributes: dict[str, str]) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)(ms|s)", attributes.get("time", "").strip())
    if match is None:
        return STRENGTH_S.get(attributes.get("strength", ""), 0.0)
    length = float(match[1]) / (1000 if match[2] == "ms" else 1)
    return min(max(length, MIN_BREAK_S), MAX_BREAK_S)


def _rate(attributes: dict[str, str], outer: float) -> float:
    text = attributes.get("rate", "").strip().removesuffix("%")
    return (
        min(max(int(text), MIN_RATE), MAX_RATE) / 100
        if text.isascii() and text.isdigit() and len(text) < 6
        else outer
    )
