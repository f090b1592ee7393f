"""Reply texts as markup and by length, and the texts into which thanks merge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livecue.domain import LiveEvent
from livecue.engine import RoomState, compile_rules, handle
from livecue.engine.rules import Merging
from livecue.engine.speech import MAX_SPOKEN
from livecue.packs import LoadedRules, load_pack, load_packs
from livecue.packs.export import exported, left_out
from livecue.packs.lint import Severity, lint
from livecue.packs.problems import Notes, Place
from livecue.packs.replies import check_text

THANKS = """group_name: 礼物
livecue: {merge: {text: '感谢{names}的{giftName}！', most: 3}}
interaction_rules:
  - {rule_index: plain, event_type: 4, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [谢谢]}}
  - rule_index: own
    event_type: 4
    hit_condition: {relation: RESERVED}
    trigger: {reply_texts: [谢谢], reply_mode: SYSTEM_REPLY_AND_CALLBACK}
    livecue: {merge: {text: '谢{names}等{count}位'}}
  - rule_index: none
    event_type: 4
    hit_condition: {relation: RESERVED}
    trigger: {reply_texts: [谢谢]}
    livecue: {merge: false}
  - {rule_index: ask, event_type: 4, hit_condition: {relation: RESERVED}, trigger: {reply_mode: CALLBACK}}
  - {rule_index: enter, event_type: 2, hit_condition: {relation: RESERVED}, trigger: {reply_texts: [来啦]}}
