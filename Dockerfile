# livecue's image, for linux/amd64 and linux/arm64. Built with BuildKit (docker 23 or newer).
#
#   docker build -t livecue --build-arg PYTHON_DIGEST=sha256:… .
#   docker run --rm --read-only --tmpfs /tmp livecue demo --seconds 20
#   docker run -p 8080:8080 -v ./livecue.yaml:/etc/livecue/livecue.yaml:ro -v livecue:/var/lib/livecue livecue
#
# PYTHON_DIGEST pins the one base image, so that the same tree is built every time; without it the tag is
# taken as it stands that day. No secret is built in: hand them over as files (`sk_file: /etc/livecue/secrets/sk`).

ARG PYTHON=python:3.11-slim-bookworm
ARG PYTHON_DIGEST=""

FROM ${PYTHON}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY daemon daemon
COPY rules rules
# Wheels alone, but for nkeys, which is pure Python and has none.
RUN pip wheel --no-deps --wheel-dir /dist . \
 && python -m venv --without-pip /opt/livecue \
 && pip --python /opt/livecue/bin/python install --only-binary :all: --no-binary nkeys -c constraints.txt /dist/*.whl
# What the daemon needs of this system: the interpreter, its library, and what both are linked to.
RUN VENV=/opt/livecue ROOT=/root-fs python <<'GATHER'
import compileall, os, py_compile, shutil, subprocess, sys, sysconfig
from pathlib import Path

venv, root = Path(os.environ["VENV"]), Path(os.environ["ROOT"])
unused = ["__pycache__", "*-packages", "config-*", "test", "_test*", "idlelib", "*tkinter*", "turtledemo", "ensurepip", "lib2to3", "pydoc_data"]

def inside(path):
    there = root / str(path).lstrip("/")
    there.parent.mkdir(parents=True, exist_ok=True)
    return there

def copy(path):
    if not inside(path).exists():
        shutil.copy2(path, inside(path))

def tree(path, there):
    shutil.copytree(path, there, symlinks=True, ignore=shutil.ignore_patterns(*unused), ignore_dangling_symlinks=True)

library = Path(sysconfig.get_path("stdlib"))
tree(library, inside(library))
shutil.copytree(venv, inside("/opt/livecue"), symlinks=True)
link = venv / "bin" / "python"
while link.is_symlink():  # the venv's python -> /usr/local/bin/python -> python3 -> python3.11
    link = link.parent / os.readlink(link)
    if link.is_symlink():
        inside(link).symlink_to(os.readlink(link))
    else:
        copy(link)

binaries = [link, *(file for place in (library, venv) for file in place.rglob("*.so*") if file.is_file())]
for binary in binaries:
    said = subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    for word in said.split():
        if word.startswith("/") and not word.startswith(str(venv)):
            copy(word)
loaded_late = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
copy(next(word for word in loaded_late.split() if word.endswith("/libgcc_s.so.1")))  # by the C library, when a thread ends
copy("/etc/ssl/certs/ca-certificates.crt")
copy("/etc/ld.so.conf")
shutil.copytree("/etc/ld.so.conf.d", inside("/etc/ld.so.conf.d"))

inside("/etc/passwd").write_text("root:x:0:0::/:/none\nlivecue:x:10001:10001::/var/lib/livecue:/none\n")
inside("/etc/group").write_text("root:x:0:\nlivecue:x:10001:\n")
inside("/etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
for folder in ("secrets", "packs", "config"):
    inside(f"/etc/livecue/{folder}").mkdir()
inside("/tmp").mkdir(exist_ok=True)
inside("/tmp").chmod(0o1777)
subprocess.run(["ldconfig", "-r", root], check=True)
sys.exit(not compileall.compile_dir(inside(library), quiet=1, stripdir=str(root), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))
GATHER
RUN install -d -m 0700 /data-fs/livecue

FROM scratch
ARG PYTHON
ARG PYTHON_DIGEST
LABEL org.opencontainers.image.title="livecue" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON}" \
      org.opencontainers.image.base.digest="${PYTHON_DIGEST}"
COPY --from=build /root-fs/ /
COPY --from=build --chown=10001:10001 /data-fs/ /var/lib/
COPY rules /etc/livecue/rules
# The root file system may be read-only: only data_dir, and /tmp for `demo` and `bench`, are written to.
# The last two stand above what the file says, because a container is reached from outside and keeps its data there.
ENV PATH=/opt/livecue/bin \
    HOME=/var/lib/livecue \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LIVECUE_HTTP__HOST=0.0.0.0 \
    LIVECUE_DATA_DIR=/var/lib/livecue
USER 10001:10001
WORKDIR /var/lib/livecue
VOLUME /var/lib/livecue
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('LIVECUE_HTTP__PORT', '8080') + '/livez', timeout=3)"]
ENTRYPOINT ["livecue"]
CMD ["run", "-c", "/etc/livecue/livecue.yaml"]
