"""A cursor over the text of a pattern."""

from __future__ import annotations

import re

from livecue.engine.matcher.errors import PatternError


class Source:
    """A pattern and how far it has been read."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def more(self) -> bool:
        return self.at < len(self.text)

    def next(self) -> str:
        """The next character.

        Raises:
            PatternError: there is none.
        """
        if self.at >= len(self.text):
            raise self.error("the pattern ends too early", "close what is open")
        self.at += 1
        return self.text[self.at - 1]

    def peek(self, ahead: int = 0) -> str:
        """The character `ahead` of the next one, empty at the end."""
        return self.text[self.at + ahead : self.at + ahead + 1]

    def take(self, mark: str) -> bool:
        """Whether `mark` stands here; it is read if so."""
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def match(self, wanted: re.Pattern[str], *, back: int = 0) -> re.Match[str] | None:
        """What `wanted` finds here, or `back` characters before; it is read if so."""
        found = wanted.match(self.text, self.at - back)
        if found is not None:
            self.at = found.end()
        return found

    def until(self, mark: str) -> str:
        """Everything up to `mark`, or to the end; `mark` is read too."""
        end = self.text.find(mark, self.at)
        start, self.at = self.at, len(self.text) if end < 0 else end + len(mark)
        return self.text[start:] if end < 0 else self.text[start:end]

    def error(self, what: str, remedy: str) -> PatternError:
        """`what` is wrong just before here."""
        return PatternError(f"{what}, at position {max(self.at - 1, 0)}; {remedy}")