"""


def loaded(folder: Path, body: str) -> LoadedRules:
    folder.mkdir(exist_ok=True)
    (folder / "pack.yaml").write_text(body, "utf-8")
    return load_packs([folder])


def saying(*texts: str, livecue: str = "{}", event_type: int = 4) -> str:
    lines = "".join(f"        - {json.dumps(text, ensure_ascii=False)}\n" for text in texts)
    return (
        "group_name: 店\ninteraction_rules:\n  - rule_name: 答\n"
        f"    event_type: {event_type}\n    hit_condition: {{relation: RESERVED}}\n"
        f"    livecue: {livecue}\n    trigger:\n      time_window: 60\n      reply_texts:\n{lines}"
    )


def test_the_packs_merge_is_that_of_every_rule_that_speaks_to_gifts_and_has_none(tmp_path: Path) -> None:
    found = loaded(tmp_path / "p", THANKS)
    assert {rule.rule_index: rule.livecue.merge for rule in found.rules} == {
        "plain": Merging("感谢{names}的{giftName}！", 3),
        "own": Merging("谢{names}等{count}位", 5),
        "none": False,
        "ask": None,
        "enter": None,
    }
    assert not found.warnings
    other = loaded(
        tmp_path / "q", THANKS.replace("livecue: {merge: {text: '感谢", "other: {merge: {text: '感谢")
    )
    assert {rule.livecue.merge for rule in other.rules if rule.rule_index == "plain"} == {None}


def test_a_packs_merge_that_nothing_takes_is_warned_of(tmp_path: Path) -> None:
    found = loaded(tmp_path, saying("好", event_type=1) + "livecue: {merge: {text: '谢{names}'}}\n")
    (problem,) = found.warnings
    assert str(problem).endswith(
        "pack.yaml:11: warning: livecue.merge: no rule of the pack speaks to gifts and leaves its merge to it; "
        "remove it, or write a rule of event_type 4"
    )
    assert not loaded(tmp_path, saying("好") + "livecue: {merge: false}\n").warnings


def test_a_merge_stays_here_when_the_pack_goes_to_the_cloud(tmp_path: Path) -> None:
    loaded(tmp_path, THANKS)
    pack = load_pack(tmp_path)
    assert "livecue" not in json.dumps(exported(pack))
    assert [line.partition("pack.yaml:")[2] for line in left_out(pack)] == [
        "4: rule 'plain': without livecue's merge",
        "5: rule 'own': without livecue's merge",
    ]


@pytest.mark.parametrize("variable", ["user.name", "combo.count", "total", "giftNum", "content", "level"])
def test_lint_names_a_merge_text_that_says_what_differs_from_gift_to_gift(
    variable: str, tmp_path: Path
) -> None:
    own = f"{{combo: {{timeout_s: 3}}, merge: {{text: '谢{{names}}等{{count}}位的{{giftName}}{{{variable}}}'}}}}"
    body = saying("好", livecue=own).replace(
        "{relation: RESERVED}", "{tags: [{tag: totalValue, operation: SUM, match: MATH_GE, value: '1'}]}"
    )
    loaded(tmp_path, body)
    (finding,) = lint([tmp_path])
    assert (finding.code, finding.severity, finding.rule) == ("merges-nothing", Severity.WARNING, "答")
    assert finding.message == f"the merge text says {{{variable}}}, which differs from gift to gift"
    loaded(tmp_path, body.replace(f"{{{variable}}}", ""))
    assert lint([tmp_path]) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<speak>好<b></speak>", "mismatched tag (line 1, character 14); close the tags in reverse order"),
        ("<speak>a & b</speak>", "not well-formed (invalid token) (line 1, character 11); close every tag"),
        ("<speaker>好</speaker>", "the first tag is <speaker>; write <speak>…</speak> around the text"),
    ],
)
def test_broken_markup_is_a_warning_at_load_an_error_of_lint_and_said_plain(
    text: str, what: str, tmp_path: Path
) -> None:
    found = loaded(tmp_path, saying("好", text))
    (problem,) = found.warnings
    said = f"a text of reply_texts is said as plain text, its SSML is not well-formed: {what}"
    assert str(problem).startswith(f"{tmp_path}/pack.yaml:11: warning: rule '答': {said}")
    (finding,) = lint([tmp_path])
    assert (finding.code, finding.severity, finding.line) == ("broken-markup", Severity.ERROR, 11)


def test_broken_markup_in_a_merge_text_is_found_at_its_line_too(tmp_path: Path) -> None:
    own = "{merge: {text: '<speak>谢{names}<b></speak>'}}"
    assert [problem.line for problem in loaded(tmp_path, saying("好", livecue=own)).warnings] == [6]
    assert [finding.code for finding in lint([tmp_path])] == ["broken-markup"]
    top = saying("好") + "livecue: {merge: {text: '<speak>谢{names}<b></speak>'}}\n"
    assert [problem.line for problem in loaded(tmp_path, top).warnings] == [11]


def test_markup_of_a_rule_that_takes_no_part_is_no_error_of_lint(tmp_path: Path) -> None:
    loaded(tmp_path, saying("<speak>好").replace("    trigger", "    enabled: false\n    trigger"))
    assert [(found.code, found.severity) for found in lint([tmp_path])] == [
        ("loads-with-warning", Severity.WARNING)
    ]


def test_well_formed_markup_is_fine_in_any_case_and_unknown_tags_are_a_warning(tmp_path: Path) -> None:
    assert not loaded(tmp_path, saying('<speaK>好<break time="1s"/></speaK>', "1 < 2 & 3")).warnings
    loaded(tmp_path, saying("<speak><b>好</b></speak>"))
    assert [(found.code, found.message) for found in lint([tmp_path])] == [
        ("loads-with-warning", "S4 12.7 has no tag <b>")
    ]


def test_broken_markup_never_reaches_the_live(tmp_path: Path) -> None:
    program = compile_rules(loaded(tmp_path, saying("<speak>好<b>的</speak>")).rules)
    decision = handle(program, RoomState(), LiveEvent("shop", "1.0", 0, 0, 4, {}, ""))
    assert [cue.text for cue in decision.cues] == ["好的"]


@pytest.mark.parametrize(
    ("text", "chars"),
    [
        ("长" * MAX_SPOKEN, 0),
        ("长" * (MAX_SPOKEN + 1), MAX_SPOKEN + 1),
        (f"<speak>{'长' * MAX_SPOKEN}</speak>", 0),
        (f"<speak>{'长' * (MAX_SPOKEN + 2)}</speak>", MAX_SPOKEN + 2),
    ],
)
def test_a_text_beyond_ten_thousand_spoken_characters_is_refused(text: str, chars: int) -> None:
    place = Place("pack.yaml", Notes())
    check_text(text, place, 7, "the text")
    wanted = (
        [f"pack.yaml:7: the text has {chars} spoken characters; at most 10000 are allowed"] if chars else []
    )
    assert [str(problem) for problem in place.notes.problems] == wanted
