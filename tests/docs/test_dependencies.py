"""docs/dependencies.md tells of every direct dependency, and of no other."""

from __future__ import annotations

import re
import tomllib

import pytest

from docs.pages import names, read, rows

PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
RUNTIME, DEVELOPMENT = read("docs/dependencies.md").split("## Development")


def _packages(requirements: list[str]) -> list[str]:
    return [re.split(r"[\[<>=,; ]", requirement)[0] for requirement in requirements]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(RUNTIME, PROJECT["dependencies"]), (DEVELOPMENT, PROJECT["optional-dependencies"]["dev"])],
    ids=["runtime", "development"],
)
def test_every_package_is_told_of_once(text: str, wanted: list[str]) -> None:
    assert [names(cells[0])[0] for cells in rows(text, "package")] == _packages(wanted)


@pytest.mark.parametrize("text", [RUNTIME, DEVELOPMENT], ids=["runtime", "development"])
def test_each_has_a_purpose_an_alternative_a_licence_and_wheels(text: str) -> None:
    for cells in rows(text, "package"):
        assert len(cells) == 5
        assert all(cells)
        assert cells[4] in {"pure", "both"}


def test_every_package_is_pinned() -> None:
    pins = {
        line.partition("==")[0].lower().replace("_", "-") for line in read("constraints.txt").splitlines()
    }
    wanted = _packages(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"])
    assert {package.lower() for package in wanted} <= pins
