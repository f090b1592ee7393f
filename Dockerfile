# livecue's image, for linux/amd64 and linux/arm64 (every dependency has wheels for both).
#
#   docker build -t livecue .
#   docker run --rm livecue demo --seconds 20
#   docker run -p 8080:8080 -v ./livecue.yaml:/etc/livecue/livecue.yaml:ro -v livecue:/var/lib/livecue livecue
#
# No secret is built in: hand them over as files (`sk_file: /etc/livecue/secrets/sk`) or as LIVECUE_… variables.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY daemon daemon
COPY rules rules
RUN pip wheel --no-deps --wheel-dir /dist . \
 && python -m venv --without-pip /opt/livecue \
 && pip --python /opt/livecue/bin/python install --only-binary :all: -c constraints.txt /dist/*.whl

FROM python:3.12-slim
LABEL org.opencontainers.image.title="livecue" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 livecue \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/livecue --shell /usr/sbin/nologin livecue \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/livecue \
 && install -d /etc/livecue/secrets /etc/livecue/packs
COPY --from=build /opt/livecue /opt/livecue
COPY rules /etc/livecue/rules
# The root file system may be read-only: only data_dir, and /tmp for `demo` and `bench`, are written to.
# These two stand above what the file says, because a container is reached from outside and keeps its data there.
ENV PATH=/opt/livecue/bin:$PATH \
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
