"""SSML as reply texts hold it (S4 12.7): told apart, read, and turned into plain text.

A text is markup if it begins with `<speak`, in any case: the vendor's own pages write `<speaK>`. No
entity is defined and no DOCTYPE read, so a text cannot grow when it is read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from xml.parsers import expat

TAGS = frozenset(
    {"speak", "break", "phoneme", "say-as", "sub", "prosody", "word", "emotion", "insert-action"}
)
MIN_BREAK_S, MAX_BREAK_S = 0.2, 10.0
MIN_RATE, MAX_RATE = 50, 200
STRENGTH_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}
"""S4 12.7 names the strengths and gives no durations; these are the usual ones."""

_ALL = "close every tag, put every attribute in quotes, and write &amp; for & and &lt; for <"
_REMEDIES = {
    expat.errors.XML_ERROR_TAG_MISMATCH: "close the tags in reverse order, each spelled as it was opened",
    expat.errors.XML_ERROR_NO_ELEMENTS: "close every tag, the first one last",
    expat.errors.XML_ERROR_UNCLOSED_TOKEN: "close every tag, the first one last",
    expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: "move what follows the last tag into it",
    expat.errors.XML_ERROR_UNDEFINED_ENTITY: "write the character itself; &amp; &lt; &gt; &quot; &apos; are known",
}
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)", re.ASCII)
_RATE = re.compile(r"(\d{1,4})%?", re.ASCII)
_HIDDEN = re.compile(r"<!--.*?-->|<[?!](?!\[CDATA\[)[^<>]*>?", re.DOTALL)
_ATTRIBUTES = r"""(?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*+"""
_TAG = re.compile(rf"</?[^\W\d][\w:.-]*+{_ATTRIBUTES}(?:[^<>]*>|\s*/?)")
"""A tag to its end; of one that is never closed, its name and attributes: what follows is text."""


class MarkupError(ValueError):
    """The SSML is not well-formed. `remedy` says what to write; until then it is said as plain text."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(slots=True)
class Markup:
    """A well-formed text. `words` are its own characters, `spoken` what is said, in pieces with their
    rate in percent: of `<sub>` the alias. `unknown` are the tags that S4 12.7 does not have.
    """

    words: list[str] = field(default_factory=list)
    spoken: list[tuple[str, int]] = field(default_factory=list)
    pauses_s: float = 0.0
    unknown: dict[str, None] = field(default_factory=dict)


def is_markup(text: str) -> bool:
    return text.lstrip()[:6].lower() == "<speak"


def read_markup(text: str) -> Markup:
    """What a text that is markup says.

    Raises:
        MarkupError: it is not well-formed.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(text.strip().encode(), True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        where = f"line {error.lineno}, character {error.offset + 1}"
        raise MarkupError(f"{what} ({where})", _REMEDIES.get(what, _ALL)) from error
    except UnicodeEncodeError as error:
        raise MarkupError("half a character", "write the character in full") from error
    return reader.found


class _Reader:
    """Gathers while expat reads."""

    def __init__(self) -> None:
        self.found = Markup()
        self._open: list[tuple[int, bool]] = []  # rate, and whether an alias is said instead
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.CommentHandler = _comment
        self.parser.StartDoctypeDeclHandler = _refusing("a DOCTYPE")
        self.parser.ProcessingInstructionHandler = _refusing("a processing instruction")
        self.parser.StartCdataSectionHandler = _refusing("CDATA")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open:
            if name.lower() != "speak":
                raise MarkupError(f"the first tag is <{name}>", "write <speak>…</speak> around the text")
            name = "speak"
        rate, silent = self._open[-1] if self._open else (100, False)
        if name not in TAGS:
            self.found.unknown[name] = None
        if name == "break" and not silent:
            self.found.pauses_s += _pause_s(attributes)
        elif name == "sub" and not silent and "alias" in attributes:
            self.found.spoken.append((attributes["alias"], rate))
            silent = True
        elif name == "prosody":
            found = _RATE.fullmatch(attributes.get("rate", "").strip())
            rate = min(max(int(found[1]), MIN_RATE), MAX_RATE) if found else rate
        self._open.append((rate, silent))

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        rate, silent = self._open[-1]
        self.found.words.append(text)
        if not silent:
            self.found.spoken.append((text, rate))


def _refusing(what: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise MarkupError(f"{what} in the text", "leave it out: S4 12.7 has tags alone")

    return refuse


def _comment(text: str) -> None:
    if "{" in text:  # what a viewer wrote could end it
        raise MarkupError("a variable in a comment", "leave the comment out")


def _pause_s(attributes: dict[str, str]) -> float:
    found = _TIME.fullmatch(attributes.get("time", "").strip())
    if found is None:
        return STRENGTH_S.get(attributes.get("strength", ""), 0.0)
    length_s = float(found[1]) / (1000 if found[2] == "ms" else 1)
    return min(max(length_s, MIN_BREAK_S), MAX_BREAK_S)


def plain_text(text: str) -> str:
    """`text` as it is said where markup is not taken: no tag, entities resolved, in one line.

    A text that is no markup comes back as it is. Nothing of the result can begin a tag.
    """
    if not is_markup(text):
        return text
    try:
        words = "".join(read_markup(text).words)
    except MarkupError:
        words = unescape(_TAG.sub("", _HIDDEN.sub("", text)).replace("<![CDATA[", "").replace("]]>", ""))
    return cleaned_text(words)


def said_as(text: str) -> str:
    """`text` itself, or as plain text if its markup is not well-formed."""
    if is_markup(text):
        try:
            read_markup(text)
        except MarkupError:
            return plain_text(text)
    return text


def cleaned_text(text: str) -> str:
    """`text` from outside as plain text to speak: all of it in one line, and no markup."""
    return printable(without_brackets(text)).strip()


def printable(text: str) -> str:
    """`text` in one line, without controls, formats, surrogates."""
    line = " ".join(text.split())
    return "".join(letter for letter in line if not unicodedata.category(letter).startswith("C"))


def without_brackets(text: str) -> str:
    """`text` in which nothing can begin a markup."""
    return text.replace("<", "").replace(">", "").strip()
