"""docs/guarantees.md: every promise names its faults, its tests and its limits, and the tests are there."""

from __future__ import annotations

import re

import pytest

from docs.pages import ROOT, names, read, rows

PAGE = read("docs/guarantees.md")
PROMISES = list(rows(PAGE, "promise"))


def test_there_are_promises_each_with_four_cells() -> None:
    assert len(PROMISES) >= 10
    assert [cells for cells in PROMISES if len(cells) != 4 or not all(cells)] == []


@pytest.mark.parametrize("cells", PROMISES, ids=lambda cells: cells[0][:40])
def test_each_promise_is_tried_by_tests_that_exist(cells: list[str]) -> None:
    tests = [name for name in names(cells[2]) if name.startswith("tests/")]
    assert tests
    for one in tests:
        body = (ROOT / one).read_text(encoding="utf-8")
        assert re.search(r"^(async )?def test_", body, re.MULTILINE), one


def test_every_path_and_make_target_on_the_page_is_there() -> None:
    for path in re.findall(r"`(tests/[^`]+)`", PAGE):
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    asked = set(re.findall(r"`make ([a-z-]+)`", PAGE))
    assert asked
    assert asked <= targets


def test_the_rounds_named_are_the_rounds_played() -> None:
    loop = read("tests/torture/test_kill_loop.py")
    [rounds] = re.findall(r'"LIVECUE_TORTURE_ROUNDS", "(\d+)"', loop)
    assert f"plays {rounds} rounds: {int(rounds) - int(rounds) // 3} with" in PAGE
    [many] = re.findall(r"LIVECUE_TORTURE_ROUNDS:-(\d+)", read("Makefile"))
    assert f"`make torture` plays {many};" in PAGE


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_a_fresh_reader_finds_it(readme: str) -> None:
    assert "](docs/guarantees.md)" in read(readme)
