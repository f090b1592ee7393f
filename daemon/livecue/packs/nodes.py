"""A pack file as a tree of YAML nodes that know their lines; JSON is read as the YAML it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from livecue.packs.problems import Place

MAX_BYTES = 5_000_000
MAX_DEPTH = 50

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB]\w\w)\\u([dD][c-fC-F]\w\w)", re.ASCII)
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_PLAIN = "write plain YAML; every rule in full"


def parse(path: Path, place: Place) -> Node | None:
    """The root node of the file, or None after a complaint."""
    text = _read(path, place)
    if text is None:
        return None
    try:
        if not _harmless(text, place):
            return None
        root: Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        _complain(error, place)
        return None
    except yaml.YAMLError as error:
        place.error(1, f"not readable as YAML: {_one_line(error)}", "remove the control characters")
        return None
    if root is None:
        place.error(1, "the file is empty", "write `group_name:` and `interaction_rules:`")
    elif not _unique(root, place):
        return None
    return root


def _read(path: Path, place: Place) -> str | None:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            place.error(1, f"{size} bytes is more than {MAX_BYTES}", "split the pack into several folders")
            return None
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        place.error(1, f"cannot be read: {error.strerror}", "check the path and its permissions")
        return None
    except UnicodeDecodeError as error:
        place.error(1, f"byte {error.start} is not UTF-8", "save the file as UTF-8 (not GBK or UTF-16)")
        return None
    if path.suffix != ".json":
        return text
    # YAML takes JSON but for tabs between tokens and characters written as two \u escapes
    return _SURROGATES.sub(_join_surrogates, text.replace("\t", " "))


def _join_surrogates(found: re.Match[str]) -> str:
    high, low = int(found[2], 16), int(found[3], 16)
    return found[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _harmless(text: str, place: Place) -> bool:
    """Refuse what would grow or sink when composed: aliases and bottomless nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            place.error(line, f"the alias *{event.anchor} is not allowed in a pack", _PLAIN)
            return False
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                place.error(line, f"nested deeper than {MAX_DEPTH} levels", _PLAIN)
                return False
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth -= 1
    return True


def _complain(error: yaml.MarkedYAMLError, place: Place) -> None:
    mark = error.problem_mark or error.context_mark
    line = 1 if mark is None else mark.line + 1
    what = " ".join(part for part in (error.context, error.problem) if part)
    if "single document" in what:
        remedy = "one file is one pack: move what follows `---` to a folder of its own"
    elif "cannot start any token" in what:
        remedy = "indent with spaces, not tabs, and put texts with special characters in quotes"
    else:
        remedy = "check indentation and quotes around this line; quote texts that hold `: ` or ` #`"
    place.error(line, f"not readable as YAML: {what}", remedy)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _unique(root: Node, place: Place) -> bool:
    """Complain about keys that stand twice in one mapping: YAML would silently take the last."""
    fine, todo = True, [root]
    while todo:
        node = todo.pop()
        if isinstance(node, SequenceNode):
            todo.extend(node.value)
        elif isinstance(node, MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                name = str(key.value) if isinstance(key, ScalarNode) else ""
                if name in first:
                    place.error(key, f"the key {name!r} already stands in line {first[name]}", "keep one")
                    fine = False
                first.setdefault(name, key.start_mark.line + 1)
                todo.append(value)
    return fine


def is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def whole(node: Node) -> int | None:
    """The whole number that a plain scalar is; None for quoted, octal, fractional and other ones."""
    if isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:int" and _WHOLE.fullmatch(node.value):
        return int(node.value) if len(node.value) < 20 else None
    return None


def plain(node: Node) -> Any:
    """The node as JSON values, for the parts that livecue passes on without reading them."""
    if isinstance(node, MappingNode):
        return {str(key.value): plain(value) for key, value in node.value if isinstance(key, ScalarNode)}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    if is_null(node):
        return None
    if node.tag == "tag:yaml.org,2002:bool":
        return str(node.value).lower() in {"yes", "true", "on"}
    number = whole(node)
    if number is not None:
        return number
    if node.tag == "tag:yaml.org,2002:float":
        try:
            return float(node.value)
        except ValueError:
            return str(node.value)
    return str(node.value)
