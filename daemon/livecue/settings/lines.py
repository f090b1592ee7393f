"""A YAML document as plain data, with the line on which each value stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

Path = tuple[str | int, ...]


class YamlError(Exception):
    """The file is no YAML, or says a key twice.

    Remedy: correct the place; `line` counts from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Document:
    """`data` and a line for every path in it."""

    def __init__(self, text: str) -> None:
        """Read one YAML document of plain values.

        Raises:
            YamlError: with the line.
        """
        self._lines: dict[Path, int] = {}
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                self._index(node, ())
            self.data: Any = loader.construct_document(node) if node is not None else {}
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise YamlError(mark.line + 1 if mark else 1, error.problem or str(error)) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise YamlError(1, str(error).splitlines()[0] if str(error) else type(error).__name__) from error
        finally:
            loader.dispose()

    def _index(self, node: yaml.Node, path: Path) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if name in seen:
                    raise YamlError(key.start_mark.line + 1, f"`{name}` is given twice here: keep one")
                seen.add(name)
                self._lines[(*path, name)] = key.start_mark.line + 1
                self._index(value, (*path, name))
        elif isinstance(node, yaml.SequenceNode):
            for place, item in enumerate(node.value):
                self._index(item, (*path, place))

    def line(self, path: Sequence[str | int]) -> int:
        """The line of the value at `path`, or of the nearest thing around it."""
        whole = tuple(path)
        while whole and whole not in self._lines:
            whole = whole[:-1]
        return self._lines.get(whole, 1)

    def holds(self, path: Sequence[str | int]) -> bool:
        return tuple(path) in self._lines
