from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from livecue.cli.main import cli

SHIPPED = Path(__file__).parents[2] / "rules"

PACK = """group_name: 店
interaction_rules:
  - rule_index: price
    rule_name: 价格
    event_type: 1
    hit_condition: {tags: [{tag: content, match: REGEX, value: 多少钱}]}
    trigger: {time_window: 20, reply_texts: [看链接]}
    livecue: {max_age_s: 3}
"""
SLOW = PACK.replace("多少钱", "'^.{2,4}$'")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "pack.yaml").write_text(PACK, "utf-8")
    return folder


def script(shop: Path, expect: str) -> None:
    (shop / "pack.test.yaml").write_text(
        f"- {{name: 一, steps: [{{danmaku: 多少钱, expect: {expect}}}]}}\n", "utf-8"
    )


def livecue(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["rules", *map(str, arguments)])


def test_the_shipped_packs_pass_their_tests_and_the_strictest_lint() -> None:
    tested = livecue("test", SHIPPED)
    assert tested.exit_code == 0, tested.output
    assert "4 files" in tested.output
    linted = livecue("lint", "--strict", SHIPPED)
    assert linted.exit_code == 0, linted.output


def test_test_tells_what_failed_and_writes_junit(shop: Path) -> None:
    script(shop, "{rule: 价格}")
    assert livecue("test", shop).output == "1 scenarios in 1 files: 1 passed, 0 failed\n"
    script(shop, "nothing")
    found = livecue("test", shop, "--junit", shop / "junit.xml")
    assert found.exit_code == 1
    assert f"FAIL  {shop}/pack.test.yaml:1: 一: at 0 s, danmaku 多少钱" in found.output
    assert 'failures="1"' in (shop / "junit.xml").read_text("utf-8")
    (scenario,) = json.loads(livecue("test", shop, "--json").output)["scenarios"]
    assert (scenario["passed"], scenario["failures"][0]["expected"]) == (False, "nothing")


def test_test_says_when_there_is_nothing_to_run_or_a_file_cannot_be_read(shop: Path) -> None:
    nothing = livecue("test", shop)
    assert (nothing.exit_code, "write pack.test.yaml beside pack.yaml" in nothing.output) == (1, True)
    script(shop, "nothin")
    broken = livecue("test", shop)
    assert (broken.exit_code, "did you mean nothing?" in broken.output) == (1, True)
    assert livecue("test", shop / "away.test.yaml").exit_code == 1
    assert livecue("test").exit_code == 2


def test_lint_exits_1_on_errors_and_on_warnings_only_if_strict(shop: Path) -> None:
    assert livecue("lint", shop).exit_code == 0
    (shop / "pack.yaml").write_text(SLOW, "utf-8")
    assert livecue("lint", shop).exit_code == 0
    strict = livecue("lint", shop, "--strict")
    assert (strict.exit_code, "[slow-pattern] rule '价格'" in strict.output) == (1, True)
    (shop / "words.txt").write_text("# 敏感词\n链接\n\n", "utf-8")
    words = livecue("lint", shop, "--sensitive", shop / "words.txt", "--format", "json")
    assert words.exit_code == 1
    assert [each["code"] for each in json.loads(words.output)] == ["sensitive-word", "slow-pattern"]
    sarif = json.loads(livecue("lint", shop, "--format", "sarif").output)
    assert sarif["runs"][0]["results"][0]["ruleId"] == "slow-pattern"
    assert livecue("lint").exit_code == 2


def config(shop: Path, *packs: str) -> Path:
    data: dict[str, Any] = {
        "metastudio": {"project_id": "p", "auth": {"ak": "a", "sk": "s"}},
        "rooms": [{"key": "flagship", "room_id": "1", "rules": list(packs)}],
    }
    file = shop.parent / "livecue.yaml"
    file.write_text(json.dumps(data))
    return file


