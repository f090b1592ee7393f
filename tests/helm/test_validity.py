"""What helm makes of the chart is what Kubernetes takes: its own schemas, and small ones for the operators' kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from helm import chart

OLDEST, NEWEST = "1.25", kubernetes_validate.latest_version()
CRDS = {path.stem: json.loads(path.read_text("utf-8")) for path in (Path(__file__).parent / "crds").iterdir()}
_OPERATORS = {"monitoring.coreos.com/v1", "keda.sh/v1alpha1"}


def check(manifest: dict[str, Any], version: str) -> None:
    """Raises unless the manifest is valid, unknown keys included."""
    if manifest["apiVersion"] in _OPERATORS:
        jsonschema.validate(manifest, CRDS[manifest["kind"].lower()])
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("case", chart.CASES)
def test_every_kept_manifest_is_valid(case: str) -> None:
    for version in (OLDEST, NEWEST) if case == "embedded" else (NEWEST,):
        for manifest in chart.manifests(case).values():
            check(manifest, version)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("StatefulSet/live-livecue", "spec.replica", 1),
        ("StatefulSet/live-livecue", "spec.replicas", "one"),
        ("Ingress/live-livecue", "spec.ingressClass", "nginx"),
        ("PodDisruptionBudget/live-livecue", "spec.selectors", {}),
        ("ServiceMonitor/live-livecue", "spec.endpoint", []),
        ("PrometheusRule/live-livecue", "spec.groups", []),
    ],
)
def test_a_manifest_that_is_wrong_is_found(name: str, path: str, value: Any) -> None:
    manifest = chart.manifests("embedded")[name]
    part, last = path.split(".")
    manifest[part][last] = value
    with pytest.raises(jsonschema.ValidationError):
        check(manifest, NEWEST)
