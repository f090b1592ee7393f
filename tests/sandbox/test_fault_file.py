"""The file of faults: what it means, and each `bad_faults/<mistake>.yaml` beside the answer to it."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import pytest

from livecue.sandbox import FaultsError
from livecue.sandbox.faultfile import load, parse
from livecue.sandbox.faults import CALL_EFFECTS, CALLBACK_EFFECTS, JOB_EFFECTS, ROOMLESS, Fault
from livecue.sandbox.routes import TABLE

BAD = Path(__file__).parent / "bad_faults"


@pytest.mark.parametrize("mistake", sorted(file.stem for file in BAD.glob("*.yaml")))
def test_the_mistake_is_named_with_its_place_and_remedy(mistake: str) -> None:
    with pytest.raises(FaultsError) as caught:
        parse((BAD / f"{mistake}.yaml").read_text("utf-8"), f"{mistake}.yaml")
    assert f"{caught.value}\n" == (BAD / f"{mistake}.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "faults.yaml: cannot be read: No such file or directory: name another with --faults"),
        ("好".encode("gbk"), "faults.yaml: is not UTF-8 text: save it as UTF-8"),
        (b"a: &x [*x]", "faults.yaml:1: "),
        (b"? [a]\n: b", "faults.yaml:"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(body: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    if body is not None:
        file.write_bytes(body)
    with pytest.raises(FaultsError) as caught:
        load(file)
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(said)


def test_every_key_is_read_and_json_is_yaml() -> None:
    text = """
seed: 7
faults:
  - {target: [start, stop], effect: refuse, room: r, from_s: 1, until_s: 9.5, calls: [2, 4-5, "7-"],
     probability: 0.5, latency_s: [0.5, 3], status: 429, error_code: APIGW.0308, error_msg: no, retry_after_s: 3}
  - {target: callback, effect: duplicate, event: REPLY_COMMAND_FINISH, times: 3}
  - {target: job, effect: lose_heartbeat, after_s: 2}
  - {target: job, effect: heartbeat, after_s: 4, chat_state: 3}
"""
    text = text.replace("error_msg: no", 'error_msg: "no"')
    plan = parse(text)
    assert plan.seed == 7
    assert plan.faults == (
        Fault(
            targets=frozenset({"start", "stop"}),
            effect="refuse",
            rooms=frozenset({"r"}),
            from_s=1,
            until_s=9.5,
            calls=((2, 2), (4, 5), (7, 2**63)),
            probability=0.5,
            latency_s=(0.5, 3),
            status=429,
            error_code="APIGW.0308",
            error_msg="no",
            retry_after_s=3,
        ),
        Fault(
            targets=frozenset({"callback"}),
            effect="duplicate",
            events=frozenset({"REPLY_COMMAND_FINISH"}),
            times=3,
        ),
        Fault(targets=frozenset({"job"}), effect="lose_heartbeat", after_s=2, error_code="MSS.20010118"),
        Fault(targets=frozenset({"job"}), effect="heartbeat", after_s=4, chat_state=3),
    )
    as_json = json.dumps({"faults": [{"target": "*", "effect": "hang", "when": "after"}]})
    assert parse(as_json).faults == (Fault(targets=frozenset({"*"}), effect="hang", when="after"),)
    assert parse(as_json).faults[0].until_s == inf


def test_no_faults_at_all_is_a_plan_too() -> None:
    assert parse("faults: []").faults == ()


def test_the_operations_without_a_room_are_those_whose_path_names_none() -> None:
    without = {operation.__name__ for _, path, operation in TABLE if "{room_id}" not in path}
    assert without | {"create_token"} == ROOMLESS


def test_the_page_explains_every_effect_with_its_keys() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
    rows = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("|")]
    shown = {
        (row[0].strip(), row[1].strip(" `")): set(row[2].strip(" `").split("`, `"))
        for row in rows
        if len(row) == 4
    }
    effects = {"operations": CALL_EFFECTS, "callback": CALLBACK_EFFECTS, "job": JOB_EFFECTS}
    made = {
        (target, effect): {key.rstrip("!") for key in keys}
        for target, kinds in effects.items()
        for effect, keys in kinds.items()
    }
    shown.pop(("target", "effect"))
    assert shown == made


def test_the_page_shows_a_plan_that_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
    assert len(parse(page.split("```yaml\n")[1].split("```")[0]).faults) == 6
