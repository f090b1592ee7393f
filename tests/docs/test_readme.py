"""The READMEs: what they show is what is there, and both languages say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from docs.pages import PAGES, ROOT, blocks, names, read, rows
from livecue.cli.main import cli
from livecue.packs import load_packs
from livecue.settings import load

READMES = {"README.md": "folder", "README.zh-CN.md": "目录"}
_LEFT_BY_TOOLS = {"__pycache__", "var", "dist", "build"}


def _folders() -> set[str]:
    """Top-level folders that belong to the repository, and what the package consists of."""
    top = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    package = ROOT / "daemon" / "livecue"
    inside = {path.parent.name for path in package.glob("*/__init__.py")}
    modules = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    return (top - _LEFT_BY_TOOLS) | {".ci"} | {f"daemon/livecue/{name}" for name in inside | modules}


@pytest.mark.parametrize(("readme", "head"), READMES.items())
def test_the_folder_table_is_what_is_on_disk(readme: str, head: str) -> None:
    assert {names(cells[0])[0] for cells in rows(read(readme), head)} == _folders()


def test_both_readmes_have_the_same_headings() -> None:
    levels = [re.findall(r"^(#+) ", read(readme), re.MULTILINE) for readme in READMES]
    assert levels[0] == levels[1]
    assert len(levels[0]) > 5


def test_both_readmes_have_the_same_code_blocks() -> None:
    english, chinese = (blocks(read(readme)) for readme in READMES)
    assert english == chinese
    assert {language for language, _ in english} == {"text", "sh", "yaml", "python"}


def test_both_readmes_link_the_same_pages() -> None:
    links = [set(re.findall(r"\]\(([^)]+)\)", read(readme))) for readme in READMES]
    assert links[0] - {"README.zh-CN.md"} == links[1] - {"README.md"}


@pytest.mark.parametrize("readme", READMES)
def test_both_list_as_many_points_in_every_section(readme: str) -> None:
    counted = [len(re.findall(r"^- \*\*|^- ", part, re.MULTILINE)) for part in read(readme).split("\n## ")]
    assert counted == [
        len(re.findall(r"^- \*\*|^- ", part, re.MULTILINE)) for part in read("README.md").split("\n## ")
    ]


def test_the_configuration_shown_loads_with_its_packs(tmp_path: Path) -> None:
    (shown,) = (body for language, body in blocks(read("README.md")) if language == "yaml")
    (tmp_path / "livecue.yaml").write_text(shown, encoding="utf-8")
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    loaded = load(tmp_path / "livecue.yaml")
    (room,) = loaded.settings.rooms
    assert not load_packs([loaded.path(folder) for folder in room.rules]).warnings


def test_the_python_shown_compiles() -> None:
    (shown,) = (body for language, body in blocks(read("README.md")) if language == "python")
    compile(shown, "README.md", "exec")


def test_the_commands_named_are_the_commands_there_are() -> None:
    there = set(getattr(typer.main.get_command(cli), "commands"))  # noqa: B009 - a group has them
    (line,) = re.findall(r"\*\*Commands\*\* are (.+?); ", read("README.md"), re.DOTALL)
    assert set(names(line)) == there


def test_make_targets_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)", read("README.md"))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_path_of_some_machine(page: Path) -> None:
    assert not re.search(r"/(?:work|home|root|tmp)/", page.read_text(encoding="utf-8"))
