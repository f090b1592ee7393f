"""What a step of a test expects, and whether a decision is that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from yaml import Node, ScalarNode, SequenceNode

from livecue.packs.nodes import is_null
from livecue.packs.tables import Table

EXPECT_KEYS = ("reply", "rule", "suppressed", "layer", "reported", "asks", "audio")
REPLY_KEYS = ("equals", "contains", "one_of")
WORDS = ("nothing", "suppressed")


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a step, in the terms of `Expect`. `names` are the rules' names by index."""

    text: str = ""
    audio: str = ""
    rule: str = ""
    suppressed: tuple[str, ...] = ()
    layer: bool = False
    reported: bool | None = None
    asks: bool = False
    names: Mapping[str, str] | None = None

    @property
    def silent(self) -> bool:
        return not (self.text or self.audio or self.layer or self.asks)

    def called(self, index: str) -> str:
        """A rule as people know it."""
        name = (self.names or {}).get(index, "")
        return f"{index} ({name})" if name else index

    def __str__(self) -> str:
        parts = []
        if self.text:
            parts.append(f'reply "{self.text}"')
        if self.audio:
            parts.append(f"audio {self.audio}")
        if self.asks:
            parts.append("asks outside")
        if self.layer:
            parts.append("a layer")
        if self.rule and not self.silent:
            parts.append(f"by {self.called(self.rule)}")
        if self.suppressed:
            parts.append(f"suppressed: {', '.join(map(self.called, self.suppressed))}")
        if self.reported is not None:
            parts.append("reported" if self.reported else "not reported")
        return (
            ", ".join(parts) if not self.silent or self.suppressed else f"nothing ({', '.join(parts) or '-'})"
        )


@dataclass(frozen=True, slots=True)
class Expect:
    """None and empty: not asked for. `suppressed` "" is any rule."""

    line: int
    nothing: bool = False
    equals: str | None = None
    contains: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    rule: str | None = None
    suppressed: str | None = None
    layer: bool | None = None
    reported: bool | None = None
    asks: bool | None = None
    audio: str | None = None

    def met(self, seen: Seen) -> bool:
        """Whether all that was asked for is so."""
        return not any(self.wrong(seen))

    def wrong(self, seen: Seen) -> tuple[bool, ...]:
        """Per demand, whether it is unmet."""
        return (
            self.nothing and not (seen.silent and not seen.suppressed),
            self.equals is not None and seen.text != self.equals,
            any(part not in seen.text for part in self.contains),
            bool(self.one_of) and seen.text not in self.one_of,
            self.rule is not None and (seen.silent or not _is(seen, self.rule, seen.rule)),
            self.suppressed is not None and not self._held(seen),
            self.layer is not None and seen.layer != self.layer,
            self.reported is not None and seen.reported != self.reported,
            self.asks is not None and seen.asks != self.asks,
            self.audio is not None and self.audio not in seen.audio,
        )

    def _held(self, seen: Seen) -> bool:
        if self.suppressed == "":
            return bool(seen.suppressed) and not (seen.text or seen.audio)
        return any(_is(seen, str(self.suppressed), index) for index in seen.suppressed)

    def __str__(self) -> str:
        parts = [
            *(["nothing"] if self.nothing else []),
            *([f'reply "{self.equals}"'] if self.equals is not None else []),
            *(f'reply with "{part}"' for part in self.contains),
            *([f"reply one of {len(self.one_of)}"] if self.one_of else []),
            *([f"audio with {self.audio}"] if self.audio is not None else []),
            *([f"by {self.rule}"] if self.rule is not None else []),
            *(
                [f"suppressed{f': {self.suppressed}' if self.suppressed else ''}"]
                if self.suppressed is not None
                else []
            ),
            *(["a layer" if self.layer else "no layer"] if self.layer is not None else []),
            *(["asks outside" if self.asks else "asks nobody"] if self.asks is not None else []),
            *(["reported" if self.reported else "not reported"] if self.reported is not None else []),
        ]
        return ", ".join(parts)


def _is(seen: Seen, wanted: str, index: str) -> bool:
    return bool(index) and wanted in {index, (seen.names or {}).get(index, "")}


def read_expect(step: Table, node: Node | None) -> Expect | None:
    """What stands under `expect`: one of `WORDS`, or a mapping of `EXPECT_KEYS`."""
    if node is None:
        return None
    line = node.start_mark.line + 1
    if isinstance(node, ScalarNode):
        word = "" if is_null(node) else str(node.value)
        if word == "nothing":
            return Expect(line, nothing=True)
        if word == "suppressed":
            return Expect(line, suppressed="")
        close = get_close_matches(word, WORDS, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        remedy = f"{meant}write nothing, suppressed, or a mapping such as {{rule: …}} or {{reply: …}}"
        step.place.error(node, f"expect is {word!r}", remedy)
        return None
    table = step.table("expect", EXPECT_KEYS, strict=True)
    if table is None:
        return None
    equals, contains, one_of = _reply(table)
    return Expect(
        line=line,
        equals=equals,
        contains=contains,
        one_of=one_of,
        rule=_text(table, "rule"),
        suppressed=_text(table, "suppressed"),
        layer=_flag(table, "layer"),
        reported=_flag(table, "reported"),
        asks=_flag(table, "asks"),
        audio=_text(table, "audio"),
    )


def _reply(table: Table) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    if "reply" not in table:
        return None, (), ()
    if isinstance(table.at("reply"), ScalarNode):
        return table.text("reply", longest=10_000), (), ()
    reply = table.table("reply", REPLY_KEYS, strict=True)
    if reply is None:
        return None, (), ()
    return _text(reply, "equals"), _texts(reply, "contains"), _texts(reply, "one_of")


def _texts(table: Table, key: str) -> tuple[str, ...]:
    """One text or a list of them."""
    if key in table and isinstance(table.at(key), SequenceNode):
        return tuple(table.text_of(item, key, longest=10_000) for item in table.items(key, most=100))
    text = _text(table, key)
    return () if text is None else (text,)


def _text(table: Table, key: str) -> str | None:
    return table.text(key, longest=10_000) if key in table else None


def _flag(table: Table, key: str) -> bool | None:
    return table.flag(key, default=False) if key in table else None