def test_lint_with_a_configuration_looks_at_a_rooms_packs_together(shop: Path) -> None:
    other = shop.parent / "other"
    other.mkdir()
    (other / "pack.yaml").write_text(PACK.replace("rule_index: price", "rule_index: again"), "utf-8")
    assert livecue("lint", shop, other).exit_code == 0
    together = livecue("lint", "-c", config(shop, "shop", "other"))
    assert (together.exit_code, "[unreachable] rule '价格'" in together.output) == (1, True)


def test_explain_says_why_by_room_or_by_pack(shop: Path) -> None:
    by_pack = livecue("explain", "多少钱", "--pack", shop)
    assert "answered" in by_pack.output
    assert "=> speak: 看链接  [price, PLAY_NOW]" in by_pack.output
    by_room = livecue("explain", "尺码", "-c", config(shop, "shop"), "--room", "flagship")
    assert 'missed             content "尺码" has no /多少钱/' in by_room.output
    assert "nobody answers" in by_room.output
    found = json.loads(livecue("explain", '{"content": "多少钱"}', "--pack", shop, "--json").output)
    assert found["rules"][0]["verdict"] == "answered"
    assert livecue("explain", "多少钱", "-c", config(shop, "shop"), "--room", "x").exit_code == 1
    assert livecue("explain", "多少钱").exit_code == 2


def test_explain_takes_the_ages_of_the_configuration(shop: Path) -> None:
    (shop / "pack.yaml").write_text(PACK.replace("    livecue: {max_age_s: 3}\n", ""), "utf-8")
    settings = config(shop, "shop")
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"dispatch": {"max_age_s": 7}}))
    for where, expires_ms in ((("--pack", shop), 20_000), (("-c", settings), 7000)):
        found = json.loads(livecue("explain", "多少钱", *where, "--json").output)
        assert found["decision"]["cues"][0]["expires_ms"] == expires_ms


def test_replay_shows_where_two_versions_differ(shop: Path) -> None:
    new = shop.parent / "new"
    new.mkdir()
    (new / "pack.yaml").write_text(PACK.replace("看链接", "十块"), "utf-8")
    stream = shop / "stream.jsonl"
    body = {"timestamp": 1, "type": 1, "content": {"content": "多少钱"}}
    stream.write_text(json.dumps({"at_ms": 1000, "room": "shop", "body": body}) + "\n")
    found = livecue("replay", stream, "--old", shop, "--new", new, "--check")
    assert found.exit_code == 1
    assert found.output.splitlines() == [
        "1970-01-01 00:00:01Z shop: danmaku 多少钱",
        "  - 看链接  [price]",
        "  + 十块  [price]",
        "1 events: 1 replies before, 1 now; 0 the same, 1 changed, 0 gone, 0 added",
    ]
    assert livecue("replay", stream, "--old", shop, "--new", shop, "--check").exit_code == 0
    stream.write_text("{}\n")
    broken = livecue("replay", stream, "--old", shop, "--new", new)
    assert (broken.exit_code, "line 1: Object missing" in broken.output) == (1, True)
    assert livecue("replay", shop / "away", "--old", shop, "--new", new).exit_code == 1


def test_export_writes_the_clouds_json_and_says_what_it_leaves_out(shop: Path) -> None:
    found = livecue("export", shop)
    assert json.loads(found.stdout)["interaction_rules"][0]["rule_index"] == "price"
    assert found.stderr == f"{shop}/pack.yaml:3: rule '价格': without livecue's max_age_s\n"
    back = shop.parent / "back"
    back.mkdir()
    assert livecue("export", shop, "-o", back / "pack.json").exit_code == 0
    assert livecue("explain", "多少钱", "--pack", back).exit_code == 0


def test_a_pack_that_does_not_load_is_told_with_all_its_problems(shop: Path) -> None:
    (shop / "pack.yaml").write_text(PACK.replace("REGEX", "REGEXP").replace("20", "'20'"), "utf-8")
    for command in (("explain", "x", "--pack", shop), ("export", shop)):
        found = livecue(*command)
        assert found.exit_code == 1
        assert "pack.yaml:6: rule '价格': match is 'REGEXP'; did you mean REGEX?" in found.output
        assert "pack.yaml:7: rule '价格': time_window is '20'; write a whole number" in found.output
