"""The image, compose.yaml and deploy/kubernetes.yaml start what the systemd units start, with few rights."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import environment, units
from statuspage.local.__main__ import COMMANDS
from statuspage.local.paths import ROOT
from statuspage.local.web_server import granian

CADDYFILE, KUBERNETES = f"{ROOT}/deploy/container/Caddyfile", f"{ROOT}/deploy/kubernetes.yaml"
DOCKERFILE = Path(ROOT, "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(Path(ROOT, "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [*units.SERVICES, "prepare", "secrets"]


def _has_docker_compose() -> bool:
    try:
        return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def test_image_serves_with_the_options_of_make_run() -> None:
    command = json.loads(re.findall(r"(?m)^CMD (.*)", DOCKERFILE.replace("\\\n", ""))[-1])
    options = [option.replace("4711", "$WEB_THREADS") for option in granian(host="0.0.0.0", port="8000", threads=4711)]
    assert command == ["sh", "-c", " ".join(["exec python3", *options[1:]])]


@pytest.mark.parametrize("name", COMMANDS)
def test_services_run_the_commands_of_make_run(name: str) -> None:
    assert SERVICES[name]["command"] == f"python3 manage.py {COMMANDS[name]}"


@pytest.mark.parametrize("name", units.SERVICES)
def test_services_have_as_long_to_stop_as_the_units(name: str) -> None:
    assert SERVICES[name]["stop_grace_period"] == f"{units.read(name)['TimeoutStopSec']}s"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_write_to_volumes_only(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.findall(r"(?m)^USER (\d+:\d+)", DOCKERFILE)[-1] == "10001:10001"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_get_no_setting_that_does_not_exist(name: str) -> None:
    named = {setting.removesuffix("_FILE") for setting in SERVICES[name].get("environment", {})}
    assert named <= {*environment.OWN, *environment.SERVERS}


def test_only_the_proxy_opens_ports() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["servers"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if service.get("networks") == ["servers"]} == {
        "postgres",
        "valkey",
    }


def test_compose_file_is_understood(tmp_path: Path) -> None:
    podman = tmp_path / "podman"  # asked for its version only, also where there is none
    podman.write_text("#!/bin/sh\necho podman version 5.4.2\n")
    podman.chmod(0o755)
    command = [sys.executable, "-m", "podman_compose", "--podman-path", str(podman), "config"]
    understood = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert understood.returncode == 0, understood.stderr
    assert set(yaml.safe_load(understood.stdout)["services"]) == set(SERVICES)


@pytest.mark.skipif(
    subprocess.call(["sh", "-c", "docker compose version"], stdout=-3, stderr=-3) != 0,
    reason="no `docker compose` here",
)
def test_docker_understands_the_compose_file() -> None:
    subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, check=True)


def test_derived_files_are_up_to_date() -> None:
    command = [sys.executable, "-m", "tools.containers", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_manifest_is_valid() -> None:
    _run("kubernetes-validate", "--strict", KUBERNETES)


@pytest.mark.parametrize("address", [":80", "status.example.com"])
def test_caddy_understands_its_file(address: str, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "SITE_ADDRESS": address}
    _run("caddy", "validate", "--adapter", "caddyfile", "--config", CADDYFILE, env=home)


def test_dockerfile_follows_good_practice() -> None:
    _run("hadolint", "--failure-threshold", "style", str(Path(ROOT, "Dockerfile")))


def test_build_context_is_what_the_dockerfile_copies() -> None:
    copied = {
        word for line in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", DOCKERFILE) for word in line.split()
        if not word.startswith("--")
    }  # fmt: skip
    allowed = re.findall(r"(?m)^!(\S+)$", Path(ROOT, ".dockerignore").read_text(encoding="utf-8"))
    assert sorted(copied) == sorted(allowed)


def _run(program: str, *arguments: str, env: dict[str, str] | None = None) -> None:
    # Installed beside Python.
    path = shutil.which(program, path=str(Path(sys.executable).parent))
    assert path, program
    done = subprocess.run(
        [path, *arguments], env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
