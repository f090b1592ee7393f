"""The chart by real helm: it lints, renders what is kept, and refuses in words what cannot work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm import chart
from helm.test_validity import NEWEST, check

pytestmark = pytest.mark.skipif(chart.helm() is None, reason="no helm here: `make chart` gets it")

ROOM = {"key": "a", "room_id": "r"}
SECRET = "is a secret, and a ConfigMap is read by many"


def _config(**config: Any) -> dict[str, Any]:
    return {"config": config}


def _room(**room: Any) -> dict[str, Any]:
    return _config(rooms=[{**ROOM, **room}])


def _with(folder: Path, values: dict[str, Any]) -> tuple[str, str]:
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return "-f", str(file)


def _refused(folder: Path, values: dict[str, Any]) -> str:
    done = chart.template(*_with(folder, values))
    assert done.returncode, "helm took it"
    return done.stderr


@pytest.mark.parametrize("case", chart.CASES)
def test_it_lints(case: str) -> None:
    done = chart.run("lint", "--strict", str(chart.CHART), "-f", str(chart.CHART / "ci" / f"{case}.yaml"))
    assert not done.returncode, done.stdout


@pytest.mark.parametrize("case", chart.CASES)
def test_it_renders_what_is_kept(case: str) -> None:
    assert chart.documents(chart.render(case)) == chart.documents(chart.golden(case)[1])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"replicas": 2},
            "replicas is 2: livecue shares its work between processes, but this chart was not tried",
        ),
        (
            {"replicas": 2, **_config(nats={"url": "embedded"})},
            "replicas is 2 with config.nats.url embedded: the server's data are in one pod's volume",
        ),
        (
            {"keda": {"enabled": True, "maxReplicas": 4, "prometheus": "http://p:9090"}},
            "keda.maxReplicas is 4: livecue shares its work between processes, but this chart was not tried",
        ),
        ({"keda": {"enabled": True}}, "keda.prometheus is missing"),
        (
            {"keda": {"enabled": True, "prometheus": "http://p"}, **_config(nats={"url": "embedded"})},
            "keda.enabled with config.nats.url embedded",
        ),
        (
            {"keda": {"enabled": True, "prometheus": "http://p", "minReplicas": 2}},
            "keda.minReplicas is more than keda.maxReplicas",
        ),
        ({"nats": {"enabled": True}}, "the official nats chart is not here yet: run `helm dependency build`"),
        (
            {"nats": {"enabled": True}, **_config(nats={"url": "embedded"})},
            "nats.enabled with config.nats.url embedded: choose one",
        ),
        (_config(nats={"url": "nats://user:pass@nats:4222"}), "config.nats.url carries a password or token"),
        (
            {"persistence": {"size": "4Gi"}, **_config(nats={"url": "embedded"})},
            "persistence.size is 4Gi: the embedded server may fill 4096 MiB",
        ),
        ({"ingress": {"enabled": True}}, "ingress.enabled without TLS"),
        (
            {"ingress": {"enabled": True, "tlsSecretName": "tls", "host": "other.example.com"}},
            "config.http.public_url is https://live.example.com, but ingress.host is other.example.com",
        ),
        (_config(data_dir="/data"), "config.data_dir is /data: the volume is at /var/lib/livecue"),
        (_room(rules=["rules/ecommerce"]), "a: rules has rules/ecommerce: paths are absolute here"),
        (_room(rules=["/etc/livecue/packs/mine"]), "rules has /etc/livecue/packs/mine, but `packs` holds no"),
        (
            _room(callback={"auth_type": "NONE"}),
            "callback.auth_type NONE: without config.http.callback_secret",
        ),
        (_config(metastudio={"auth": {"sk": "x"}}), f"config.metastudio.auth.sk {SECRET}"),
        (_config(http={"ingest_token": "x"}), f"config.http.ingest_token {SECRET}"),
        (_config(nats={"token": "x"}), f"config.nats.token {SECRET}"),
        (_config(alerts={"url": "https://x", "secret": "x"}), f"config.alerts.secret {SECRET}"),
        (_room(callback={"key": "x"}), f"config.rooms[].callback.key {SECRET}"),
        (
            _room(callback={"keys": [{"id": "k", "key_file": "/a"}, {"id": "l", "key": "x"}]}),
            f"config.rooms[].callback.keys[].key {SECRET}",
        ),
        (_room(start={"stream_keys": ["x"]}), "write stream_keys_file: /etc/livecue/secrets/<key>"),
        (
            _room(sessions=[{"name": "s", "ics": "https://c.example.com/x.ics?key=1"}]),
            "config.rooms: a.sessions: s.ics carries a key in its address",
        ),
        (
            _config(plan={"holidays": {"shop": {"ics": "https://u:p@c.example.com/x.ics"}}}),
            "config.plan.holidays.shop.ics carries a key",
        ),
        (
            {"env": [{"name": "LIVECUE_METASTUDIO__AUTH__SK", "value": "x"}]},
            "env.LIVECUE_METASTUDIO__AUTH__SK would hold a secret",
        ),
        ({"env": [{"name": "LIVECUE_ROOMS", "value": "[]"}]}, "env.LIVECUE_ROOMS would hold a secret"),
    ],
)
def test_what_cannot_work_is_refused_in_words(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in _refused(tmp_path, values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 1}, "additional properties 'replica' not allowed"),
        ({"image": {"tags": "1"}}, "additional properties 'tags' not allowed"),
        ({"image": {"digest": "abc"}}, "/image/digest"),
        (_config(nat={"url": "x"}), "additional properties 'nat' not allowed"),
        (_config(nats={"uri": "x"}), "additional properties 'uri' not allowed"),
        (_config(nats={"url": "redis://x"}), "does not match pattern"),
        (_room(callback={"keyfile": "/a"}), "additional properties 'keyfile' not allowed"),
        (_room(sessions=[{"nam": "x"}]), "additional properties 'nam' not allowed"),
        (_config(rooms=[]), "minItems"),
        ({"service": {"port": 0}}, "/service/port"),
        ({"ingress": {"enabled": "yes"}}, "/ingress/enabled"),
        ({"secrets": [{"secretName": "x"}]}, "additional properties 'secretName' not allowed"),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            "additional properties 'valueFrom' not allowed",
        ),
    ],
)
def test_a_key_that_does_not_exist_is_refused(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in _refused(tmp_path, values)


def test_variables_that_name_files_of_secrets_are_fine(tmp_path: Path) -> None:
    env = [{"name": "LIVECUE_METASTUDIO__AUTH__SK_FILE", "value": "/etc/livecue/secrets/sk"}]
    done = chart.template(*_with(tmp_path, {"env": env}))
    assert not done.returncode, done.stderr


def _checksum(folder: Path, callback: dict[str, Any], **room: Any) -> str:
    done = chart.template(*_with(folder, _room(callback=callback, **room)))
    assert not done.returncode, done.stderr
    (found,) = re.findall(r"checksum/config: (\w+)", done.stdout)
    return str(found)


def test_another_key_is_taken_by_the_running_pod_and_everything_else_rolls_it(tmp_path: Path) -> None:
    old = {"auth_type": "MSS_A_HEAD", "key_file": "/etc/livecue/secrets/old"}
    keys = [{"id": "new", "key_file": "/etc/livecue/secrets/new", "not_before": "2027-03-01T00:00:00+08:00"}]
    before = _checksum(tmp_path, old)
    assert _checksum(tmp_path, {**old, "keys": keys}) == before
    assert _checksum(tmp_path, old, ingest={"tokens_sha256_file": "/etc/livecue/secrets/t"}) != before
    assert _checksum(tmp_path, {**old, "auth_type": "MSS_A"}) != before
    assert _checksum(tmp_path, old, unplanned="stop") != before


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The chart in a folder where it may be changed."""
    return Path(shutil.copytree(chart.CHART, tmp_path / "livecue"))


