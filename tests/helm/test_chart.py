"""The chart, checked without helm: its files, its values, and the kept renderings of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import livecue
from helm import chart
from helm.schema import problems
from livecue.settings import load

SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))
TEMPLATES = sorted((chart.CHART / "templates").iterdir())


def _workload(case: str) -> dict[str, Any]:
    kind = "StatefulSet" if case == "embedded" else "Deployment"
    return chart.manifests(case)[f"{kind}/live-livecue"]


def _pod(case: str) -> dict[str, Any]:
    pod: dict[str, Any] = _workload(case)["spec"]["template"]["spec"]
    return pod


def _load(config: str, folder: Path) -> None:
    for name in ("ak", "sk", "ingest-token", "callback-key"):
        (folder / name).write_text("secret")
    (folder / "livecue.yaml").write_text(config.replace("/etc/livecue/secrets", str(folder)), "utf-8")
    load(folder / "livecue.yaml")


def test_the_chart_is_of_the_daemons_version() -> None:
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (about["apiVersion"], about["name"], about["appVersion"]) == ("v2", "livecue", livecue.__version__)


def test_the_values_match_their_schema_and_every_value_is_in_it() -> None:
    assert not list(problems(SCHEMA, chart.values()))
    assert chart.values().keys() == SCHEMA["properties"].keys() - {"global"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("replicas", 2),
        ("image", {"repository": ""}),
        ("service", {"port": 0}),
        ("config", {"nats": {"url": "redis://x"}, "metastudio": {}, "http": {}, "rooms": []}),
        ("ingress", {"enabled": "yes"}),
    ],
)
def test_the_schema_refuses_what_the_chart_cannot_do(key: str, value: Any) -> None:
    assert list(problems(SCHEMA, {**chart.values(), key: value}))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_uses_values_that_exist_and_closes_what_it_opens(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    for path in re.findall(r"\.Values\.([\w.]+)", text):
        value: Any = chart.values()
        for part in path.split("."):
            assert part in value, path
            value = value[part]
    actions = re.findall(r"\{\{-?\s*(\w+)", text)
    opened = sum(word in {"if", "with", "range", "define"} for word in actions)
    assert opened == actions.count("end")
    assert text.count("{{") == text.count("}}")


@pytest.mark.parametrize("case", chart.CASES)
def test_the_kept_rendering_was_made_from_these_files(case: str) -> None:
    """If this fails: `PYTHONPATH=tests python -m helm.chart`, with helm on the PATH.

    The digest is what CI relies on; where helm is, it has to make the same of them still.
    """
    made_from, kept = chart.golden(case)
    assert made_from == chart.digest(case)
    if chart.helm():
        assert list(yaml.safe_load_all(chart.render(case))) == list(yaml.safe_load_all(kept))


@pytest.mark.parametrize("case", ["external", "embedded"])
def test_the_rendered_livecue_yaml_loads(case: str, tmp_path: Path) -> None:
    _load(chart.manifests(case)["ConfigMap/live-livecue"]["data"]["livecue.yaml"], tmp_path)


def test_a_server_of_ones_own_makes_a_deployment_that_never_runs_twice() -> None:
    spec = _workload("external")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_embedded_server_gets_a_volume() -> None:
    spec = _workload("embedded")["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    assert spec["serviceName"] == "live-livecue"
    assert "data" not in [volume["name"] for volume in _pod("embedded")["volumes"]]


@pytest.mark.parametrize("case", chart.CASES)
def test_the_pod_may_do_no_more_than_it_needs(case: str) -> None:
    pod = _pod(case)
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("case", chart.CASES)
def test_liveness_asks_the_process_alone_and_readiness_all_parts(case: str) -> None:
    (container,) = _pod(case)["containers"]
    paths = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert _pod(case)["terminationGracePeriodSeconds"] == 30


@pytest.mark.parametrize("case", chart.CASES)
def test_callbacks_arrive_while_the_cloud_cannot_be_reached(case: str) -> None:
    assert chart.manifests(case)["Service/live-livecue"]["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("case", chart.CASES)
def test_every_mount_has_its_volume(case: str) -> None:
    workload = _workload(case)["spec"]
    volumes = {volume["name"] for volume in _pod(case)["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in workload.get("volumeClaimTemplates", ())}
    (container,) = _pod(case)["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_a_whole_configuration_may_come_from_a_secret() -> None:
    assert "ConfigMap/live-livecue" not in chart.manifests("secret")
    assert {"secretName": "livecue-config", "defaultMode": 0o440} in [
        volume.get("secret") for volume in _pod("secret")["volumes"]
    ]


def test_the_ingress_never_routes_metrics() -> None:
    (rule,) = chart.manifests("embedded")["Ingress/live-livecue"]["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/callbacks", "/api/rooms"]


def test_packs_of_ones_own_are_mounted_as_pack_folders() -> None:
    (volume,) = (one for one in _pod("embedded")["volumes"] if one["name"] == "packs")
    assert volume["configMap"]["items"] == [{"key": "myshop.yaml", "path": "myshop/pack.yaml"}]


def test_options_are_off_unless_asked_for() -> None:
    kinds = {name.partition("/")[0] for name in chart.manifests("external")}
    assert kinds == {"ConfigMap", "Deployment", "Service"}
    more = {name.partition("/")[0] for name in chart.manifests("embedded")}
    assert more == {"ConfigMap", "StatefulSet", "Service", "Ingress", "ServiceMonitor", "NetworkPolicy"}
