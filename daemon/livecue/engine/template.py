"""Variables in reply texts: `{user.name}`, `{giftName}`, `{content}`, `{combo.count}`, `{total}`.

A variable is a field of the event, by leaf name or dotted path as in a tag, or a figure of the rule
itself (FIGURES). Braces around anything else are text. A text with a variable that the event cannot
fill is not spoken; the rule takes its next text. What viewers write never becomes markup: in SSML
(see `engine.markup`) it is escaped, in plain text angle brackets are left out, and so are control
characters in both. A viewer without an identity is not called by name. SSML that is not well-formed
is said as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from livecue.engine.fields import Scalar, reader, text_of
from livecue.engine.markup import is_markup, printable, said_as, without_brackets
from livecue.engine.speech import MAX_SPOKEN, too_long
from livecue.engine.viewers import named_anonymous

FIGURES = ("combo.count", "combo.value", "total")
"""Variables that no field of the event gives: of the closed combo, and the rule's first total."""

NAME_CHARACTERS = 20
VALUE_CHARACTERS = 100

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*(?:\.\w+)*)\}", re.ASCII)
_PERSONAL = frozenset({"name", "userId", "user.name", "user.userId"})


@dataclass(slots=True, frozen=True)
class Variable:
    """One `{path}`; `masked`: only its first character is spoken; `braces`: it may have some."""

    path: str
    masked: bool
    braces: bool
    read: Callable[[Mapping[str, Any]], Scalar | None]

    def value(self, content: Mapping[str, Any], figures: Mapping[str, str]) -> str:
        """The cleaned value, empty if there is none."""
        if self.path in FIGURES:
            return figures.get(self.path, "")
        if self.path in _PERSONAL and named_anonymous(content):
            return ""
        longest = NAME_CHARACTERS if _leaf(self.path) == "name" else VALUE_CHARACTERS
        text = cleaned(text_of(self.read(content)) or "")
        if not self.braces:
            text = text.replace("{", "").replace("}", "")
        text = text[:longest].strip()
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
        """The text to speak, or None if a variable cannot be filled, or fills it beyond measure."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.text
        out: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
                continue
            value = self.said(part.value(content, figures))
            if not value:
                return None
            out.append(value)
        text = "".join(out)
        return None if len(text) > MAX_SPOKEN and too_long(text) else text

    def said(self, value: str) -> str:
        """`value` as it may stand in this text."""
        return escape(value) if self.ssml else without_brackets(value)


def template_of(text: str, mask: tuple[str, ...] = (), kept: tuple[str, ...] = ()) -> Template:
    """Compile `text`. `mask` names variables, by path or by leaf.

    `kept` stay in the text as they stand; then no value has braces, lest it be taken for one of them.
    """
    text = said_as(text)
    parts: list[str | Variable] = []
    for at, piece in enumerate(_VARIABLE.split(text)):
        if at % 2 and piece not in kept:
            parts.append(variable_of(piece, mask, braces=not kept))
        elif at % 2:
            parts.append(f"{{{piece}}}")
        elif piece or not text:
            parts.append(piece)
    return Template(text, tuple(parts), is_markup(text))


def variable_of(path: str, mask: tuple[str, ...] = (), *, braces: bool = True) -> Variable:
    """`{path}`; `braces`: whether its value may have any."""
    return Variable(path, _leaf(path) in {_leaf(each) for each in mask}, braces, reader(path))


def cleaned(text: str) -> str:
    """The beginning of `text` in one line, without controls, formats, surrogates."""
    return printable(text[: VALUE_CHARACTERS * 4])


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]