def _several(copy: Path) -> Path:
    """The chart as it will be once replicas share their work: one number is changed."""
    helpers = copy / "templates" / "_helpers.tpl"
    text = helpers.read_text(encoding="utf-8")
    one = '{{- define "livecue.most-replicas" -}}1{{- end -}}'
    assert one in text
    helpers.write_text(text.replace(one, one.replace("1", "16")), encoding="utf-8")
    return copy


def _rendered(where: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    done = chart.template(*arguments, where=where)
    assert not done.returncode, done.stderr
    found = {one["kind"]: one for one in chart.documents(done.stdout)}
    for manifest in found.values():
        check(manifest, NEWEST)
    return found


def test_one_line_is_all_that_stands_between_this_and_several_replicas(copy: Path) -> None:
    _several(copy)
    spread = ("--set", "topologySpread.enabled=true", "--set", "podDisruptionBudget.enabled=true")
    found = _rendered(copy, "--set", "replicas=3", *spread, "--set", "podDisruptionBudget.maxUnavailable=1")
    spec = found["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (3, "RollingUpdate")
    (constraint,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert constraint["labelSelector"] == spec["selector"]
    assert found["PodDisruptionBudget"]["spec"]["selector"] == spec["selector"]
    assert "publishNotReadyAddresses" not in found["Service"]["spec"]


def test_keda_scales_on_what_waits_in_the_inbox_and_nobody_else_does(copy: Path) -> None:
    values = {"keda": {"enabled": True, "prometheus": "http://p:9090", "maxReplicas": 8}}
    found = _rendered(_several(copy), *_with(copy.parent, values))
    assert "replicas" not in found["Deployment"]["spec"]
    spec = found["ScaledObject"]["spec"]
    assert spec["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    query = spec["triggers"][0]["metadata"]["query"]
    assert query == 'sum(livecue_inbox_lag{namespace="live", job="live-livecue"})'


def test_the_embedded_server_stays_alone_even_then(copy: Path) -> None:
    done = chart.template("--set", "replicas=2", "--set", "config.nats.url=embedded", where=_several(copy))
    assert "replicas is 2 with config.nats.url embedded" in done.stderr


def _fetched(copy: Path, folder: Path) -> Path:
    """The chart as after `helm dependency build`, with a chart of the official one's name in the archive."""
    nats = folder / "nats"
    (nats / "templates").mkdir(parents=True)
    (nats / "Chart.yaml").write_text("apiVersion: v2\nname: nats\nversion: 1.3.16\n", encoding="utf-8")
    (nats / "values.yaml").write_text("config: {cluster: {enabled: false, replicas: 3}}\n", encoding="utf-8")
    (nats / "templates" / "all.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Values.fullnameOverride }}}\n"
        "stringData: {values: {{ .Values | toJson | quote }}}\n",
        encoding="utf-8",
    )
    done = chart.run("package", str(nats), "-d", str(copy / "charts"))
    assert not done.returncode, done.stderr
    return copy


def test_the_fetched_nats_chart_takes_the_place_of_the_stand_in(copy: Path, tmp_path: Path) -> None:
    """Ten times: helm reads archives and folders in no fixed order."""
    where = _fetched(copy, tmp_path / "fetched")
    example = ("-f", str(chart.CHART / "examples" / "nats-cluster.yaml"))
    for _ in range(10):
        found = _rendered(where, *example)
        assert found["Secret"]["metadata"]["name"] == "nats"
        assert '"replicas":3' in found["Secret"]["stringData"]["values"]
    assert "Secret" not in _rendered(where)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("config.nats.url=nats://other:4222", "the nats chart's Service is named nats"),
        ("nats.config.cluster.enabled=false", "config.nats.replicas is 3, but nats.config.cluster gives 1"),
        ("config.nats.replicas=5", "config.nats.replicas is 5, but nats.config.cluster gives 3"),
    ],
)
def test_livecue_and_the_nats_chart_have_to_agree(change: str, said: str, copy: Path, tmp_path: Path) -> None:
    where = _fetched(copy, tmp_path / "fetched")
    example = str(chart.CHART / "examples" / "nats-cluster.yaml")
    assert said in chart.template("-f", example, "--set", change, where=where).stderr


def test_the_notes_name_the_command_for_the_kind_that_was_made(copy: Path) -> None:
    """helm shows NOTES.txt only with a cluster: rendered here as if it were a manifest."""
    notes = (copy / "templates" / "NOTES.txt").read_text(encoding="utf-8")
    body = "\n".join(f"  {line}" for line in notes.splitlines())
    (copy / "templates" / "notes.yaml").write_text(f"notes: |\n{body}\n", encoding="utf-8")
    done = chart.template("--show-only", "templates/notes.yaml", where=copy)
    assert "exec deploy/live-livecue -- livecue jobs list" in done.stdout, done.stderr
    embedded = ("--show-only", "templates/notes.yaml", "--set", "config.nats.url=embedded")
    assert "exec statefulset/live-livecue --" in chart.template(*embedded, where=copy).stdout
