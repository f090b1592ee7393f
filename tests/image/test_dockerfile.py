"""The Dockerfile, read as text: no container engine is needed to see that it keeps its promises."""

from __future__ import annotations

import json
import re

from image.dockerfile import ROOT, stages

ARGS, (BUILD, FINAL) = stages()
INSTALL = next(step.rest for step in BUILD.all("RUN") if "python install" in step.rest)


def test_there_is_one_base_image_and_its_digest_is_an_argument() -> None:
    assert [step.rest for step in ARGS] == ["PYTHON=python:3.11-slim-bookworm", 'PYTHON_DIGEST=""']
    assert BUILD.base == "${PYTHON}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS build"
    assert 'base.digest="${PYTHON_DIGEST}"' in FINAL.last("LABEL")
    assert "latest" not in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_nothing_is_in_the_image_but_what_was_put_there() -> None:
    assert FINAL.base == "scratch"
    assert not FINAL.all("RUN")
    assert not FINAL.all("ADD")


def test_it_starts_the_daemon_on_the_mounted_configuration() -> None:
    assert json.loads(FINAL.last("ENTRYPOINT")) == ["livecue"]
    assert json.loads(FINAL.last("CMD")) == ["run", "-c", "/etc/livecue/livecue.yaml"]
    assert FINAL.last("STOPSIGNAL") == "SIGTERM"


def test_it_runs_as_nobody_in_particular_and_keeps_data_in_a_volume() -> None:
    assert FINAL.last("USER") == "10001:10001"
    assert FINAL.last("VOLUME") == "/var/lib/livecue"
    assert "LIVECUE_DATA_DIR=/var/lib/livecue" in FINAL.last("ENV")
    assert "--from=build --chown=10001:10001 /data-fs/ /var/lib/" in [step.rest for step in FINAL.all("COPY")]


def test_the_health_check_asks_for_liveness_by_a_program_that_compiles() -> None:
    (check,) = (step.rest for step in FINAL.all("HEALTHCHECK"))
    command = json.loads(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    assert "/livez" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_versions_are_pinned_and_only_wheels_are_taken_but_for_one_that_has_none() -> None:
    assert "-c constraints.txt" in INSTALL
    assert "--only-binary :all: --no-binary nkeys " in INSTALL


def test_what_is_gathered_is_a_program_that_compiles() -> None:
    (gather,) = (step for step in BUILD.all("RUN") if step.body)
    assert gather.rest == "VENV=/opt/livecue ROOT=/root-fs python"
    compile(gather.body, "GATHER", "exec")


def test_what_it_copies_is_there_and_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    let_through = set(re.findall(r"^!(\S+)$", ignored, re.MULTILINE))
    assert ignored.splitlines()[1] == "*"
    copied = [
        source
        for step in (*BUILD.all("COPY"), *FINAL.all("COPY"))
        if "--from" not in step.rest
        for source in step.rest.split()[:-1]
    ]
    assert set(copied) == let_through
    assert all((ROOT / source).exists() for source in copied)


def test_no_secret_is_built_in() -> None:
    assert not re.search(
        r"(?i)(password|token|secret_key|\bsk)\s*=", (ROOT / "Dockerfile").read_text(encoding="utf-8")
    )
