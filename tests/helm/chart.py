"""The chart: its files, and what helm makes of it.

`tests/helm/rendered/*.yaml` are real helm's own output for every file in `helm/livecue/ci`, kept beside the
digest of the files it was made from, so that manifests can be checked without helm and it is noticed when
they are out of date. `PYTHONPATH=tests python -m helm.chart` renders them anew, and writes the part of
values.schema.json that follows from the daemon's models, which needs no helm; `make chart` gets helm.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from helm.config_schema import schema

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "helm" / "livecue"
TOOLS = ROOT / ".venv" / "tools"
CASES = tuple(sorted(path.stem for path in (CHART / "ci").glob("*.yaml")))
KUBERNETES = "1.29.0"
_DIGEST = "# made by helm from files with the digest "
_NOT_RENDERED = {"ci", "examples", "charts", "values.schema.json"}


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return loaded


def digest(case: str) -> str:
    """Of everything a rendering depends on."""
    inside = [path for path in sorted(CHART.rglob("*")) if path.is_file()]
    files = [path for path in inside if path.relative_to(CHART).parts[0] not in _NOT_RENDERED]
    whole = hashlib.sha256()
    for path in [*files, CHART / "ci" / f"{case}.yaml"]:
        whole.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def golden(case: str) -> tuple[str, str]:
    """The digest and the manifests of a kept rendering."""
    text = (HERE / "rendered" / f"{case}.yaml").read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    return first.removeprefix(_DIGEST), rest


def documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one]


def manifests(case: str) -> dict[str, dict[str, Any]]:
    """The kept rendering by kind and name."""
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in documents(golden(case)[1])}


def helm() -> str | None:
    """helm on the PATH, else the one that `make chart` has built."""
    return shutil.which("helm") or shutil.which("helm", path=str(TOOLS))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What helm says to these arguments."""
    command = (helm() or "helm", *arguments)
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def template(*arguments: str, where: Path = CHART) -> subprocess.CompletedProcess[str]:
    """`helm template` of the chart as the release `live` in the namespace `live`."""
    named = ("template", "live", str(where), "--namespace", "live", "--kube-version", KUBERNETES)
    return run(*named, *arguments)


def render(case: str) -> str:
    """What helm makes of the chart now.

    Raises:
        RuntimeError: it refuses, with what it says.
    """
    done = template("-f", str(CHART / "ci" / f"{case}.yaml"))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def main() -> None:
    file = CHART / "values.schema.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    written["properties"]["config"] = schema()
    file.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    if helm() is None:
        sys.exit(
            "values.schema.json is written; the renderings are as they were: there is no helm, see `make chart`"
        )
    for case in CASES:
        text = f"{_DIGEST}{digest(case)}\n{render(case)}"
        (HERE / "rendered" / f"{case}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
