"""docs/rules.md: every example loads, every key of livecue's own is told of and shown."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from docs.pages import blocks, names, read, rows
from livecue.engine.rules import Additions, Aggregate, Combo, DistinctUsers, Match, Merging, ReplyMode
from livecue.engine.template import FIGURES
from livecue.packs import LoadedRules, load_packs
from livecue.packs.running import run_file

PAGE = read("docs/rules.md")
SHOWN = [body for language, body in blocks(PAGE) if language == "yaml"]
SCRIPTS = [body for body in SHOWN if "steps:" in body]
PACKS = [body for body in SHOWN if body not in SCRIPTS]


def _load(shown: str, folder: Path) -> LoadedRules:
    """A whole pack as it stands, single rules as the list of one."""
    whole = "interaction_rules" in yaml.safe_load(shown)
    text = shown if whole else "interaction_rules:\n" + shown
    (folder / "pack.yaml").write_text(text, encoding="utf-8")
    return load_packs([folder])


def _additions(shown: str) -> list[dict[str, Any]]:
    found = yaml.safe_load(shown)
    listed = found["interaction_rules"] if isinstance(found, dict) else found
    return [rule.get("livecue", {}) for rule in listed]


def test_there_are_packs_and_a_script() -> None:
    assert len(PACKS) > 5
    assert len(SCRIPTS) == 1


@pytest.mark.parametrize("shown", PACKS)
def test_every_pack_shown_loads_without_a_warning(shown: str, tmp_path: Path) -> None:
    loaded = _load(shown, tmp_path)
    assert loaded.rules
    assert not loaded.warnings


def test_the_first_pack_passes_the_script_shown(tmp_path: Path) -> None:
    assert len(_load(PACKS[0], tmp_path).rules) == 2
    (tmp_path / "pack.test.yaml").write_text(SCRIPTS[0], encoding="utf-8")
    outcomes = run_file(tmp_path / "pack.test.yaml")
    assert [failure for outcome in outcomes for failure in outcome.failures] == []


def test_all_examples_together_have_indexes_of_their_own(tmp_path: Path) -> None:
    folders = []
    for number, shown in enumerate(PACKS):
        (folder := tmp_path / str(number)).mkdir()
        _load(shown, folder)
        folders.append(folder)
    assert len(load_packs(folders).rules) > len(PACKS)


def test_every_addition_is_shown_in_an_example() -> None:
    used = {key for shown in PACKS for own in _additions(shown) for key in own}
    assert used == set(Additions.__struct_fields__)


@pytest.mark.parametrize("part", [Aggregate, DistinctUsers, Combo, Merging])
def test_every_key_below_an_addition_is_told_of(part: type[msgspec.Struct]) -> None:
    assert not [key for key in part.__struct_fields__ if f"`{key}`" not in PAGE]


def test_every_figure_is_told_of() -> None:
    assert not [figure for figure in FIGURES if f"`{{{figure}}}`" not in PAGE]


@pytest.mark.parametrize(("head", "there"), [("`reply_mode`", ReplyMode), ("`match`", Match)])
def test_modes_and_matches_are_complete(head: str, there: type[StrEnum]) -> None:
    shown = [name for cells in rows(PAGE, head) for name in names(cells[0])]
    assert sorted(shown) == sorted(str(member) for member in there)
