"""Smart-chat rooms from the plan to the end, with a real daemon, its bus and the sandbox.

One daemon has three rooms: one that livecue makes and whose job fails, one whose start is not answered, and
one where besides the cloud lists no chats.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from acceptance.lives import Sky
from acceptance.processes import BIN, Livecue, until_now
from acceptance.writing import config, once
from livecue.sandbox.chat_jobs import ChatJob

if TYPE_CHECKING:
    from acceptance.cloud import Cloud

SESSION_S = 40.0
UNHEARD, UNLISTED = "41c86xxxxxx34253850af102cd000001", "41c86xxxxxx34253850af102cd000002"
OTHERS = [UNHEARD, UNLISTED]
FAULTS: list[dict[str, Any]] = [
    {"target": "start_chat_job", "room": UNHEARD, "effect": "hang", "when": "after", "calls": 1},
    {"target": "start_chat_job", "room": UNLISTED, "effect": "hang", "when": "after", "calls": 1},
    {"target": "list_chat_jobs", "room": UNLISTED, "effect": "refuse", "status": 404, "error_code": "A.1"},
    {"target": "stop_chat_job", "effect": "refuse", "status": 503, "calls": "1-2"},
    {"target": "job", "room": OTHERS, "effect": "slow", "latency_s": 0},
    {"target": "job", "effect": "fail", "after_s": 2, "error_code": "MSS.47000007", "calls": 1},
    {"target": "job", "effect": "heartbeat", "after_s": 1, "chat_state": 3},
]


class Rooms:
    """The daemon, the sandbox, and what there is to see of each room."""

    def __init__(self, folder: Path) -> None:
        self.sky = Sky(strict=True)
        self.sky.up()
        self.sky.inject(FAULTS)
        session = once(SESSION_S)
        self.ends_s = time.time() + SESSION_S
        made = {"robot_id": "robot-7", "concurrency": 1, "default_language": "EN"}
        chat: dict[str, Any] = {"kind": "chat", "sessions": [session]}
        rooms: list[dict[str, Any]] = [
            {"key": "ask", "room": made, **chat},
            {"key": "unheard", "room_id": UNHEARD, "robot_id": "robot-8", **chat},
            {"key": "unlisted", "room_id": UNLISTED, "robot_id": "robot-8", **chat},
        ]
        self.daemon = Livecue(folder, config(cast("Cloud", self.sky.sandbox), rooms))

    def jobs(self, key: str) -> list[ChatJob]:
        ids = {"unheard": UNHEARD, "unlisted": UNLISTED}
        jobs = dict(self.sky.sandbox.chat_jobs).values()
        return [
            job for job in jobs if (job.room_id not in OTHERS if key == "ask" else job.room_id == ids[key])
        ]

    def logged(self, event: str, key: str) -> list[dict[str, Any]]:
        return [line for line in self.daemon.logged(event) if line["room"] == key]

    def listed(self, key: str) -> tuple[str, dict[str, Any]]:
        """What `livecue jobs list` says of the room, in words and as JSON."""
        command = [str(BIN / "livecue"), "jobs", "list", "-c", str(self.daemon.folder / "livecue.yaml")]
        words = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout
        (line,) = (line for line in words.splitlines() if line.startswith(f"{key}: "))
        (row,) = (row for row in json.loads(told) if row["room"] == key)
        return line, row

    def wait(self, what: Any, within: float, why: str) -> Any:
        try:
            return until_now(what, within, why)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.daemon.words()[-3000:]}") from error


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    rooms = Rooms(tmp_path_factory.mktemp("chats"))
    rooms.daemon.up_and_ready()
    yield rooms
    rooms.daemon.kill()
    rooms.sky.down()


def test_a_chat_is_made_started_restarted_taken_over_and_stopped(rooms: Rooms) -> None:
    daemon = rooms.daemon
    first, second = rooms.wait(lambda: len(jobs := rooms.jobs("ask")) > 1 and jobs, 25, "not started again")
    assert first.state(time.time()) == "FAILED"
    (lost,) = rooms.logged("job-lost", "ask")
    assert (lost["job_id"], first.robot_id) == (first.job_id, "robot-7")
    rooms.wait(lambda: rooms.logged("chat-changed", "ask"), 10, "nobody saw it fall asleep")
    started = rooms.logged("job-started", "ask")[-1]
    assert (started["chat_access_address"], started["chat_access_rest_address"], started["language"]) == (
        *("127.0.0.1:443", "127.0.0.1:8443", "EN"),
    )
    line, row = rooms.listed("ask")
    assert f"job {second.job_id} HEARTBEAT" in line
    assert "chat asleep EN 127.0.0.1:443 127.0.0.1:8443" in line
    assert row["chat"]["chat_access_rest_address"] == "127.0.0.1:8443"
    rooms.wait(lambda: daemon.metric("livecue_chat_state", room="ask") == 3, 5, "the gauge does not tell")

    daemon.kill()
    daemon.up_and_ready()
    rooms.wait(lambda: len(rooms.logged("job-started", "ask")) > 2, 10, "nobody took it over")
    again = rooms.logged("job-started", "ask")[-1]
    assert (again["job_id"], again["how"], again["chat_access_address"]) == (
        *(second.job_id, "resumed", "127.0.0.1:443"),
    )
    assert second.state(time.time()) == "HEARTBEAT"
    assert time.time() < rooms.ends_s, "too late to tell the end"

    rooms.wait(lambda: rooms.logged("job-ended", "ask")[1:], rooms.ends_s - time.time() + 30, "not stopped")
    assert len(rooms.jobs("ask")) == 2
    assert second.ended_s is not None
    assert -1 < second.ended_s - rooms.ends_s < 30
    assert rooms.logged("job-ended", "ask")[-1]["reason"] == "stopped"


def test_the_chat_of_an_unanswered_start_is_looked_up_and_stopped(rooms: Rooms) -> None:
    rooms.wait(lambda: rooms.logged("job-ended", "unheard"), rooms.ends_s - time.time() + 30, "not stopped")
    (job,) = rooms.jobs("unheard")
    assert job.over(time.time())
    assert {line["job_id"] for line in rooms.logged("job-started", "unheard")} == {job.job_id}
    assert rooms.logged("start-lost", "unheard") == []


def test_where_no_chats_are_listed_the_lost_one_is_told_of_and_not_doubled(rooms: Rooms) -> None:
    assert rooms.logged("chats-not-listed", "unlisted")
    assert rooms.logged("start-lost", "unlisted")
    assert len(rooms.jobs("unlisted")) == 1


def test_no_secret_of_a_chat_is_written_or_told(rooms: Rooms) -> None:
    told = rooms.daemon.words() + rooms.listed("ask")[0]
    jobs = [*rooms.jobs("ask"), *rooms.jobs("unheard")]
    secrets = [hashlib.sha256(job.job_id.encode()).hexdigest()[:32] for job in jobs]
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in told]
    kept = [file for file in rooms.daemon.folder.rglob("*") if file.is_file()]
    assert not [file for file in kept for secret in secrets if secret.encode() in file.read_bytes()]
