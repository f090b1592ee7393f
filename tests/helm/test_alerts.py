"""Alerts and dashboard speak of metrics and labels that there are, and of places in the runbook that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from docs.pages import read
from helm import chart
from livecue.app.metrics import PrometheusMeter
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.ports import Count, Outcome

FILES = chart.CHART / "files"
ALERTS: list[dict[str, Any]] = yaml.safe_load((FILES / "alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboard.json").read_text(encoding="utf-8"))
_FOREIGN = {"up"}
"""What Prometheus itself knows of a target."""
_OF_TARGETS = {"namespace", "job", "pod"}
"""Labels that the ServiceMonitor adds."""
_WORDS = {
    *(
        "sum",
        "max",
        "min",
        "by",
        "rate",
        "increase",
        "absent",
        "and",
        "or",
        "unless",
        "offset",
        "vector",
        "le",
    ),
    "histogram_quantile",
}


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def _shown() -> Iterator[str]:
    for panel in _panels():
        yield from (target["expr"] for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield re.sub(r"label_values\((.*), (\w+)\)", r"sum by (\2) (\1)", variable["definition"])


EXPRESSIONS = [*(alert["expr"] for alert in ALERTS), *_shown()]


def _series() -> dict[str, set[str]]:
    """Every series the daemon exports, with its labels."""
    meter = PrometheusMeter()
    for what in Count:
        meter.count(what)
    meter.reply_latency("a", 1)
    meter.alert("a", "b", 1)
    meter.lag(0, 1)
    meter.process({"bus": ""}, 0)
    meter.leases(0, 0)
    return {
        sample.name: set(sample.labels) for metric in meter.registry.collect() for sample in metric.samples
    }


def _selectors(expression: str) -> Iterator[tuple[str, str]]:
    """Each metric with what stands in its braces."""
    yield from re.findall(r"\b(livecue_\w+|up)\{([^}]*)\}", expression)


def test_what_somebody_has_to_see_to_is_both_paged_and_shown() -> None:
    paged = {name for alert in ALERTS for name, _ in _selectors(alert["expr"])}
    shown = {name for expression in _shown() for name, _ in _selectors(expression)}
    trouble = {"jobs_lost", "jobs_unknown", "state_conflicts", "dead_letters", "rules_quarantined"}
    wanted = {f"livecue_{name}_total" for name in trouble}
    wanted |= {"livecue_alerts", "livecue_part_ok", "livecue_loop_lag_seconds", "livecue_inbox_lag"}
    assert wanted <= paged
    assert wanted <= shown


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_metrics_and_labels_that_there_are(expression: str) -> None:
    series = _series()
    bare = expression.replace("$series", 'namespace="live", job="live-livecue"')
    used = list(_selectors(bare)) or [(name, "") for name in re.findall(r"\blivecue_\w+", bare)]
    assert used
    for name, inside in used:
        assert name in series.keys() | _FOREIGN, name
        labels = set(re.findall(r'(\w+)(?:=~|!=|=)"', inside))
        assert labels <= series.get(name, set()) | _OF_TARGETS, name
    known = set.union(*(series.get(name, set()) for name, _ in used)) | _OF_TARGETS
    for grouped in re.findall(r"\bby \(([^)]*)\)", bare):
        assert set(re.split(r",\s*", grouped)) <= known, grouped
    without = re.sub(r'\{[^}]*\}|\[[^]]*\]|"[^"]*"|\b(offset )?\d+[smh]\b', "", bare)
    words = set(re.findall(r"[a-z_]\w*", without)) - known - {name for name, _ in used}
    assert words <= _WORDS
    assert bare.count("(") == bare.count(")")


def test_the_reasons_in_alerts_are_reasons_that_are_counted() -> None:
    known = {str(one) for kind in (AlertKind, Outcome) for one in kind} | {"unknown_room"}
    for alert in ALERTS:
        for said in re.findall(r'reason(?:=~|!=|=)"([^"]*)"', alert["expr"]):
            assert set(said.split("|")) <= known, said


def test_a_counter_that_is_new_is_not_missed() -> None:
    """`increase` of a series that came to be with its first event is 0: it needs the other half."""
    for alert in ALERTS:
        if alert["expr"].endswith("> 0") and "increase(" in alert["expr"] and "for" not in alert:
            assert re.search(r"increase\((.+?)\[10m\]\) > 0 or \(\1 unless \1 offset 10m\)", alert["expr"])


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_where_and_how_bad_and_its_runbook_is_there(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    told = alert["annotations"]
    assert told.keys() == {"summary", "description", "runbook_url"}
    page, _, anchor = told["runbook_url"].partition("#")
    assert page == "$runbook"
    assert anchor in _anchors()
    by = re.search(r"by \(([^)]*)\)", alert["expr"])
    kept = set(re.split(r",\s*", by[1])) if by else set()
    assert set(re.findall(r"\$labels\.(\w+)", told["summary"] + told["description"])) <= kept


def _anchors() -> set[str]:
    heads = re.findall(r"^#+ (.*)$", read("docs/operations.md"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_alerts_have_names_of_their_own() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(names) == len(set(names)) > 10


def test_the_rendered_rules_are_the_files_with_this_releases_series_and_runbook() -> None:
    rule = chart.manifests("embedded")["PrometheusRule/live-livecue"]
    (group,) = rule["spec"]["groups"]
    assert [one["alert"] for one in group["rules"]] == [one["alert"] for one in ALERTS]
    text = json.dumps(group)
    assert "$series" not in text
    assert "$runbook" not in text
    urls = {one["annotations"]["runbook_url"].partition("#")[0] for one in group["rules"]}
    assert urls == {"https://wiki.example.com/livecue"}
    assert 'job=\\"live-livecue\\"' in text


def test_the_rendered_dashboard_is_the_file_with_the_label_of_grafanas_sidecar() -> None:
    one = chart.manifests("embedded")["ConfigMap/live-livecue-dashboard"]
    assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(one["data"]["live-livecue.json"]) == DASHBOARD


def test_panels_have_titles_and_explanations_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert all(panel["title"] and panel["description"] for panel in _panels())
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
