"""Under any single fault of cloud, bus or daemon no live is forgotten and none is started twice.

The matrix is a table of cases, a room for each, their sessions some seconds long. The sandbox's own
record is what is judged. CI plays `CHOSEN`; `make lives-matrix` (LIVECUE_LIVES_MATRIX=1) plays all.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from acceptance.lives import CALLED_BACK, Case, Stage
from acceptance.processes import alive

WHOLE = bool(os.environ.get("LIVECUE_LIVES_MATRIX"))
BORDER_S, AWAY_S, BACK_S, ENDS_S = 10.0, 12.0, 14.0, 24.0
AT_ONCE = 25

KINDS: Mapping[str, Mapping[str, Any]] = {
    "500": {"effect": "refuse", "status": 500, "error_code": "MSS.00000004"},
    "503": {"effect": "refuse", "status": 503, "error_code": "APIGW.0602"},
    "429": {"effect": "refuse", "status": 429, "error_code": "APIGW.0308"},
    "429-later": {"effect": "refuse", "status": 429, "error_code": "APIGW.0308", "retry_after_s": 3},
    "hang": {"effect": "hang"},
    "hang-done": {"effect": "hang", "when": "after"},
    "drop": {"effect": "drop"},
    "drop-done": {"effect": "drop", "when": "after"},
    "late": {"effect": "slow", "latency_s": [2.5, 3.5]},
    "late-answer": {"effect": "slow", "latency_s": [2.5, 3.5], "when": "after"},
    "lie-failed": {"effect": "lie", "says": "failed"},
    "lie-done": {"effect": "lie", "says": "done"},
    "lie-running": {"effect": "lie", "says": "running"},
}
CALLBACKS: Mapping[str, Mapping[str, Any]] = {
    "slow": {"latency_s": [1, 4]},
    "duplicate": {},
    "drop": {},
    "forge": {},
}
READS = ("list_jobs", "show_job")


def table() -> Iterator[Case]:
    """Every kind of fault on every operation; the reads at the start and at the stop."""
    for kind, fault in KINDS.items():
        for operation, calls in (("start", "1"), ("stop", "1-2")):
            if kind != "lie-running":
                yield Case(f"{operation}-{kind}", ({"target": operation, "calls": calls, **fault},))
        for operation in READS if kind != "lie-done" else ():
            name = operation.split("_", maxsplit=1)[0]
            yield Case(f"{name}-{kind}", ({"target": operation, "calls": "1-2", **fault},))
            late = {"target": operation, "calls": "1-3", "from_s": ENDS_S - 1, **fault}
            yield Case(f"{name}-{kind}-at-stop", (late,))
    yield from around()


def around() -> Iterator[Case]:
    """What happens to jobs and callbacks, and a cloud that is away altogether at the stop."""
    after = {"target": "job", "calls": 1, "after_s": 3}
    yield Case("job-slow", ({"target": "job", "effect": "slow", "latency_s": 4},))
    yield Case("job-fails", ({**after, "effect": "fail", "error_code": "MSS.20010040"},), jobs=2)
    yield Case(
        "job-blocked", ({**after, "effect": "fail", "state": "BLOCKED", "error_code": "MSS.20010041"},)
    )
    yield Case("job-heartbeat", ({**after, "effect": "lose_heartbeat"},), jobs=2)
    for effect, more in CALLBACKS.items():
        fault = {"target": "callback", "effect": effect, **more}
        yield Case(f"callback-{effect}", (fault,), more=CALLED_BACK)
    for kind in ("503", "hang", "drop", "429-later"):
        away = {"target": "*", "from_s": ENDS_S - 2, "until_s": ENDS_S + 8, **KINDS[kind]}
        yield Case(f"away-{kind}", (away,), back_s=ENDS_S + 8)
    past = {"target": "start", "effect": "slow", "latency_s": 5, "calls": 1}
    yield Case("start-past-the-end", (past,), (10, 13))
    often = {"target": "*", "probability": 0.3, **KINDS["500"]}
    yield Case("often-500", (often,))


ALL = {case.key: case for case in table()}
CHOSEN = (
    *("start-503", "start-429-later", "start-hang", "start-hang-done", "start-drop-done", "start-late"),
    *("start-lie-failed", "start-lie-done", "stop-500", "stop-hang", "stop-drop-done", "stop-lie-done"),
    *("stop-lie-failed", "list-hang", "list-lie-running-at-stop", "show-drop", "show-lie-running-at-stop"),
    *("job-slow", "job-fails", "job-blocked", "job-heartbeat", "callback-forge", "callback-drop"),
    *("away-hang", "start-past-the-end"),
)
PLAYED = tuple(ALL) if WHOLE else CHOSEN

SLOW_CALLS = ({"target": ["start", "stop"], "effect": "slow", "latency_s": 1.2, "when": "after"},)
MOMENTS = (
    Case("starting", SLOW_CALLS, (BORDER_S, ENDS_S)),
    Case("starts-in-it", session=(AWAY_S, ENDS_S)),
    Case("on-air"),
    Case("stopping", SLOW_CALLS, (-1, BORDER_S)),
    Case("stops-in-it", session=(-1, AWAY_S)),
)
HUNG = {"effect": "hang", "calls": 1}
KILLED = (
    Case("start-not-done", ({"target": "start", **HUNG},), (BORDER_S, ENDS_S)),
    Case("start-done", ({"target": "start", "when": "after", **HUNG},), (BORDER_S, ENDS_S)),
    Case("starts-while-dead", session=(AWAY_S, ENDS_S)),
    Case("on-air"),
    Case("stop-not-done", ({"target": "stop", **HUNG},), (-1, BORDER_S)),
    Case("stop-done", ({"target": "stop", "when": "after", **HUNG},), (-1, BORDER_S)),
    Case("ends-while-dead", session=(-1, AWAY_S)),
)
Found = dict[str, list[str]]


def play_cloud(folder: Path, keys: tuple[str, ...]) -> Found:
    # A start that takes effect after it was given up for lost can only be told from a second one by the cloud.
    stage = Stage(folder, [ALL[key] for key in keys], strict=True)
    try:
        stage.daemon.up_and_ready()
        return stage.end()
    finally:
        stage.close()


def play_bus(folder: Path, fail: Callable[[Stage], object], heal: Callable[[Stage], object]) -> Found:
    """The bus fails while a start and a stop are under way, and is back once those due in it are done."""
    stage = Stage(folder, MOMENTS, external=True)
    try:
        stage.nats.up()
        stage.daemon.up_and_ready()
        stage.wait_until(BORDER_S)
        stage.wait_for(lambda: bool(stage.jobs("starting")) and stage.over("stopping"), 10, "nothing begins")
        fail(stage)
        stage.wait_until(BACK_S)
        stage.wait_for(lambda: stage.over("stops-in-it"), 40, "no stop without the bus")
        heal(stage)
        return stage.end()
    finally:
        stage.close()


def play_late_bus(folder: Path) -> Found:
    stage = Stage(folder, MOMENTS[1:3], external=True)
    try:
        stage.daemon.up()
        stage.wait_until(6)
        stage.nats.up()
        return stage.end()
    finally:
        stage.close()


def play_kill(folder: Path) -> Found:
    """kill -9 while starts and stops are under way, done and not done; up again without the faults."""
    stage = Stage(folder, KILLED, timeout_s=20)
    try:
        stage.daemon.up_and_ready()
        stage.wait_until(BORDER_S)
        stage.wait_for(
            lambda: bool(stage.jobs("start-done")) and stage.over("stop-done"), 10, "nothing begins"
        )
        stage.wait_for(lambda: stage.sky.sandbox.struck.total() == 4, 10, "not everything is under way")
        children = stage.daemon.children()
        stage.daemon.kill()
        stage.heal()
        stage.wait_for(lambda: not any(map(alive, children)), 10, "the embedded server outlives its daemon")
        stage.wait_until(BACK_S)
        stage.daemon.up_and_ready()
        return stage.end()
    finally:
        stage.close()


def killed_and_up(folder: Path) -> Found:
    return play_bus(folder, lambda stage: stage.nats.kill(), lambda stage: stage.nats.up())


def stopped_and_continued(folder: Path) -> Found:
    return play_bus(
        folder,
        lambda stage: stage.nats.send(signal.SIGSTOP),
        lambda stage: stage.nats.send(signal.SIGCONT),
    )


BUS: Mapping[str, Callable[[Path], Found]] = {
    "killed": killed_and_up,
    "paused": stopped_and_continued,
    "late": play_late_bus,
}
PLAYS: Mapping[str, Callable[[Path], Found]] = {**BUS, "daemon": play_kill}


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[Found]]]:
    """Every stage, two at a time: they sleep most of the time, and start-ups are what costs."""
    folder = tmp_path_factory.mktemp("lives")
    with ThreadPoolExecutor(2, "stage") as pool:
        futures = {name: pool.submit(play, folder / name) for name, play in PLAYS.items()}
        for first in range(0, len(PLAYED), AT_ONCE):
            keys = PLAYED[first : first + AT_ONCE]
            future = pool.submit(play_cloud, folder / f"cloud-{first}", keys)
            futures |= dict.fromkeys(keys, future)
        yield futures


@pytest.mark.parametrize("key", PLAYED)
def test_under_a_fault_of_the_cloud(plays: Mapping[str, Future[Found]], key: str) -> None:
    assert plays[key].result()[key] == []


@pytest.mark.parametrize("how", BUS)
def test_under_a_fault_of_the_bus(plays: Mapping[str, Future[Found]], how: str) -> None:
    assert {key: wrong for key, wrong in plays[how].result().items() if wrong} == {}


def test_after_kill_9_of_the_daemon_at_every_moment(plays: Mapping[str, Future[Found]]) -> None:
    assert {key: wrong for key, wrong in plays["daemon"].result().items() if wrong} == {}
