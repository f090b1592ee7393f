"""The chart, checked without helm: its files, its values, and the kept renderings of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import livecue
from helm import chart
from helm.config_schema import schema, secrets
from livecue.app import tenant
from livecue.bus.streams import stream_configs
from livecue.settings import Settings, load

SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))
TEMPLATES = sorted(path for path in (chart.CHART / "templates").rglob("*") if path.is_file())
_NAMED = re.compile(r"/etc/livecue/secrets/([\w./-]+)")


def _workload(case: str) -> dict[str, Any]:
    kind = "StatefulSet" if case == "embedded" else "Deployment"
    return chart.manifests(case)[f"{kind}/live-livecue"]


def _pod(case: str) -> dict[str, Any]:
    pod: dict[str, Any] = _workload(case)["spec"]["template"]["spec"]
    return pod


def _load(config: str, folder: Path) -> Settings:
    """As the daemon in the pod would, with every secret at its place."""
    for name in _NAMED.findall(config):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = "https://calendar.example.com/x.ics?key=1" if "calendar" in name else "a" * 32
        (folder / name).write_text("0" * 64 if name.endswith("-tokens") else text)
    (folder / "livecue.yaml").write_text(config.replace("/etc/livecue/secrets", str(folder)), "utf-8")
    return load(folder / "livecue.yaml").settings


def test_the_chart_is_of_the_daemons_version() -> None:
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (about["apiVersion"], about["name"], about["appVersion"]) == ("v2", "livecue", livecue.__version__)


def test_the_official_nats_chart_is_optional_and_something_stands_in_its_place() -> None:
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    (nats,) = about["dependencies"]
    assert (nats["name"], nats["condition"]) == ("nats", "nats.enabled")
    assert chart.values()["nats"]["enabled"] is False
    stand_in = yaml.safe_load((chart.CHART / "charts/nats/Chart.yaml").read_text(encoding="utf-8"))
    assert (stand_in["name"], stand_in["version"]) == ("nats", "0.0.0")


def test_the_values_match_their_schema_and_every_value_is_in_it() -> None:
    jsonschema.validate(chart.values(), SCHEMA)
    assert chart.values().keys() == SCHEMA["properties"].keys() - {"global"}


def test_what_the_schema_says_of_the_configuration_follows_from_the_daemons_models() -> None:
    """If this fails: `PYTHONPATH=tests python -m helm.chart`."""
    assert SCHEMA["properties"]["config"] == schema()


def test_no_part_of_the_schema_lets_an_unknown_key_through() -> None:
    free = {
        "values.global",
        "values.nats",  # the official chart's own
        *("values.resources.requests", "values.resources.limits"),
        *(f"values.affinity.{kind}" for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity")),
        *(
            f"values.networkPolicy.ingressFrom[].{kind}"
            for kind in ("ipBlock", "namespaceSelector", "podSelector")
        ),
    }
    assert set(_open("values", SCHEMA)) == free


def _open(at: str, part: dict[str, Any]) -> list[str]:
    if part.get("type") == "array":
        return _open(f"{at}[]", part["items"]) if "items" in part else [at]
    if part.get("type") != "object":
        return []
    here = [] if "additionalProperties" in part else [at]
    return here + [
        one for name, sub in part.get("properties", {}).items() for one in _open(f"{at}.{name}", sub)
    ]


def test_the_list_of_secrets_is_the_daemons() -> None:
    listed = (chart.CHART / "files/secret-keys.txt").read_text(encoding="utf-8").split()
    # A calendar may be a path; its address is looked at for a key instead.
    wanted = [path for path in secrets() if not path.endswith(".ics")]
    assert sorted(listed) == sorted([*wanted, "rooms[].start.stream_keys"])


def test_what_the_volume_has_to_hold_is_added_up() -> None:
    whole = sum(int(config["max_bytes"]) for config in stream_configs(1)) >> 20
    for name in ("values.yaml", "examples/nats-cluster.yaml"):
        assert f"fill {whole} MiB" in (chart.CHART / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_uses_values_that_exist_and_closes_what_it_opens(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    known = {**chart.values(), "nats": {**chart.values()["nats"], "config": {}}}
    for path in re.findall(r"\.Values\.([\w.]+)", text):
        value: Any = known
        for part in path.split("."):
            if path in {"config.plan", "config.rooms"}:
                break
            assert part in value, path
            value = value[part]
    actions = re.findall(r"\{\{-?\s*(\w+)", text)
    opened = sum(word in {"if", "with", "range", "define"} for word in actions)
    assert opened == actions.count("end")


@pytest.mark.parametrize("case", chart.CASES)
def test_the_kept_rendering_was_made_from_these_files(case: str) -> None:
    """If this fails: `PYTHONPATH=tests python -m helm.chart`, with helm on the PATH."""
    assert chart.golden(case)[0] == chart.digest(case)


def test_no_rendering_is_kept_of_what_is_no_longer_a_case() -> None:
    assert {path.stem for path in (chart.HERE / "rendered").iterdir()} == set(chart.CASES)


@pytest.mark.parametrize("case", ["external", "embedded", "secrets"])
def test_the_rendered_livecue_yaml_loads(case: str, tmp_path: Path) -> None:
    config = chart.manifests(case)["ConfigMap/live-livecue"]["data"]["livecue.yaml"]
    assert _load(config, tmp_path).rooms


def test_every_secret_of_the_daemon_can_be_given_as_a_file(tmp_path: Path) -> None:
    """The case `secrets` uses each kind once, but for those that go together with others."""
    config = chart.manifests("secrets")["ConfigMap/live-livecue"]["data"]["livecue.yaml"]
    settings = _load(config, tmp_path)
    flagship, outlet = settings.rooms
    assert flagship.callback
    assert [key.id for key in flagship.callback.keys] == ["winter", "spring"]
    assert flagship.ingest.tokens_sha256 == ("0" * 64,)
    assert flagship.start["stream_keys"] == ["a" * 32]
    assert flagship.sessions[0].ics.endswith("?key=1")
    assert outlet.callback
    assert settings.http.callback_secret
    assert settings.alerts


def test_a_server_of_ones_own_makes_a_deployment_that_never_runs_twice() -> None:
    spec = _workload("external")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_embedded_server_gets_a_volume_and_one_replica() -> None:
    spec = _workload("embedded")["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    assert (spec["serviceName"], spec["replicas"]) == ("live-livecue", 1)
    assert "data" not in [volume["name"] for volume in _pod("embedded")["volumes"]]


@pytest.mark.parametrize("case", chart.CASES)
def test_the_pods_may_do_no_more_than_they_need(case: str) -> None:
    for pod in (_pod(case), chart.manifests(case)["Pod/live-livecue-test-ready"]["spec"]):
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
def test_liveness_asks_for_the_loop_and_readiness_for_the_own_consumers(case: str) -> None:
    (container,) = _pod(case)["containers"]
    paths = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    own = "/readyz?parts=bus,inbox"
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": own}


@pytest.mark.parametrize("case", chart.CASES)
def test_the_grace_is_longer_than_the_hook_and_the_daemons_own_budget(case: str) -> None:
    (container,) = _pod(case)["containers"]
    hook = container["lifecycle"]["preStop"]["exec"]["command"]
    waits_s = int(re.findall(r"time\.sleep\((\d+)\)", hook[2])[0])
    budget_s = tenant.LIVES_S + tenant.DRAIN_S + 3 * tenant.LOOPS_S  # as Replica.end and Daemon wait
    assert waits_s > 0
    assert _pod(case)["terminationGracePeriodSeconds"] >= waits_s + budget_s + 10


@pytest.mark.parametrize("case", chart.CASES)
def test_callbacks_arrive_also_at_a_pod_that_is_not_ready_while_there_is_no_other(case: str) -> None:
    assert chart.manifests(case)["Service/live-livecue"]["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("case", chart.CASES)
def test_every_mount_has_its_volume_and_none_is_cut_off_from_changes(case: str) -> None:
    workload = _workload(case)["spec"]
    volumes = {volume["name"] for volume in _pod(case)["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in workload.get("volumeClaimTemplates", ())}
    (container,) = _pod(case)["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert not [mount for mount in container["volumeMounts"] if "subPath" in mount]


@pytest.mark.parametrize("case", chart.CASES)
def test_no_secret_is_made_and_none_is_a_variable(case: str) -> None:
    assert not [name for name in chart.manifests(case) if name.startswith("Secret/")]
    (container,) = _pod(case)["containers"]
    assert not [one for one in container["env"] if "valueFrom" in one]
    assert "envFrom" not in container


def test_secrets_come_out_of_those_that_exist_as_files() -> None:
    (volume,) = (one for one in _pod("secrets")["volumes"] if one["name"] == "secrets")
    sources = [source["secret"] for source in volume["projected"]["sources"]]
    assert [source["name"] for source in sources] == ["livecue", "shop-keys", "nats-creds"]
    assert sources[1]["items"][0] == {"key": "winter", "path": "callback/winter"}
    assert volume["projected"]["defaultMode"] == 0o440


def test_a_whole_configuration_may_come_from_a_secret() -> None:
    assert "ConfigMap/live-livecue" not in chart.manifests("whole-config")
    assert {"secretName": "livecue-config", "defaultMode": 0o440} in [
        volume.get("secret") for volume in _pod("whole-config")["volumes"]
    ]


def test_an_image_may_be_named_by_its_digest() -> None:
    (container,) = _pod("secrets")["containers"]
    assert re.fullmatch(r"livecue@sha256:[0-9a-f]{64}", container["image"])


def test_the_ingress_never_routes_metrics_and_speaks_tls() -> None:
    spec = chart.manifests("embedded")["Ingress/live-livecue"]["spec"]
    (rule,) = spec["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/callbacks", "/api/rooms"]
    assert spec["tls"] == [{"hosts": ["live.example.com"], "secretName": "tls"}]


def test_packs_of_ones_own_are_mounted_as_pack_folders() -> None:
    (volume,) = (one for one in _pod("embedded")["volumes"] if one["name"] == "packs")
    assert volume["configMap"]["items"] == [{"key": "myshop.yaml", "path": "myshop/pack.yaml"}]


def test_the_test_pod_is_let_in_where_others_are_not() -> None:
    pod = chart.manifests("embedded")["Pod/live-livecue-test-ready"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (rule,) = chart.manifests("embedded")["NetworkPolicy/live-livecue"]["spec"]["ingress"]
    allowed = rule["from"][-1]["podSelector"]["matchLabels"]
    assert allowed.items() <= pod["metadata"]["labels"].items()
    selector = _workload("embedded")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= pod["metadata"]["labels"].items()  # the Service must not send to it


def test_options_are_off_unless_asked_for() -> None:
    least = {"ConfigMap", "Deployment", "Service", "Pod"}
    assert {name.partition("/")[0] for name in chart.manifests("external")} == least
    more = {name.partition("/")[0] for name in chart.manifests("embedded")}
    wanted = {"Ingress", "ServiceMonitor", "NetworkPolicy", "PodDisruptionBudget", "PrometheusRule"}
    assert more == (least - {"Deployment"}) | {"StatefulSet"} | wanted
    assert "ConfigMap/live-livecue-dashboard" in chart.manifests("embedded")
