"""The Dockerfile becomes an image that serves, without a compiler, as a user without rights.

Buildah builds it without a container engine. The base image is a Debian made by mmdebstrap, as no registry of images
is needed then; so this says nothing about the official image of Python.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.ports import free_port
from harness.waiting import PATIENCE, wait_for
from statuspage import __version__
from statuspage.local.paths import ROOT

TOOLS = ("buildah", "mmdebstrap")
if os.environ.get("REQUIRE_BUILDAH") != "1" and (os.geteuid() != 0 or not all(map(shutil.which, TOOLS))):
    pytest.skip("needs root, buildah and mmdebstrap", allow_module_level=True)

BASE, IMAGE = "localhost/statuspage-test-base", "localhost/statuspage-test"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SETTINGS = {
    "SECRET_KEY": "a-key-for-checks-that-signs-nothing",
    "SITE_URL": "https://status.example.com",
    "MAIL_PROVIDER": "postmark",
    "MAIL_PROVIDER_SECRET": "provider:a-password-for-checks",
    "SENTRY_DSN": "https://key@sentry.example.com/1",
}


class Buildah:
    """Runs the program with a storage of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = ["buildah", "--root", f"{folder}/root", "--runroot", f"{folder}/runroot"]
        self.environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout.strip()

    def make_base(self) -> None:
        archive = self.folder / "base.tar"
        packages = "--include=ca-certificates,passwd,python3,python3-venv"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", archive], check=True)
        container = self("from", "scratch")
        self("add", container, str(archive), "/")
        archive.unlink()
        # As this machine reaches the package index.
        self("copy", container, CERTIFICATES, CERTIFICATES)
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self("config", "--env", path, "--env", f"PIP_CERT={CERTIFICATES}", container)
        self("commit", "--rm", container, BASE)


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    one = Buildah(tmp_path_factory.mktemp("buildah"))
    one.make_base()
    arguments = (f"PYTHON_IMAGE={BASE}", "REQUIREMENTS=requirements-extras.txt")
    options = [word for argument in arguments for word in ("--build-arg", argument)]
    one("bud", "--format", "docker", *options, "--tag", IMAGE, ".")
    yield one
    one("rm", "--all")
    one("rmi", "--all", "--force")


@pytest.fixture
def container(buildah: Buildah) -> Iterator[str]:
    name = buildah("from", IMAGE)
    yield name
    buildah("rm", name)


def test_image_runs_as_a_user_without_rights_and_has_no_compiler(buildah: Buildah, container: str) -> None:
    def run(*command: str) -> str:
        variables = [word for name, value in SETTINGS.items() for word in ("--env", f"{name}={value}")]
        # Each command says something; with this isolation buildah sometimes loses the output of a short one.
        attempts = (buildah("run", *variables, container, "--", *command) for _attempt in range(3))
        return next(filter(None, attempts), "")

    assert run("id", "-u") == "10001"
    assert run("sh", "-c", "command -v gcc cc c++ make pip pip3 git || echo none") == "none"
    assert run("sh", "-c", "find / -xdev -user 10001 -not -path '/proc/*' | sort").split() == [
        "/run/statuspage",
        "/var/lib/statuspage",
    ]
    code = [
        "incidents",
        "manage.py",
        "requirements-extras.txt",
        "requirements.txt",
        "static",
        "statuspage",
        "templates",
    ]
    assert run("ls", "-A", "-I", "__pycache__").split() == code
    assert "no issues" in run("python3", "manage.py", "check")
    assert run("pg_dump", "--version").startswith("pg_dump (PostgreSQL)")


def test_image_serves_and_stops_when_asked(buildah: Buildah, container: str) -> None:
    configuration = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    port = free_port()
    shell, option, line = (word.replace("8000", str(port)) for word in configuration["Cmd"])
    # Buildah passes no signal on.
    command = [shell, option, f"echo $$ > /run/statuspage/pid; {line}"]
    check = [word.replace("8000", str(port)) for word in configuration["Healthcheck"]["Test"][1:]]
    variables = [word for name, value in SETTINGS.items() for word in ("--env", f"{name}={value}")]
    running = subprocess.Popen(
        [*buildah.command, "run", *variables, container, "--", *command], env=buildah.environment
    )
    try:
        wait_for(lambda: _version(port) is not None or running.poll() is not None)
        assert _version(port) == f"version {__version__}"
        buildah("run", container, "--", *check)
    finally:
        os.kill(int(buildah("run", container, "--", "cat", "/run/statuspage/pid")), signal.SIGTERM)
        assert running.wait(PATIENCE) == 0


def _version(port: int) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read().decode().splitlines()[1]
    except OSError:
        return None
    finally:
        connection.close()
