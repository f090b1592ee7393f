from __future__ import annotations

from typing import Any

import pytest

from livecue.metastudio import Thing
from livecue.setups import (
    Action,
    SetupError,
    exported,
    exported_products,
    plan_step,
    problems_of,
    the_group,
    without_product_ids,
)
from livecue.setups.plan import the_one

RULE = {
    "rule_index": "p",
    "rule_id": "x",
    "trigger": {"reply_mode": "SYSTEM_REPLY", "reply_texts": ["看链接"]},
}
SHOWN: dict[str, Any] = {
    "room_id": "r1",
    "room_name": "shop",
    "room_state": "ENABLE",
    "create_time": "2026-01-01T00:00:00Z",
    "room_description": "by hand",
    "stream_keys": ["***"],
    "output_urls": ["rtmp://push.example.com/live/SECRET"],
    "live_event_callback_config": {"key": "SECRET"},
    "scene_scripts": [{"script_id": "s", "script_name": "一", "shoot_scripts": []}],
    "of_a_newer_cloud": 1,
}


def step(wanted: dict[str, Any], shown: dict[str, Any] | None, thing: Thing = Thing.ROOM) -> Any:
    return plan_step(thing, "shop", wanted, "r1", shown)


def test_what_is_not_there_is_created_with_all_that_is_wanted() -> None:
    made = step({"room_name": "shop", "play_policy": {"repeat_count": -1}}, None)
    assert (made.action, made.body["play_policy"]) == (Action.CREATE, {"repeat_count": -1})
    assert [change.path for change in made.changes] == ["room_name", "play_policy"]


def test_what_agrees_is_kept() -> None:
    assert step({"room_name": "shop"}, SHOWN).action is Action.KEEP


def test_an_update_keeps_what_it_does_not_speak_of_and_leaves_out_what_cannot_be_written() -> None:
    body = step({"room_name": "shop", "room_description": "as code"}, SHOWN).body
    assert body["of_a_newer_cloud"] == 1
    assert body["output_urls"] == SHOWN["output_urls"]
    assert not body.keys() & {"room_id", "room_state", "create_time", "stream_keys"}


@pytest.mark.parametrize("enabled", [{}, {"enabled": True}])
def test_rules_by_which_the_cloud_would_answer_are_switched_off(enabled: dict[str, Any]) -> None:
    found = step({"room_name": "shop"}, SHOWN | {"interaction_rules": [RULE | enabled]})
    assert found.action is Action.UPDATE
    assert [change.path for change in found.changes] == ["interaction_rules[p].enabled"]
    assert found.body["interaction_rules"] == [RULE | {"enabled": False}]


@pytest.mark.parametrize("quiet", [{"enabled": False}, {"trigger": {"reply_mode": "CALLBACK"}}])
def test_rules_that_do_not_answer_stay_as_they_are(quiet: dict[str, Any]) -> None:
    assert step({"room_name": "shop"}, SHOWN | {"interaction_rules": [RULE | quiet]}).action is Action.KEEP


def test_a_product_is_not_told_what_only_its_answer_shows() -> None:
    shown = {
        "product_id": "p", "name": "杯", "state": "ACTIVED",
        "asset_list": [{"asset_id": "a", "asset_name": "x", "main_url": "https://x"}],
    }  # fmt: skip
    wanted = {"name": "杯", "auto_active": True, "description": "316"}
    found = step(wanted, shown, Thing.PRODUCT)
    assert found.body == {"name": "杯", "description": "316", "asset_list": [{"asset_id": "a"}]}
    assert step(wanted, shown | {"description": "316"}, Thing.PRODUCT).action is Action.KEEP


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({}, {}),
        ({"state": "ACTIVED"}, {"auto_active": True}),
        ({"state": "UNACTIVED", "auto_active": True}, {"auto_active": False}),
        ({"auto_active": False}, {"auto_active": False}),
    ],
)
def test_a_product_is_created_in_the_state_it_is_to_have(said: dict[str, Any], sent: dict[str, Any]) -> None:
    assert step({"name": "杯"} | said, None, Thing.PRODUCT).body == {"name": "杯"} | sent


def test_an_export_of_products_leaves_out_those_that_a_file_cannot_name() -> None:
    shown: list[dict[str, Any]] = [
        {
            "product_id": "2",
            "name": "灯",
            "state": "BLOCK",
            "cover": {"asset_id": "a", "cover_url": "https://x"},
        },
        {"product_id": "1", "name": "杯", "state": "UNACTIVED", "tags": []},
        {"product_id": "3", "name": "伞", "state": "DELETED"},
        {"product_id": "4", "name": "帽"},
        {"product_id": "5", "name": "帽"},
    ]
    found = exported_products(shown)
    assert found.rows == [{"name": "杯", "state": "UNACTIVED"}, {"name": "灯", "cover": {"asset_id": "a"}}]
    assert (found.ids, found.unclear) == ({"灯": "2", "杯": "1"}, ["帽"])


def test_of_a_product_that_its_title_tells_the_id_is_left_out() -> None:
    def room(*products: dict[str, str]) -> dict[str, Any]:
        return {"scene_scripts": [{"shoot_scripts": [{"relation_product": one} for one in products]}]}

    of_a_platform = {"product_title": "灯", "product_id": "goods-7"}
    shown = room({"product_title": "杯", "product_id": "1"}, of_a_platform, {"product_id": "1"})
    bare = without_product_ids(shown, {"杯": "1", "灯": "2"})
    assert bare == room({"product_title": "杯"}, of_a_platform, {"product_id": "1"})
    assert without_product_ids(shown, {}) == shown


def test_a_rule_group_is_found_by_its_id_or_else_by_its_name() -> None:
    groups = [{"group_id": "1", "group_name": "甲"}, {"group_id": "甲", "group_name": "乙"}]
    assert the_group(groups, "甲")["group_name"] == "乙"
    assert the_group(groups, "乙")["group_id"] == "甲"
    twins = [{"group_id": "1", "group_name": "甲"}, {"group_id": "2", "group_name": "甲"}]
    with pytest.raises(SetupError, match=r"2 rule groups named '甲': give one by its id, 1, 2"):
        the_group(twins, "甲")
    with pytest.raises(SetupError, match=r"no rule group '丙'; those are: none"):
        the_group([], "丙")


def test_two_of_one_name_are_for_a_person_to_tell_apart() -> None:
    assert (the_one(Thing.ROOM, "x", []), the_one(Thing.ROOM, "x", ["a"])) == ("", "a")
    with pytest.raises(SetupError, match=r"2 chat rooms named 'x' \(a, b\): rename all but one"):
        the_one(Thing.CHAT_ROOM, "x", ["a", "b"])


def test_an_export_has_no_secrets_answers_nothing_and_is_what_the_file_takes() -> None:
    out = exported(Thing.ROOM, SHOWN | {"interaction_rules": [RULE], "priv_data": None})
    assert "SECRET" not in str(out)
    assert problems_of(Thing.ROOM, out) == []
    assert out == {
        "room_name": "shop",
        "room_description": "by hand",
        "scene_scripts": [{"script_name": "一", "shoot_scripts": []}],
        "interaction_rules": [
            {"rule_index": "p", "trigger": RULE["trigger"], "enabled": False},
        ],
        "of_a_newer_cloud": 1,
    }
    assert step(out, SHOWN | {"interaction_rules": [RULE | {"enabled": False}]}).action is Action.KEEP


def test_a_step_shows_no_body() -> None:
    assert "SECRET" not in repr(step({"room_name": "shop", "room_description": "new"}, SHOWN))
