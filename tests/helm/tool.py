"""Gets helm: the one on the PATH, else one built with go, else it says loudly what cannot be checked.

`python -m helm.tool` is the first step of `make chart`. A build takes some two minutes on a machine that
never made one; it is kept in `.venv/tools`. `make test` starts it beside the tests, with the least priority.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys

from helm.chart import CHART, TOOLS, helm

VERSION = "v3.18.6"
_BUILD_S = 720  # beside the tests it gets what they leave; CI has no more
_UNCHECKED = """
**************************************************************************
 NOT CHECKED: {why}.
 What the chart makes of helm/livecue/ci/*.yaml was not rendered here, nor
 was any refusal tried. Only the kept renderings in tests/helm/rendered
 were looked at. To check it: put helm on the PATH, or go, and the module
 proxy within reach.
**************************************************************************
"""
_NO_NATS_CHART = """
NOT CHECKED: the official nats chart is not in helm/livecue/charts, so examples/nats-cluster.yaml was rendered
with a stand-in alone. `helm dependency build helm/livecue` fetches it.
"""


def main() -> None:
    found = helm() or _build()
    if found is None:
        why = "there is neither helm nor go" if go() is None else f"go could not build helm {VERSION}"
        sys.stderr.write(_UNCHECKED.format(why=why))
    else:
        said = subprocess.run((found, "version", "--short"), check=True, capture_output=True, text=True)
        sys.stderr.write(f"helm {said.stdout.strip()}: {found}\n")
    if not list((CHART / "charts").glob("nats-*.tgz")):
        sys.stderr.write(_NO_NATS_CHART)


def go() -> str | None:
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


def _build() -> str | None:
    """The path of a helm built now, or of one that somebody else was building; None without go or a proxy."""
    maker = go()
    if maker is None:
        return None
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"waiting for helm {VERSION}, which is being built\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := helm()) is not None:
            return found
        sys.stderr.write(f"building helm {VERSION}, once; this takes some minutes\n")
        half = TOOLS / "building"  # nobody is to find it before it is whole
        command = (maker, "install", "-ldflags=-s -w", f"helm.sh/helm/v3/cmd/helm@{VERSION}")
        try:
            subprocess.run(command, check=True, timeout=_BUILD_S, env={**os.environ, "GOBIN": str(half)})
            (half / "helm").replace(TOOLS / "helm")
        except (subprocess.SubprocessError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return None
    return helm()


if __name__ == "__main__":
    main()
