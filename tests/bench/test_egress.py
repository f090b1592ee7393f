"""What must hold of `livecue bench egress` with any traffic; how fast or how much is for the bench to say."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from livecue.bench import egress as bench_module
from livecue.bench.egress import lines, targets
from livecue.bench.egress_cloud import Call
from livecue.bench.egress_figures import (
    Run,
    busy_rooms,
    described,
    fairness,
    figures,
    fullest_second,
    thanks_floor,
)
from livecue.bench.egress_live import run_live
from livecue.bench.egress_runs import run_fifo, run_livecue
from livecue.bench.egress_time import EPOCH_MS, run_virtually, virtual_ms
from livecue.bench.egress_traffic import Traffic
from livecue.cli.bench import bench

SHORT = Traffic(seed=5, rooms=50, seconds=20)


@pytest.fixture(scope="module")
def ours() -> Run:
    return run_livecue(SHORT)


@pytest.fixture(scope="module")
def fifo() -> Run:
    return run_fifo(SHORT)


@pytest.mark.parametrize("seed", range(11, 15))
def test_no_second_of_the_servers_holds_more_than_the_quota(seed: int) -> None:
    for run in (run_livecue(Traffic(seed, 50, 6)), run_fifo(Traffic(seed, 50, 6))):
        assert fullest_second([call.arrived_ms for call in run.calls]) == (4, 0)


def test_every_cue_ends_once_and_only_the_sent_ones_were_carried_by_a_command(ours: Run) -> None:
    assert {cue.id: 1 for cue in ours.offered} == {cue: len(ends) for cue, ends in ours.ends.items()}
    assert {cue for cue, ends in ours.ends.items() if ends == ["sent"]} == set(ours.said)
    assert set(ours.said.values()) == {call.command_id for call in ours.calls}
    assert len({call.cue_id for call in ours.calls}) == len(ours.calls)


def test_nothing_is_sent_that_is_too_late(ours: Run) -> None:
    sent_ms = {call.command_id: call.sent_ms for call in ours.calls}
    assert all(sent_ms[ours.said[cue.id]] < cue.expires_ms for cue in ours.offered if cue.id in ours.said)
    assert figures([ours])["ended"]["replies"]["expired"] > 0


def test_the_plain_queue_says_all_it_can_and_all_of_it_later(ours: Run, fifo: Run) -> None:
    one, other = figures([ours]), figures([fifo])
    assert one["reply_age"]["p50_ms"] < other["reply_age"]["p50_ms"]
    assert one["reply_age"]["p99_ms"] < other["reply_age"]["p99_ms"]
    assert one["thanks_age"]["p99_ms"] < other["thanks_age"]["p99_ms"]
    assert one["thanks_age"]["n"] > other["thanks_age"]["n"]
    assert abs(one["calls"] - other["calls"]) <= 4
    assert ours.offered == fifo.offered


def test_the_plain_queue_goes_by_age_alone(fifo: Run) -> None:
    first = [cue.id for cue in fifo.offered[: len(fifo.calls)]]
    assert [call.cue_id for call in sorted(fifo.calls, key=lambda call: call.sent_ms)] == first


def test_a_seed_makes_the_same_run_again(ours: Run) -> None:
    assert run_livecue(SHORT).calls == ours.calls
    assert run_livecue(Traffic(6, 50, 20)).calls != ours.calls


def test_the_traffic_is_an_overload_of_every_room_with_bursts() -> None:
    many = [Traffic(seed, 50, 60) for seed in range(10)]
    found = described([offered(one) for one in many], many)
    assert found["mean_per_s"] > 4 * 4
    assert found["peak_second"] > 2 * found["mean_per_s"]
    assert found["room_peak_second"] > 10 * found["room_mean_per_s"]
    assert found["quietest_room_to_its_fair_part"] > 2
    assert 0.05 <= found["thanks"] <= 0.08
    assert found["reply_s"] == pytest.approx(16.5 * 60 / 250, rel=0.05)


def offered(traffic: Traffic) -> Run:
    return made([], 4, traffic)


def made(arrivals_ms: list[int], seconds: float, traffic: Traffic = SHORT, rooms: str = "") -> Run:
    calls = [
        Call(f"c{n}", rooms[n] if rooms else "a", "", at, EPOCH_MS + at) for n, at in enumerate(arrivals_ms)
    ]
    cues = traffic.cues(EPOCH_MS)
    return Run(EPOCH_MS, traffic.seconds if not arrivals_ms else seconds, cues, calls, {}, {}, {})


def test_a_second_is_any_thousand_milliseconds_and_its_end_is_outside() -> None:
    assert fullest_second([0, 1, 2, 3, 1000]) == (4, 0)
    assert fullest_second([0, 1, 2, 3, 999]) == (5, 1)
    assert fullest_second([500, 501, 1100, 1200, 1300, 1400]) == (6, 2)
    assert fullest_second([]) == (0, 0)


def test_fair_is_one_and_all_for_one_of_four_is_a_quarter() -> None:
    even = made([0, 1, 2, 3], 1, rooms="abcd")
    assert fairness([even], ["abcd"])["jain"] == 1
    greedy = made([0, 1, 2, 3], 1, rooms="aaaa")
    assert fairness([even, greedy], ["abcd", "abcd"]) == {"jain": 0.25, "rooms": 8, "least": 0, "most": 4}


def test_the_floor_of_thanks_is_the_next_quarter_of_a_second_that_is_free() -> None:
    moments = [1, 2, 600, 750]
    gifts = [one for one in SHORT.cues(EPOCH_MS) if one.event_type == 4][: len(moments)]
    cues = [replace(one, at_ms=EPOCH_MS + at) for one, at in zip(gifts, moments, strict=True)]
    found = thanks_floor([Run(EPOCH_MS, 1, cues, [], {}, {}, {})])
    assert (found["n"], found["p50_ms"], found["max_ms"]) == (4, 250, 498)


def test_a_room_counts_as_busy_only_if_something_waited_nearly_all_the_time() -> None:
    run = made([], 0, Traffic(1, 50, 10))
    rooms = Counter(cue.room for cue in run.offered)
    nobody = {cue.id: cue.at_ms for cue in run.offered}
    assert busy_rooms(Run(run.start_ms, 10, run.offered, [], {}, {}, nobody)) == set()
    first = {room: min(cue.at_ms for cue in run.offered if cue.room == room) - EPOCH_MS for room in rooms}
    assert busy_rooms(run) == {room for room, at_ms in first.items() if at_ms <= 1_000}


def test_virtual_time_passes_at_once_and_says_when_it_never_would() -> None:
    async def nap() -> int:
        await asyncio.sleep(3_600)
        return virtual_ms()

    async def never() -> None:
        await asyncio.Event().wait()

    start = time.perf_counter()
    assert run_virtually(nap) == EPOCH_MS + 3_600_000
    assert time.perf_counter() - start < 1
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        run_virtually(never)


def test_the_sandbox_refuses_nothing() -> None:
    found = run_live(Traffic(3, 8, 1.5))
    assert found["refused_429"] == found["violations"] == 0
    assert 4 <= found["calls"] <= 8
    assert found["worst_second"] == 4


FOUND: dict[str, Any] = {
    "livecue": {
        "share_of_quota": 0.94,
        "violations": 0,
        "reply_age": {"p99_ms": 5_000},
        "thanks_age": {"p99_ms": 1_000},
        "fairness": {"jain": 0.9},
    },
    "fifo": {"reply_age": {"p99_ms": 40_000}},
}


@pytest.mark.parametrize(
    ("part", "worse"),
    [
        ("share_of_quota", 0.89),
        ("violations", 1),
        ("reply_age", {"p99_ms": 10_100}),
        ("thanks_age", {"p99_ms": 1_001}),
        ("fairness", {"jain": 0.79}),
    ],
)
def test_each_target_can_be_missed(part: str, worse: Any) -> None:
    assert all(one["ok"] for one in targets(FOUND))
    spoilt = FOUND | {"livecue": FOUND["livecue"] | {part: worse}}
    assert sum(not one["ok"] for one in targets(spoilt)) == 1
    live = {"share_of_quota": 0.95, "violations": 0, "refused_429": 1}
    assert [one["name"] for one in targets(FOUND | {"live": live}) if not one["ok"]] == [
        "live: calls above the quota"
    ]


def test_the_command_prints_one_json_object() -> None:
    short = ["egress", "--seconds", "3", "--runs", "2", "--live-seconds", "0"]
    done = CliRunner().invoke(bench, [*short, "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert "live" not in found
    assert found["traffic"]["quota"] == 24


def test_only_strict_makes_a_missed_target_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    missed = {"targets": targets(FOUND | {"livecue": FOUND["livecue"] | {"violations": 1}})}
    monkeypatch.setattr(bench_module, "bench_egress", lambda *_: missed)
    assert lines(missed)[1].startswith("missed  calls above the quota: 1")
    assert CliRunner().invoke(bench, ["egress"]).exit_code == 0
    assert CliRunner().invoke(bench, ["egress", "--strict"]).exit_code == 1
