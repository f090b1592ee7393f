"""The image's root, made without a container engine by the Dockerfile's own steps, and measured.

`python -m image.root` runs the RUN steps of the build stage on this machine, in a folder of its own, with a
Python of this machine instead of the base image's, and says what the tree weighs. As root it then runs
`livecue demo` inside it, under chroot and as the image's user: what is missing there is missing in the image.
Without a package index it says loudly that nothing was checked. Exit 1: a step failed, or the tree is too big.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from image.dockerfile import ROOT, stages

MOST_MB = 150
"""Megabytes (10^6 bytes) that the whole image may have, unpacked."""

_UID = 10001
_UNCHECKED = """
**************************************************************************
 NOT CHECKED: {why}.
 The image's root was not made, so nobody has seen today that its steps
 work and that it stays under {most} MB.
**************************************************************************
"""


def main() -> int:
    if sys.platform != "linux" or not shutil.which("ldd"):
        return _unchecked("this is no Linux with ldd")
    with tempfile.TemporaryDirectory(prefix="livecue-image-") as folder:
        place = Path(folder)
        pip = _pip()
        if pip is None:
            return _unchecked("there is no pip")
        if not _index_there(pip, place):
            return _unchecked("pip reaches no package index")
        root = make(place, pip)
        _copy_as_the_last_stage(place, root)
        megabytes = weight(root) / 1e6
        sys.stderr.write(f"the image's root has {megabytes:.0f} MB; {MOST_MB} are allowed\n")
        if why := _no_chroot(root):
            sys.stderr.write(f"NOT CHECKED: whether livecue runs in it: {why}\n")
        else:
            _try(root)
        return int(megabytes >= MOST_MB)


def _unchecked(why: str) -> int:
    sys.stderr.write(_UNCHECKED.format(why=why, most=MOST_MB))
    return 0


def _pip() -> tuple[str, ...] | None:
    """How to call pip; an environment made by uv has none of its own."""
    for python in (sys.executable, str(_base_python())):
        command = (python, "-m", "pip")
        if not subprocess.run((*command, "--version"), check=False, capture_output=True).returncode:
            return command
    found = shutil.which("pip3")
    return (found,) if found else None


def _index_there(pip: tuple[str, ...], place: Path) -> bool:
    probe = (*pip, "download", "-q", "--no-deps", "--retries", "0", "-d", str(place / "probe"))
    return not subprocess.run(
        (*probe, "-c", "constraints.txt", "tzdata"), cwd=ROOT, check=False, capture_output=True, timeout=120
    ).returncode


def make(place: Path, pip: tuple[str, ...]) -> Path:
    """The root's folder, by the RUN steps of the build stage with their paths moved into `place`.

    Raises:
        subprocess.CalledProcessError: a step failed; what it said is on stderr.
    """
    _, (build, _) = stages()
    source = place / "src"
    source.mkdir()
    for step in build.all("COPY"):
        for name in step.rest.split()[:-1]:
            there = ROOT / name
            shutil.copytree(there, source / name) if there.is_dir() else shutil.copy(there, source / name)
    tools = place / "bin"
    tools.mkdir()
    base = _base_python()
    (tools / "python").symlink_to(base)
    (tools / "pip").write_text(f'#!/bin/sh\nexec {" ".join(pip)} -q "$@"\n', encoding="utf-8")
    (tools / "pip").chmod(0o755)
    for step in build.all("RUN"):
        command = step.rest
        for path in ("/dist", "/opt/livecue", "/root-fs", "/data-fs"):
            command = command.replace(path, f"{place}{path}")
        (place / "opt").mkdir(exist_ok=True)
        (tools / "python").unlink()
        (tools / "python").symlink_to(base)
        subprocess.run(
            ("sh", "-euc", command),
            cwd=source,
            check=True,
            input=step.body or None,
            stdout=sys.stderr,
            text=True,
            env={**_environment(), "PATH": f"{tools}:{os.environ['PATH']}:/usr/sbin:/sbin"},
        )
    return place / "root-fs"


def _base_python() -> Path:
    """The one nearest to the base image's: stripped, of its version. Else the one that runs this."""
    for folder in ("/usr/local/bin", "/usr/bin"):
        if (found := Path(folder) / "python3.11").is_file():
            return found.resolve()
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _environment() -> dict[str, str]:
    """This process' own, without what would make another Python look here for its packages."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }


def _copy_as_the_last_stage(place: Path, root: Path) -> None:
    shutil.copytree(ROOT / "rules", root / "etc/livecue/rules")
    shutil.copytree(place / "data-fs", root / "var/lib")
    for script in (
        root / "opt/livecue/bin"
    ).iterdir():  # they name the folder that the environment was made in
        if script.is_file() and not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            script.write_text(script.read_text(encoding="utf-8").replace(f"{place}/", "/"), encoding="utf-8")


def weight(root: Path) -> int:
    """Bytes of every file."""
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _chroot() -> str:
    return shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"


def _no_chroot(root: Path) -> str:
    """Why a root cannot be changed into on this machine; empty if it can. Gives it the devices an engine would."""
    if os.geteuid() != 0:
        return "only root may chroot"
    (root / "dev").mkdir()
    try:
        for name, minor in (("null", 3), ("urandom", 9)):
            os.mknod(root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            (root / "dev" / name).chmod(0o666)
            (root / "dev" / name).open("rb").close()
        subprocess.run((_chroot(), "/", "/bin/true"), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return ""


def _try(root: Path) -> None:
    """`livecue demo` for some seconds, as the image's user, with the image's variables."""
    os.chown(root / "var/lib/livecue", _UID, _UID)
    _, (_, final) = stages()
    variables = dict(part.split("=", 1) for step in final.all("ENV") for part in step.rest.split())
    words = [json.loads(final.last("ENTRYPOINT"))[0], "demo", "--seconds", "6", "--json"]
    chroot = (_chroot(), f"--userspec={_UID}:{_UID}", str(root), f"/opt/livecue/bin/{words[0]}", *words[1:])
    done = subprocess.run(chroot, check=False, capture_output=True, text=True, timeout=120, env=variables)
    told = json.loads(done.stdout) if not done.returncode else {}
    if not told.get("cues_sent"):
        raise RuntimeError(f"livecue demo in the image's root: exit {done.returncode}, {told}\n{done.stderr}")
    sys.stderr.write(
        f"livecue demo ran in it: {told['events_in']} events in, {told['cues_sent']} cues sent\n"
    )


if __name__ == "__main__":
    sys.exit(main())
