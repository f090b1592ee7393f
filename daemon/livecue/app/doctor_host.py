"""What the doctor sees of this machine: room on the disk, and how many files may be open."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from livecue.app.doctor import Checkup
from livecue.app.findings import Finding, fail, ok, warn

_MIB = 1 << 20
_LEAST_MB = 64
_EMBEDDED_MB = 1024  # what the streams of the embedded server reserve of the disk in use is far less at first
_FEW_FILES, _TOO_FEW_FILES = 4096, 256


def examine_host(checkup: Checkup) -> Iterator[Finding]:
    """Disk and files."""
    settings = checkup.loaded.settings
    folder = checkup.loaded.path(settings.data_dir)
    yield disk(folder, _EMBEDDED_MB if settings.nats.embedded else _LEAST_MB)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield open_files(soft)


def disk(folder: Path, wanted_mb: int) -> Finding:
    """Whether `data_dir` can be written, and has room."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    remedy = f"make data_dir ({folder}) a folder that livecue's user may write"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return fail("disk", f"{there} cannot be written", remedy)
    free_mb = shutil.disk_usage(there).free // _MIB
    seen = f"{free_mb} MiB free for {folder}"
    if free_mb < _LEAST_MB:
        return fail("disk", seen, f"make room: at least {wanted_mb} MiB")
    if free_mb < wanted_mb:
        return warn("disk", seen, f"make room: the bus of livecue's own wants {wanted_mb} MiB")
    return ok("disk", seen)


def open_files(soft: int) -> Finding:
    """The limit of open files, each a connection, too."""
    seen = "no limit" if soft == resource.RLIM_INFINITY else f"{soft} at most"
    if soft == resource.RLIM_INFINITY or soft >= _FEW_FILES:
        return ok("open-files", seen)
    remedy = f"raise it to {_FEW_FILES} or more: `ulimit -n`, LimitNOFILE= in a systemd unit"
    return (fail if soft < _TOO_FEW_FILES else warn)("open-files", seen, remedy)
