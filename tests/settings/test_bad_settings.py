"""Each `bad/<mistake>.yaml` beside the text that `livecue check` answers to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from livecue.settings import ConfigError, load

BAD = Path(__file__).parent / "bad"


def complaint(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file)
    return str(caught.value).replace(f"{file.parent}/", "")


@pytest.mark.parametrize("mistake", sorted(file.stem for file in BAD.glob("*.yaml")))
def test_the_mistake_is_named_with_its_place_and_remedy(mistake: str, tmp_path: Path) -> None:
    file = tmp_path / f"{mistake}.yaml"
    shutil.copy(BAD / file.name, file)
    assert complaint(file) + "\n" == (BAD / f"{mistake}.txt").read_text("utf-8")


def test_no_complaint_shows_a_secret() -> None:
    for file in BAD.glob("*.txt"):
        said = file.read_text("utf-8")
        assert "access" not in said.replace("access key", "")
        assert "kkkk" not in said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "livecue.yaml: cannot be read: No such file or directory: name another with -c"),
        ("好".encode("gbk"), "livecue.yaml: is not UTF-8 text: save it as UTF-8"),
        (b"a: &x [*x]", "livecue.yaml:1: "),
    ],
)
def test_a_file_that_cannot_be_read_says_why(body: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "livecue.yaml"
    if body is not None:
        file.write_bytes(body)
    assert complaint(file).startswith(said)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "livecue.yaml"
    file.write_text("metastudio: {project_id: p}\nhttp: {port: -1}\nrooms: [{key: A, room_id: r}]\n")
    assert [line.split(": ")[1] for line in complaint(file).splitlines()] == [
        "metastudio.auth",
        "http.port",
        "rooms.0.key",
    ]
