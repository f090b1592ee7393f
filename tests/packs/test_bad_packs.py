"""Each `bad/<mistake>.yaml` beside the text that `livecue` answers to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from livecue.packs import PackError, load_pack, load_packs
from livecue.packs.nodes import MAX_BYTES

BAD = Path(__file__).parent / "bad"
GOOD = """group_name: 好
interaction_rules:
  - {rule_name: 兜底, event_type: 1, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [好]}}
"""


def pack(folder: Path, body: bytes | str, name: str = "pack.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body.encode() if isinstance(body, str) else body)
    return folder


def complaint(folder: Path, root: Path) -> str:
    with pytest.raises(PackError) as caught:
        load_pack(folder)
    return str(caught.value).replace(f"{root}/", "")


@pytest.mark.parametrize("mistake", sorted(file.stem for file in BAD.glob("*.yaml")))
def test_the_mistake_is_named_with_its_place_and_remedy(mistake: str, tmp_path: Path) -> None:
    folder = pack(tmp_path / mistake, (BAD / f"{mistake}.yaml").read_bytes())
    assert complaint(folder, tmp_path) + "\n" == (BAD / f"{mistake}.txt").read_text("utf-8")


def test_every_problem_of_every_pack_is_told_at_once(tmp_path: Path) -> None:
    folders = [
        pack(tmp_path / name, (BAD / f"{name}.yaml").read_bytes()) for name in ("no-tags", "key-twice", "tab")
    ]
    with pytest.raises(PackError) as caught:
        load_packs([*folders, tmp_path / "nowhere"])
    assert [Path(problem.file).parts[-2:] for problem in caught.value.problems] == [
        ("no-tags", "pack.yaml"),
        ("key-twice", "pack.yaml"),
        ("tab", "pack.yaml"),
        (tmp_path.name, "nowhere"),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("group_name: 测试".encode("gbk"), "byte 12 is not UTF-8; save the file as UTF-8"),
        (b"#" * (MAX_BYTES + 1), "5000001 bytes is more than 5000000; split the pack"),
        (b"a: " + b"[" * 60, "nested deeper than 50 levels; write plain YAML"),
        (b"a: \x01", "not readable as YAML: "),
    ],
)
def test_files_that_are_no_plain_text_are_refused(body: bytes, said: str, tmp_path: Path) -> None:
    assert complaint(pack(tmp_path / "p", body), tmp_path).startswith(f"p/pack.yaml:1: {said}")


def test_a_folder_without_a_pack_or_with_two_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert complaint(tmp_path / "empty", tmp_path).startswith("empty:1: the folder holds no pack; put")
    two = pack(pack(tmp_path / "two", GOOD), "{}", "pack.json")
    assert complaint(two, tmp_path) == "two:1: pack.yaml and pack.json are both there; keep one of them"
    assert "is a file, not a pack folder" in complaint(two / "pack.yaml", tmp_path)
    assert "there is no such pack folder" in complaint(tmp_path / "nope", tmp_path)


def test_a_rule_index_that_stands_in_two_packs_names_both_places(tmp_path: Path) -> None:
    body = GOOD.replace("rule_name: 兜底", "rule_index: same")
    one, two = pack(tmp_path / "one", body), pack(tmp_path / "two", body)
    with pytest.raises(PackError) as caught:
        load_packs([one, two])
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "two/pack.yaml:3: rule 'same': rule_index 'same' already stands in one/pack.yaml:3; "
        "give one of the two another rule_index"
    )
    with pytest.raises(PackError, match="listed twice; name each folder once"):
        load_packs([one, one])
