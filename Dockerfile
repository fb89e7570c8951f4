# One image for the web server, the workers, the scheduler and the commands: compose.yaml and deploy/kubernetes.yaml
# run it. docs/containers.md explains them.
#
# It has Python, the packages of requirements.txt and the client programs of PostgreSQL: no compiler and no pip.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build
WORKDIR /opt/statuspage
# requirements-extras.txt adds the clients of mail providers and of Sentry.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-extras.txt ./
# Hashes are checked and nothing is compiled, so this file alone decides what is installed.
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-compile --only-binary=:all: --require-hashes \
        --requirement "$REQUIREMENTS" \
    && /opt/venv/bin/pip uninstall --quiet --yes pip
COPY manage.py ./
COPY incidents incidents
COPY static static
COPY statuspage statuspage
COPY templates templates
# Modules compiled without times are the same in each build.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/statuspage /opt/venv/lib

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
# pg_dump and pg_restore, for backups. Debian's security updates come with each build.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/aux-cache \
    && groupadd --gid 10001 statuspage \
    && useradd --uid 10001 --no-create-home --gid statuspage --home-dir /var/lib/statuspage \
        --shell /usr/sbin/nologin statuspage \
    # Volumes that are mounted here get the same owner.
    && install -d -o statuspage -g statuspage /var/lib/statuspage /run/statuspage
COPY deploy/valkey.conf /usr/local/share/statuspage/
COPY --chmod=755 deploy/container/make-secrets deploy/container/prepare /usr/local/bin/
COPY --from=build /opt /opt
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VAR_DIR=/var/lib/statuspage \
    WEB_THREADS=256
WORKDIR /opt/statuspage
USER 10001:10001
EXPOSE 8000
# For the web server. Containers that run something else turn it off.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# The options of the systemd unit.
CMD ["sh", "-c", "exec python3 -m granian --interface wsgi --host 0.0.0.0 --port 8000 --workers 1 \
--blocking-threads $WEB_THREADS --http 1 --no-ws --backlog 2048 --backpressure 8192 --http1-buffer-size 32768 \
--http1-header-read-timeout 10000 --log-level error statuspage.wsgi:application"]
