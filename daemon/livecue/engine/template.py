"""Variables in reply texts: `{user.name}`, `{giftName}`, `{content}`, `{combo.count}`, `{total}`.

A variable is a field of the event, by leaf name or dotted path as in a tag, or a figure of the rule
itself (FIGURES). Braces around anything else are text. A text with a variable that the event cannot
fill is not spoken; the rule takes its next text. What viewers write never becomes markup: in SSML
(a text that begins with `<speak`) it is escaped, in plain text angle brackets are left out, and so
are control characters in both. A viewer without an identity is not called by name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from livecue.engine.fields import Scalar, reader, text_of
from livecue.engine.viewers import named_anonymous

FIGURES = ("combo.count", "combo.value", "total")
"""Variables that no field of the event gives: of the closed combo, and the rule's first total."""

NAME_CHARACTERS = 20
VALUE_CHARACTERS = 100

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*(?:\.\w+)*)\}", re.ASCII)
_PERSONAL = frozenset({"name", "userId", "user.name", "user.userId"})


@dataclass(slots=True, frozen=True)
class Variable:
    """One `{path}`; `masked`: only its first character is spoken."""

    path: str
    masked: bool
    read: Callable[[Mapping[str, Any]], Scalar | None]

    def value(self, content: Mapping[str, Any], figures: Mapping[str, str]) -> str:
        """The cleaned value, empty if there is none."""
        if self.path in FIGURES:
            return figures.get(self.path, "")
        if self.path in _PERSONAL and named_anonymous(content):
            return ""
        longest = NAME_CHARACTERS if _leaf(self.path) == "name" else VALUE_CHARACTERS
        text = cleaned(text_of(self.read(content)) or "")[:longest].strip()
        if not self.masked:
            return text
        first = without_brackets(text)[:1]  # of "<小红>" it is 小
        return f"{first}**" if first else ""


@dataclass(slots=True, frozen=True)
class Template:
    """One reply text, compiled. `parts` are literal texts and variables by turns."""

    text: str
    parts: tuple[str | Variable, ...]
    ssml: bool

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(part.path for part in self.parts if isinstance(part, Variable))

    def fill(self, content: Mapping[str, Any], figures: Mapping[str, str]) -> str | None:
        """The text to speak, or None if a variable cannot be filled."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.text
        out: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
                continue
            value = part.value(content, figures)
            value = escape(value) if self.ssml else without_brackets(value)
            if not value:
                return None
            out.append(value)
        return "".join(out)


def template_of(text: str, mask: tuple[str, ...] = ()) -> Template:
    """Compile `text`. `mask` names variables, by path or by leaf."""
    hidden = {_leaf(path) for path in mask}
    parts: list[str | Variable] = []
    for at, piece in enumerate(_VARIABLE.split(text)):
        if at % 2:
            parts.append(Variable(piece, _leaf(piece) in hidden, reader(piece)))
        elif piece or not text:
            parts.append(piece)
    return Template(text, tuple(parts), text.lstrip().startswith("<speak"))


def cleaned(text: str) -> str:
    """The beginning of `text` in one line, without controls, formats, surrogates."""
    return _printable(text[: VALUE_CHARACTERS * 4])


def cleaned_text(text: str) -> str:
    """`text` from outside as plain text to speak: all of it in one line, and no markup."""
    return without_brackets(_printable(text))


def _printable(text: str) -> str:
    line = " ".join(text.split())
    return "".join(letter for letter in line if not unicodedata.category(letter).startswith("C"))


def without_brackets(text: str) -> str:
    """`text` in which nothing can begin a markup."""
    return text.replace("<", "").replace(">", "").strip()


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]
