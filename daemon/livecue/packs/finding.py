"""Packs and their tests below a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from livecue.packs.loading import NAMES

TEST_NAMES = ("*.test.yaml", "*.test.yml")


def pack_folders(paths: Iterable[Path]) -> list[Path]:
    """Each path that is a pack's folder or file, and every pack below the others, in order of name."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.name in NAMES and path.is_file():
            found[path.parent] = None
        elif any((path / name).is_file() for name in NAMES) or not path.is_dir():
            found[path] = None  # what is not there is complained of when it is loaded
        else:
            found |= dict.fromkeys(sorted({file.parent for name in NAMES for file in path.rglob(name)}))
    return list(found)


def script_files(paths: Iterable[Path]) -> list[Path]:
    """Each path that is a test file, and every test file below the others."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found |= dict.fromkeys(sorted(file for name in TEST_NAMES for file in path.rglob(name)))
        else:
            found[path] = None
    return list(found)
