"""`livecue plan`: golden tables of weeks in which clocks change, and plans that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from livecue.cli.main import cli

PLANS = Path(__file__).parent / "plans"
WEEKS = {"autumn": "2026-10-24", "spring": "2027-03-26"}


def plan(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["plan", "-c", str(file), *arguments])


def config(folder: Path, rooms: list[dict[str, Any]], **more: Any) -> Path:
    data = {"metastudio": {"project_id": "p", "auth": {"ak": "access", "sk": "secret"}}, "rooms": rooms}
    file = folder / "livecue.yaml"
    file.write_text(yaml.safe_dump(data | more, sort_keys=False), "utf-8")
    return file


def room(key: str, *sessions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": key, "room_id": key, "sessions": list(sessions), **more}


EVENING = {"name": "evening", "cron": "0 20 * * *", "duration": "4h"}
LATE = {"name": "late", "cron": "0 22 * * *", "duration": "4h"}


@pytest.mark.parametrize("week", WEEKS)
def test_a_week_in_which_clocks_change_prints_right(week: str) -> None:
    found = plan(PLANS / f"{week}.yaml", "--days", "7", "--from", WEEKS[week])
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout == (PLANS / f"{week}.txt").read_text("utf-8")


def test_json_says_the_instants_the_offsets_and_the_fold() -> None:
    found = plan(PLANS / "autumn.yaml", "--days", "1", "--from", "2026-10-25", "--json")
    runs = json.loads(found.stdout)["runs"]
    (night,) = (run for run in runs if run["session"] == "night")
    assert (night["start"], night["start_utc"], night["start_fold"], night["lasts_s"]) == (
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T00:30:00+00:00",
        0,
        14_400,
    )
    twice = [run for run in runs if run["start"].startswith("2026-10-25T02:30") and run["session"] == "news"]
    assert [(run["start_fold"], run["start_utc"][11:16]) for run in twice] == [(0, "00:30"), (1, "01:30")]


def test_times_can_be_shown_in_one_zone() -> None:
    found = plan(PLANS / "spring.yaml", "--days", "1", "--from", "2027-03-27", "--timezone", "Asia/Shanghai")
    assert "berlin  night    2027-03-27 09:30" in found.stdout
    assert "+08:00" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--timezone", "Asia/Shangai"), "timezone 'Asia/Shangai' is unknown"),
        (("--from", "soon"), "--from 'soon' is no date or time; write it as 2026-10-24"),
        (("--days", "0"), "Invalid value for '--days'"),
    ],
)
def test_wrong_options_are_usage_errors(arguments: tuple[str, ...], said: str) -> None:
    found = plan(PLANS / "spring.yaml", *arguments)
    assert found.exit_code == 2
    assert said in found.stderr


def test_an_overlap_in_one_room_is_refused_by_plan_and_check(tmp_path: Path) -> None:
    file = config(tmp_path, [room("a", EVENING), room("b", EVENING, LATE)])
    for found in (plan(file), CliRunner().invoke(cli, ["check", "-c", str(file)])):
        assert found.exit_code == 1
        (said,) = found.stderr.splitlines()
        assert said.startswith(f"{file}:18: rooms.b.sessions.late: overlaps session 'evening', first from 20")
        assert said.endswith("move 'late', or write `overlap: merge` or `overlap: first` for the room")


@pytest.mark.parametrize("overlap", ["merge", "first"])
def test_a_room_with_a_policy_may_overlap(overlap: str, tmp_path: Path) -> None:
    file = config(tmp_path, [room("b", EVENING, LATE, overlap=overlap)])
    assert plan(file).exit_code == CliRunner().invoke(cli, ["check", "-c", str(file)]).exit_code == 0


def test_more_rooms_at_once_than_the_quota_are_refused_with_the_line(tmp_path: Path) -> None:
    rooms = [room(key, EVENING) for key in "abc"]
    file = config(tmp_path, rooms, plan={"max_rooms_at_once": 2})
    found = plan(file)
    assert found.exit_code == 1
    assert found.stderr.startswith(
        f"{file}:{len(file.read_text().splitlines())}: plan: 3 rooms are live at once"
    )
    assert "plan.max_rooms_at_once is 2" in found.stderr


def test_many_starts_in_one_second_are_a_warning(tmp_path: Path) -> None:
    found = plan(config(tmp_path, [room(f"r{number}", EVENING) for number in range(6)]))
    assert found.exit_code == 0
    assert "warning: " in found.stderr
    assert "6 starts fall into" in found.stderr
    assert "MetaStudio takes 4 a second" in found.stderr


def test_a_room_without_sessions_plans_nothing(tmp_path: Path) -> None:
    found = plan(config(tmp_path, [room("a")]), "--from", "2026-10-24")
    assert found.stdout.splitlines()[-1] == "0 runs in 7 days from 2026-10-24T00:00+00:00, 0 left out"
