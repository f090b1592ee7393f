from __future__ import annotations

import pytest

from livecue.metastudio import documented


@pytest.mark.parametrize(
    ("region", "limits"),
    [
        (
            "cn-north-4",
            {"start": 4, "stop": 4, "show": 20, "list": 20, "list_tenant": 10, "command": 4, "report": 4},
        ),
        (
            "cn-east-3",
            {"start": 3, "stop": 3, "show": 10, "list": 10, "list_tenant": 5, "command": 3, "report": 3},
        ),
        ("ap-southeast-3", {"start": 3, "show": 10, "list_tenant": 5, "command": 3, "report": 3}),
    ],
)
def test_the_limits_are_those_of_the_documentation(region: str, limits: dict[str, int]) -> None:
    assert limits.items() <= documented(region).items()


def test_chat_can_be_started_only_where_it_is_offered() -> None:
    assert documented("cn-north-4")["start_chat"] == 5
    assert "start_chat" not in documented("ap-southeast-3")


def test_an_unknown_region_gets_the_lowest_limits() -> None:
    unknown = documented("mars-1")
    assert unknown["command"] == 3
    for region in ("cn-north-4", "cn-east-3", "ap-southeast-3"):
        assert all(unknown[name] <= limit for name, limit in documented(region).items())
