"""The examples of docs/automation.md work."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from incidents.management.configuration.writing import HEAD, written
from incidents.models import Incident, UpdateTemplate
from incidents.status import Phase
from statuspage.local.paths import ROOT
from tests.factories import make_component, make_page, make_token

TEXT = Path(ROOT, "docs", "automation.md").read_text(encoding="utf-8")
Shell = Callable[..., str]

needs_programs = pytest.mark.skipif(
    not all(map(shutil.which, ["bash", "curl", "jq"])), reason="bash, curl or jq is not installed"
)


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(live_server: LiveServer, tmp_path: Path) -> Shell:
    """Runs a script that calls the API with a token, and returns its output."""
    owner = User.objects.create_superuser("maskine")
    page = make_page()
    secret = make_token(owner, "publish").secret
    fixed = {
        "PATH": os.environ["PATH"],
        "STATUS_URL": live_server.url,
        "STATUS_PAGE": page.pk,
        "STATUS_API": f"{live_server.url}/api/v1/pages/{page.pk}",
        "STATUS_TOKEN": secret,
    }

    def run(script: str, **variables: str) -> str:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(
            command, env=fixed | variables, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.django_db
def test_file_is_applied_as_it_is_documented(tmp_path: Path) -> None:
    UpdateTemplate.objects.all().delete()
    file = tmp_path / "page.toml"
    file.write_text(examples("toml")[0], encoding="utf-8")
    output = StringIO()
    call_command("apply", str(file), "--yes", stdout=output)
    assert "7 to add, 0 to change, 0 to remove." in output.getvalue()
    output = StringIO()
    call_command("apply", str(file), "--check", "--prune", stdout=output)
    assert output.getvalue() == "No changes.\n"
    assert written().removeprefix(HEAD).count("\n[") == 8


@needs_programs
@pytest.mark.django_db(transaction=True)
def test_incident_is_opened_and_resolved_from_a_shell(shell: Shell) -> None:
    mail = make_component("mail")
    assert shell(examples("bash")[0]).splitlines() == [f"{mail.pk} mail (da)", "resolved"]
    incident = Incident.objects.get()
    assert incident.title == {"da": "Mail er forsinket", "en": "Mail is delayed"}
    assert incident.phase == Phase.RESOLVED


@needs_programs
@pytest.mark.django_db(transaction=True)
def test_workflow_opens_maintenance_once_and_completes_it(shell: Shell, tmp_path: Path) -> None:
    steps = {step.get("name"): step for step in yaml.safe_load(examples("yaml")[0])["jobs"]["deploy"]["steps"]}
    result = tmp_path / "output"
    numbers = {"GITHUB_OUTPUT": str(result), "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1"}
    shell(steps["Open maintenance"]["run"], **numbers)
    incident = Incident.objects.get()
    assert (incident.kind, incident.phase) == ("maintenance", Phase.IN_PROGRESS)
    assert result.read_text(encoding="utf-8") == f"id={incident.pk}\n"
    shell(steps["Complete maintenance"]["run"], MAINTENANCE=incident.pk)
    incident.refresh_from_db()
    assert incident.phase == Phase.COMPLETED


@pytest.mark.parametrize("number", range(3))
def test_yaml_is_valid_and_has_no_secret_in_a_script(number: int) -> None:
    read: Any = yaml.safe_load(examples("yaml")[number])
    assert read
    steps = [step for job in read["jobs"].values() for step in job["steps"]] if isinstance(read, dict) else []
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []
