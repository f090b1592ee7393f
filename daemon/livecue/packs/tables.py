"""One mapping of a pack, read field by field: each reads its value or complains and gives the default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from livecue.packs.nodes import is_null, plain, whole
from livecue.packs.problems import Place

E = TypeVar("E", bound=StrEnum)

_SLIP = 0.9
"""How near (difflib's ratio) a word of an export must be to a known one to be a slip of the pen."""


class Table:
    """A mapping node with the keys it may have.

    Unknown keys are kept by the cloud and warned of here, since an export of a newer cloud has to
    load; `strict` (livecue's own part) makes them errors. A null value is no value.
    """

    def __init__(
        self,
        node: MappingNode,
        place: Place,
        known: tuple[str, ...],
        *,
        prefix: str = "",
        strict: bool = False,
        path: str = "",
    ) -> None:
        self.node = node
        self.place = place
        self._prefix = prefix
        self._path = path
        self._values: dict[str, Node] = {}
        self._wrong: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            if name not in known:
                self._unknown(key, name, known, strict=strict)
            elif not is_null(value):
                self._values[name] = value

    def _unknown(self, key: Node, name: str, known: tuple[str, ...], *, strict: bool) -> None:
        close = get_close_matches(name, known, n=1)
        if close:
            remedy = f"did you mean {close[0]!r}?"
        elif strict:
            remedy = f"allowed here: {', '.join(known)}"
        else:
            remedy = "livecue passes over it; remove it unless it came from the cloud"
        complain = self.place.error if strict else self.place.warn
        complain(key, f"unknown key {self._prefix + name!r}", remedy)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def at(self, key: str) -> Node:
        """The node to point at when `key` is wrong: its value, or this mapping if it is missing."""
        return self._values.get(key, self.node)

    def sound(self, *keys: str) -> bool:
        """Whether none of `keys` was complained of, so that what they lack is worth a word of its own."""
        return not any(key in self._wrong for key in keys)

    def text(self, key: str, *, longest: int) -> str:
        node = self._values.get(key)
        return "" if node is None else self.text_of(node, self._prefix + key, longest=longest)

    def text_of(self, node: Node, what: str, *, longest: int) -> str:
        if not isinstance(node, ScalarNode):
            self.place.error(node, f"{what} is not a text", "write one text, in quotes if it is long")
            return ""
        value = "" if is_null(node) else str(node.value)
        if len(value) > longest:
            self.place.error(node, f"{what} has {len(value)} characters", f"at most {longest} are allowed")
        return value

    def whole(self, key: str, low: int, high: int, default: int) -> int:
        node = self._values.get(key)
        if node is None:
            return default
        number = whole(node)
        if number is None or not low <= number <= high:
            self._range(node, key, f"a whole number from {low} to {high}")
            return default
        return number

    def number(self, key: str, low: float, high: float) -> float | None:
        node = self._values.get(key)
        if node is None:
            return None
        value = plain(node)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self._range(node, key, f"a number from {low:g} to {high:g}")
            return None
        return value

    def _range(self, node: Node, key: str, wanted: str) -> None:
        self._wrong.add(key)
        quoted = isinstance(node, ScalarNode) and bool(node.style)
        value = str(node.value) if isinstance(node, ScalarNode) else "a list or mapping"
        shown = repr(value) if quoted else value
        remedy = f"write {wanted}{', without quotes' if quoted else ''}"
        self.place.error(node, f"{self._prefix}{key} is {shown}", remedy)

    def flag(self, key: str, *, default: bool) -> bool:
        node = self._values.get(key)
        if node is None:
            return default
        value = plain(node)
        if not isinstance(value, bool):
            self._range(node, key, "true or false")
            return default
        return value

    def choice(self, key: str, allowed: type[E], default: E) -> E:
        node = self._values.get(key)
        if node is None:
            return default
        value = node.value if isinstance(node, ScalarNode) else "a list or mapping"
        try:
            return allowed(value)
        except ValueError:
            names = [member.value for member in allowed]
            shown = {name.upper(): name for name in names}
            close = get_close_matches(str(value).upper(), shown, n=1)
            meant = f"did you mean {shown[close[0]]}? " if close else ""
            slip = bool(get_close_matches(str(value).upper(), shown, n=1, cutoff=_SLIP))
            self._wrong.add(key)
            if self.place.exported and not slip and not self._prefix and isinstance(node, ScalarNode):
                self.place.unknown.append((self._path + key, str(value)))
                remedy = f"{meant}the rule is left to the cloud; known are {', '.join(names)}"
                self.place.warn(node, f"{key} is {value!r}, which livecue does not know", remedy)
            else:
                remedy = f"{meant}allowed: {', '.join(names)}"
                self.place.error(node, f"{self._prefix}{key} is {value!r}", remedy)
            return default

    def table(self, key: str, known: tuple[str, ...], *, strict: bool = False) -> Table | None:
        node, path = self._values.get(key), f"{self._path}{key}."
        table = None if node is None else self.table_of(node, key, known, strict=strict, path=path)
        if node is not None and table is None:
            self._wrong.add(key)
        return table

    def table_of(
        self, node: Node, what: str, known: tuple[str, ...], *, strict: bool = False, path: str = ""
    ) -> Table | None:
        prefix = f"{self._prefix}{what}." if strict else ""
        return as_table(node, self.place, what, known, prefix=prefix, strict=strict, path=path)

    def items(self, key: str, *, most: int) -> Iterator[Node]:
        node = self._values.get(key)
        if node is None:
            return
        if not isinstance(node, SequenceNode):
            self._wrong.add(key)
            self.place.error(node, f"{key} is not a list", "write one entry per line, each after `- `")
            return
        if len(node.value) > most:
            excess = node.value[most]
            self.place.error(excess, f"{key} has {len(node.value)} entries", f"at most {most} are allowed")
        yield from node.value

    def passed_on(self, key: str) -> Mapping[str, Any] | None:
        """A mapping that livecue hands to the cloud as it is."""
        node = self._values.get(key)
        if node is None:
            return None
        if not isinstance(node, MappingNode):
            self.place.error(node, f"{key} is not a mapping", "write it as the cloud's API has it (S4 6.1.6)")
            return None
        value: dict[str, Any] = plain(node)
        return value


def as_table(
    node: Node,
    place: Place,
    what: str,
    known: tuple[str, ...],
    *,
    prefix: str = "",
    strict: bool = False,
    path: str = "",
) -> Table | None:
    """The mapping at `node`, or None after a complaint."""
    if not isinstance(node, MappingNode):
        place.error(node, f"{what} is not a mapping", f"write `key: value` lines: {', '.join(known)}")
        return None
    return Table(node, place, known, prefix=prefix, strict=strict, path=path)
