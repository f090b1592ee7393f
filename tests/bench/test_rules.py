"""What `livecue bench rules` says, not how fast: a shared machine's time proves nothing."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from livecue.bench.rules import HIT_SHARE, NAIVE_RULES, Size, Traffic, bench_rules
from livecue.cli.bench import bench
from livecue.domain import LiveEvent
from livecue.engine import RoomState, compile_rules, handle
from livecue.engine.patterns import search_for
from livecue.runtime.decoding import read_events


def test_the_figures_that_are_promised_are_there() -> None:
    found = bench_rules([10, 100], Size(events=200, rounds=1, warm_up=0))
    assert set(found["events_per_s"]) == {"10", "100"}
    assert found["naive_rules"] == NAIVE_RULES
    for name in ("naive_events_per_s", "compile_s", "stall_ms", "rss_mb"):
        assert found[name] > 0


def test_the_measured_program_decides_what_a_loop_over_the_rules_decides() -> None:
    traffic = Traffic(seed=7)
    rules = traffic.rules(300)
    program = compile_rules(rules)
    loop = [(rule.rule_index, search_for(rule.hit_condition.tags[0].value)) for rule in rules]
    hits = 0
    for delivery in traffic.deliveries(rules, 2000):
        (event,) = read_events(delivery)
        assert isinstance(event, LiveEvent)
        text = event.content["content"]
        wanted = next((index for index, search in loop if search(text)), "")
        decision = handle(program, RoomState(), event)
        assert decision.hit_rule == wanted
        hits += decision.matched
    assert hits / 2000 == pytest.approx(HIT_SHARE, abs=0.012)


def test_the_command_prints_one_json_object() -> None:
    done = CliRunner().invoke(bench, ["rules", "--rules", "5", "--rounds", "1", "--json"])
    assert done.exit_code == 0
    assert set(json.loads(done.stdout)["events_per_s"]) == {"5"}
    assert CliRunner().invoke(bench, ["rules", "--rules", "many"]).exit_code == 2
