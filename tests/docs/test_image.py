"""The Dockerfile, read as text: no container engine is needed to see that it keeps its promises."""

from __future__ import annotations

import json
import re

from docs.pages import ROOT, read

LINES = re.sub(r"\\\n", " ", read("Dockerfile")).splitlines()
LAST_STAGE = LINES[max(n for n, line in enumerate(LINES) if line.startswith("FROM ")) :]


def _last(word: str) -> str:
    return next(line.removeprefix(word).strip() for line in reversed(LAST_STAGE) if line.startswith(word))


def test_it_starts_the_daemon_on_the_mounted_configuration() -> None:
    assert json.loads(_last("ENTRYPOINT")) == ["livecue"]
    assert json.loads(_last("CMD")) == ["run", "-c", "/etc/livecue/livecue.yaml"]
    assert _last("STOPSIGNAL") == "SIGTERM"


def test_it_runs_as_nobody_in_particular_and_keeps_data_in_a_volume() -> None:
    assert _last("USER") == "10001:10001"
    assert _last("VOLUME") == "/var/lib/livecue"
    assert any("LIVECUE_DATA_DIR=/var/lib/livecue" in line for line in LAST_STAGE)


def test_the_health_check_asks_for_liveness_by_a_program_that_compiles() -> None:
    (check,) = (line for line in LAST_STAGE if line.startswith("HEALTHCHECK"))
    command = json.loads(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    assert "/livez" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_versions_are_pinned_and_only_wheels_are_taken() -> None:
    install = next(line for line in LINES if "python install" in line)
    assert "-c constraints.txt" in install
    assert "--only-binary :all:" in install


def test_what_it_copies_is_there_and_let_through() -> None:
    let_through = set(re.findall(r"^!(\S+)$", read(".dockerignore"), re.MULTILINE))
    assert read(".dockerignore").splitlines()[1] == "*"
    copied = [
        source
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert set(copied) == let_through
    assert all((ROOT / source).exists() for source in copied)


def test_no_secret_is_built_in() -> None:
    assert not re.search(r"(?i)(password|token|secret_key|\bsk)\s*=", read("Dockerfile"))
