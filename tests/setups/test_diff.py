from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.setups import changes, merged

SCENE = {"script_name": "保温杯", "shoot_scripts": [{"sequence_no": 1, "text_config": {"text": "大家好"}}]}
OTHER = {"script_name": "帐篷", "shoot_scripts": []}


def told(wanted: dict[str, Any], shown: dict[str, Any]) -> list[str]:
    return [change.path for change in changes(wanted, shown)]


def test_only_what_is_wanted_is_compared() -> None:
    shown = {"room_name": "店", "room_description": "by hand", "new_field": {"of": "the cloud"}}
    assert changes({"room_name": "店"}, shown) == ()
    (change,) = changes({"room_description": "as code"}, shown)
    assert change == ("room_description", "by hand", "as code")


def test_a_change_is_named_by_the_item_it_lies_in() -> None:
    wanted = {"scene_scripts": [SCENE]}
    shown = {
        "scene_scripts": [
            SCENE | {"shoot_scripts": [{"sequence_no": 1, "text_config": {"text": "你好"}}]},
        ]
    }
    assert told(wanted, shown) == ["scene_scripts[保温杯].shoot_scripts[1].text_config.text"]


@pytest.mark.parametrize(
    ("wanted", "shown", "said"),
    [
        ([SCENE, OTHER], [SCENE], ["s[帐篷]"]),
        ([SCENE], [SCENE, OTHER], ["s[帐篷]"]),
        ([OTHER, SCENE], [SCENE, OTHER], ["s (order)"]),
        ([SCENE], [SCENE | {"script_id": "of the cloud"}], []),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], ["s[1].a"]),
        (["x"], ["y"], ["s"]),
        ([], None, []),
        ([], [SCENE], ["s"]),
    ],
)
def test_lists_are_whole_and_their_items_have_names(wanted: Any, shown: Any, said: list[str]) -> None:
    assert told({"s": wanted}, {"s": shown}) == said


A, B = {"asset_id": "a", "order": 2}, {"asset_id": "b", "order": 1}


def test_where_a_field_says_the_order_the_list_need_not() -> None:
    assert told({"asset_list": [A, B]}, {"asset_list": [B, A]}) == []
    plain = [{"asset_id": "a"}, {"asset_id": "b"}]
    assert told({"asset_list": plain}, {"asset_list": plain[::-1]}) == ["asset_list (order)"]
    assert told({"asset_list": [A, B | {"order": 0}]}, {"asset_list": [B | {"order": 0}, A]}) == [
        "asset_list (order)"
    ]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"play_policy": {"repeat_count": 0, "play_mode": "TEXT"}}, {"play_policy": {}}),
        ({"room_type": "NORMAL"}, {}),
        ({"concurrency": 2}, {"concurrency": "2"}),
        ({"room_description": ""}, {}),
        ({"room_description": None}, {"room_description": "left to the cloud"}),
    ],
)
def test_what_means_the_same_is_no_change(wanted: dict[str, Any], shown: dict[str, Any]) -> None:
    assert changes(wanted, shown) == ()


def test_one_and_true_are_not_the_same() -> None:
    assert told({"x": True}, {"x": 1}) == ["x"]


def test_fields_that_nobody_spoke_of_stay_where_they_are() -> None:
    shown = {"new": 1, "scene_scripts": [OTHER | {"script_id": "b"}, SCENE | {"script_id": "a", "new": 2}]}
    body = merged({"scene_scripts": [SCENE]}, shown)
    assert body == {"new": 1, "scene_scripts": [SCENE | {"script_id": "a", "new": 2}]}


NAMES = st.sampled_from(["a", "b", "title", "script_name", "rule_index"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("xy", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
SETUPS = st.dictionaries(NAMES, VALUES, max_size=4)


@given(SETUPS, SETUPS)
def test_what_was_merged_has_nothing_left_to_change(wanted: dict[str, Any], shown: dict[str, Any]) -> None:
    assert changes(wanted, merged(wanted, shown)) == ()
