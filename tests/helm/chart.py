"""The chart: its files, and what helm makes of it.

`tests/helm/rendered/*.yaml` are real helm's own output, kept beside the digest of the files it was
made from, so that CI can check manifests without helm and notices when they are out of date.
`PYTHONPATH=tests python -m helm.chart` renders them anew; that alone needs helm (3.8 or newer) on the PATH.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "helm" / "livecue"
CASES = tuple(sorted(path.name.removesuffix(".values.yaml") for path in HERE.glob("*.values.yaml")))
_DIGEST = "# made by helm from files with the digest "


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return loaded


def digest(case: str) -> str:
    """Of everything a rendering depends on."""
    files = [path for path in sorted(CHART.rglob("*")) if path.is_file() and path.name != ".helmignore"]
    whole = hashlib.sha256()
    for path in [*files, HERE / f"{case}.values.yaml"]:
        whole.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def golden(case: str) -> tuple[str, str]:
    """The digest and the manifests of a kept rendering."""
    text = (HERE / "rendered" / f"{case}.yaml").read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    return first.removeprefix(_DIGEST), rest


def manifests(case: str) -> dict[str, dict[str, Any]]:
    """The kept rendering by kind; the chart makes two of ConfigMap alone."""
    found = [one for one in yaml.safe_load_all(golden(case)[1]) if one]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


def helm() -> str | None:
    return shutil.which("helm")


def render(case: str) -> str:
    """What helm makes of the chart now."""
    command = (helm() or "helm", "template", "live", str(CHART), "--namespace", "live")
    extra = ("--kube-version", "1.29.0", "-f", str(HERE / f"{case}.values.yaml"))
    done = subprocess.run((*command, *extra), check=True, capture_output=True, text=True)
    return done.stdout


def main() -> None:
    for case in CASES:
        text = f"{_DIGEST}{digest(case)}\n{render(case)}"
        (HERE / "rendered" / f"{case}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
