"""The sliding second and the table of limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.sandbox import Sandbox, SandboxOptions
from livecue.sandbox.limits import OPERATIONS, Window, effective


@given(gaps=st.lists(st.floats(0, 1.5), max_size=60), limit=st.integers(1, 5))
def test_no_second_ever_holds_more_than_the_limit(gaps: list[float], limit: int) -> None:
    window, now_s, admitted = Window(limit), 1000.0, []
    for gap in gaps:
        now_s += gap
        if window.admit(now_s):
            admitted.append(now_s)
    assert all(sum(1 for other in admitted if at <= other < at + 1.0) <= limit for at in admitted)


def test_a_refused_call_takes_no_place() -> None:
    window = Window(1)
    assert window.admit(0.0)
    assert not window.admit(0.9)
    assert window.admit(1.0)


def test_zero_is_no_limit() -> None:
    window = Window(0)
    assert all(window.admit(0.0) for _ in range(10_000))


@pytest.mark.parametrize(
    ("region", "command", "list_all_jobs", "chat"),
    [("cn-north-4", 4, 10, 5), ("cn-east-3", 3, 5, 3), ("ap-southeast-3", 3, 5, None)],
)
def test_the_documented_limits_depend_on_the_region(
    region: str, command: int, list_all_jobs: int, chat: int | None
) -> None:
    limits = effective(region, {})
    assert (limits["command"], limits["list_all_jobs"], limits["start_chat_job"]) == (
        command,
        list_all_jobs,
        chat,
    )


def test_a_named_override_beats_the_star() -> None:
    limits = effective("cn-north-4", {"*": 0, "command": 1000})
    assert (limits["command"], limits["report"]) == (1000, 0)
    assert set(limits) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"limits": {"comand": 4}}, "limits: 'comand' is unknown"),
        ({"limits": {"command": -1}}, "limits: command is -1"),
        ({"region": "mars-1"}, "region: 'mars-1' is unknown"),
        ({"port": 70_000}, "port: 70000 is out of range"),
        ({"script_speedup": 0}, "script_speedup: 0 must be above 0"),
        ({"start_delay_s": -1}, "start_delay_s: -1 is negative"),
        ({"keep": 0}, "keep: 0 must be at least 1"),
    ],
)
def test_a_wrong_option_says_which_and_why(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SandboxOptions(**options)


def test_a_seed_repeats_the_secrets_and_no_seed_does_not() -> None:
    def secrets(seed: int | None) -> tuple[str, str, str]:
        sandbox = Sandbox(SandboxOptions(seed=seed))
        return sandbox.project_id, sandbox.ak, sandbox.sk

    assert secrets(1) == secrets(1) != secrets(2)
    assert secrets(None) != secrets(None)
