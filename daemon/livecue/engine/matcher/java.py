r"""Java's regular expressions in the spelling that Python's `re` and `regex` read the same way.

What comes out has no flags and no spelling on which the two differ: `(?i)`, `(?m)`, `(?s)` are
written out, every class is plain ranges, `.`, `$`, `^`, `\Z`, `\b` mean what they mean in Java 17.
It is to be compiled with `re.ASCII`. What cannot be said in Python is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from livecue.engine.matcher.charset import LAST, TERMINATORS, complement, spelled
from livecue.engine.matcher.classes import code_point, named_class, read_class
from livecue.engine.matcher.scanning import Source

PLAIN = re.compile(r"[^\\\[\](){}^$.?*+]*")
"""Words joined by `|`: the same in every dialect."""

_END = r"(?=(?:\r\n?|(?<!\r)\n|[\x85\u2028\u2029])?\Z)"
_LINE_END = r"(?=\r|(?<!\r)\n|[\x85\u2028\u2029]|\Z)"
_LINE_START = r"(?:\A|(?<=[\n\x85\u2028\u2029])|(?<=\r)(?!\n))(?!\Z)"
_DOT = spelled(complement(TERMINATORS))
_ANY = spelled(((0, LAST),))
_FIXED = {
    "A": r"\A",
    "z": r"\Z",
    "Z": _END,
    "b": r"(?u:\b)",
    "B": r"(?!(?u:\b))",  # in Python \B is false in the empty text
    "R": r"(?:\r\n|[\n\x0b\x0c\r\x85\u2028\u2029])",
}
_QUANTIFIER = re.compile(r"\{(\d+)(,(\d*))?\}")
_NAME = re.compile(r"<([A-Za-z][A-Za-z0-9]*)>")
_FLAGS = re.compile(r"([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])")
_MOST = 65_535


class _Flags(NamedTuple):
    i: bool = False
    m: bool = False
    s: bool = False


def translate(pattern: str) -> str:
    """`pattern`, written for Java, in the common spelling.

    Raises:
        PatternError: Java would refuse it, or it says something that Python cannot.
    """
    return pattern if PLAIN.fullmatch(pattern) else _Translator(pattern).run()


class _Translator:
    def __init__(self, pattern: str) -> None:
        self.source = Source(pattern)
        self.flags = _Flags()
        self.outer: list[_Flags] = []
        self.groups = 0
        self.names: set[str] = set()

    def run(self) -> str:
        out: list[str] = []
        source = self.source
        while source.more:
            character = source.next()
            if character == "\\":
                out.append(self._escape())
            elif character == "[":
                out.append(spelled(read_class(source, caseless=self.flags.i)))
            elif character == "(":
                out.append(self._group())
            elif character == ")":
                self.flags = self.outer.pop() if self.outer else self.flags
                out.append(")")
            else:
                out.append(self._plain(character))
        return "".join(out)

    def _plain(self, character: str) -> str:
        if character == ".":
            return _ANY if self.flags.s else _DOT
        if character == "$":
            return _LINE_END if self.flags.m else _END
        if character == "^":
            return _LINE_START if self.flags.m else r"\A"
        if character in "|*+?":
            return character
        return self._counted() if character == "{" else self._literal(character)

    def _literal(self, character: str) -> str:
        if self.flags.i and character.isascii() and character.isalpha():
            return f"[{character}{character.swapcase()}]"
        return re.escape(character)

    def _counted(self) -> str:
        found = self.source.match(_QUANTIFIER, back=1)
        if found is None:
            raise self.source.error("`{` is no quantifier here", r"write \{ for the brace, {0,n} for {,n}")
        if max(int(found[1]), int(found[3] or 0)) > _MOST:
            raise self.source.error(f"more than {_MOST} repeats", "repeat less often")
        return found[0]

    def _escape(self) -> str:
        source = self.source
        if not source.more:
            raise source.error("a lone backslash at the end", r"write \\ for the backslash")
        character = source.next()
        if character == "Q":
            return "".join(self._literal(quoted) for quoted in source.until(r"\E"))
        if character == "E":
            raise source.error(r"\E without \Q", "remove it")
        if character in _FIXED:
            return _FIXED[character]
        if character in "dDwWsS":
            return "\\" + character
        if character == "k":
            return self._named_back()
        if character in "123456789":
            return self._back(character)
        ranges = named_class(character, source, caseless=self.flags.i)
        if ranges is not None:
            return spelled(ranges)
        return self._literal(chr(code_point(character, source)))

    def _named_back(self) -> str:
        found = self.source.match(_NAME)
        if found is None or found[1] not in self.names:
            raise self.source.error(r"\k names no group before it", r"write (?<name>…) and \k<name>")
        return f"(?i:(?P={found[1]}))" if self.flags.i else f"(?P={found[1]})"

    def _back(self, digits: str) -> str:
        """Java takes a further digit only if there is such a group."""
        source = self.source
        if int(digits) > self.groups:
            raise source.error(f"\\{digits}: there is no such group before it", "count the parentheses")
        while source.more and source.peek() in "0123456789" and int(digits + source.peek()) <= self.groups:
            digits += source.next()
        return f"(?i:\\{digits})" if self.flags.i else f"(?:\\{digits})"

    def _group(self) -> str:
        source = self.source
        if not source.take("?"):
            self.groups += 1
            return self._open("(")
        for mark in ("<=", "<!", "=", "!", ">", ":"):
            if source.take(mark):
                return self._open(f"(?{mark}")
        name = source.match(_NAME)
        if name is not None:
            self.groups += 1
            self.names.add(name[1])
            return self._open(f"(?P<{name[1]}>")
        flags = source.match(_FLAGS)
        if flags is None:
            raise source.error("no group of Java's begins so", "write (?:…), (?=…), (?<name>…) or (?i)")
        return self._set(flags)

    def _open(self, spelling: str) -> str:
        self.outer.append(self.flags)
        return spelling

    def _set(self, found: re.Match[str]) -> str:
        unknown = set(found[1] + (found[2] or "")) - set("ims")
        if unknown:
            shown = "".join(sorted(unknown))
            raise self.source.error(f"the flag {shown} is not supported", "i, m and s are")
        wanted = {**dict.fromkeys(found[1], True), **dict.fromkeys(found[2] or "", False)}
        opened = self._open("(?:") if found[3] == ":" else ""
        self.flags = self.flags._replace(**wanted)
        return opened
