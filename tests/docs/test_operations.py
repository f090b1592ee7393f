"""docs/operations.md and docs/bus.md name what the code counts, logs, stores and buries."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum

import pytest

from docs.pages import ROOT, names, read, rows
from livecue.app.metrics import PrometheusMeter
from livecue.bus.streams import stream_configs
from livecue.domain import SignalKind
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.decoding import Unreadable
from livecue.runtime.ports import Count, Outcome

OPERATIONS, BUS = read("docs/operations.md"), read("docs/bus.md")
_IS_EVENT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*").fullmatch
_SIZES = {"MiB": 1 << 20, "GiB": 1 << 30}
_AGES = {"h": 3600, "days": 86_400}


def _named(text: str, head: str) -> list[str]:
    return [name for cells in rows(text, head) for name in names(cells[0])]


def _logged(*by: str) -> Iterator[str]:
    """First arguments of every call that may log an event; only of methods of these names, if any are given."""
    for path in (ROOT / "daemon" / "livecue").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                if by and node.func.attr not in by:
                    continue
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def test_every_count_is_explained_and_none_is_invented() -> None:
    counters = {f"livecue_{count}_total" for count in Count}
    others = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in PrometheusMeter().registry.collect()
    }
    others -= counters
    assert set(_named(OPERATIONS, "metric")) == counters | others
    assert others


def test_every_log_event_named_is_logged() -> None:
    assert set(_named(OPERATIONS, "event")) <= set(_logged())


def test_every_warning_and_error_is_explained() -> None:
    raised = {one for one in _logged("warning", "error", "exception", "complain", "failed") if _IS_EVENT(one)}
    assert len(raised) > 50
    assert raised - set(_named(OPERATIONS, "event")) == set()


def test_every_alert_is_explained_and_has_its_place_in_the_runbook() -> None:
    kinds = sorted(map(str, AlertKind))
    assert sorted(_named(OPERATIONS, "kind")) == kinds
    assert sorted(_named(OPERATIONS, "`kind` of an alert")) == kinds
    [gauge] = [cells for cells in rows(OPERATIONS, "metric") if names(cells[0]) == ["livecue_alerts"]]
    assert sorted(gauge[1].split(", ")) == kinds


def test_what_the_runbook_starts_from_is_logged() -> None:
    listed = _named(OPERATIONS, "line of the log")
    assert listed
    assert set(listed) <= set(_named(OPERATIONS, "event"))


def test_the_parts_of_readyz_are_the_daemons() -> None:
    assert 'HealthBoard("bus", "inbox", "cloud")' in read("daemon/livecue/app/daemon.py")
    assert '_health.report("leases")' in read("daemon/livecue/runtime/lease_keeper.py")
    assert 'health.report("rules")' in read("daemon/livecue/app/reload.py")
    assert 'health.warn("lives"' in read("daemon/livecue/app/alerts.py")
    assert 'health.warn("calendars", ' in read("daemon/livecue/app/calendars.py")
    assert _named(OPERATIONS, "part") == ["bus", "leases", "inbox", "cloud", "lives", "rules", "calendars"]


def test_the_streams_are_as_they_are_made() -> None:
    shown = {names(cells[0])[0]: cells for cells in rows(BUS, "stream")}
    made = {config["name"]: config for config in stream_configs(1)}
    assert shown.keys() == made.keys()
    for name, config in made.items():
        _, subjects, kept, size, full = shown[name]
        assert names(subjects) == config["subjects"]
        number, unit = size.split()
        assert int(number) * _SIZES[unit] == config["max_bytes"]
        if "max_age" in config:
            number, unit = kept.split()
            assert int(number) * _AGES[unit] == config["max_age"] / 1e9
        assert full.startswith("the oldest go") is (config["discard"] == "old")


def test_what_the_streams_reserve_is_added_up() -> None:
    whole = sum(int(config["max_bytes"]) for config in stream_configs(1)) >> 20
    assert f"reserve {whole} MiB" in BUS


@pytest.mark.parametrize(
    ("head", "there"),
    [("`kind` of a signal", SignalKind), ("`outcome` in the audit", Outcome), ("`reason`", Unreadable)],
)
def test_kinds_outcomes_and_reasons_are_complete(head: str, there: type[StrEnum]) -> None:
    shown = [name for name in _named(BUS, head) if " " not in name]
    assert sorted(shown) == sorted(str(member) for member in there)
