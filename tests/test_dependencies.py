"""Dependencies are explained, and the bill of materials is complete and valid."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from harness import sbom
from statuspage import __version__
from statuspage.local.paths import ROOT

# What BSD-3-Clause software may be distributed with. docs/dependencies.md says what LGPL and MPL ask for.
COMPATIBLE = {
    "Apache-2.0",
    "Apache-2.0 OR BSD-3-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "LGPL-3.0-only",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "MPL-2.0 AND MIT",
    "PSF-2.0",
}


@pytest.fixture(scope="module")
def requirements() -> str:
    return sbom.REQUIREMENTS.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bill(requirements: str) -> dict[str, Any]:
    return sbom.bill(requirements)


def test_bill_of_materials_follows_the_schema(requirements: str) -> None:
    faults = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.as_json(requirements), all_errors=True)
    assert list(faults or []) == []


def test_bill_of_materials_has_every_package_with_every_hash(requirements: str, bill: dict[str, Any]) -> None:
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", requirements, flags=re.MULTILINE))
    assert {component["name"]: component["version"] for component in bill["components"]} == pinned
    hashes = [entry["content"] for component in bill["components"] for entry in component["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"sha256:(\w+)", requirements))


def test_bill_of_materials_names_the_version_and_the_direct_dependencies(bill: dict[str, Any]) -> None:
    product, *others = bill["dependencies"]
    assert bill["metadata"]["component"]["version"] == __version__
    names = {re.sub(r"^pkg:pypi/(.+)@.*", r"\1", reference) for reference in product["dependsOn"]}
    assert names == _names(_project()["dependencies"])
    assert {"pkg:pypi/psycopg-binary", "pkg:pypi/psycopg-pool"} <= {
        reference.partition("@")[0] for entry in others for reference in entry["dependsOn"]
    }


def test_extras_add_only_the_optional_clients(requirements: str) -> None:
    extras = Path(ROOT, "requirements-extras.txt").read_text(encoding="utf-8")
    pinned, with_extras = (dict(re.findall(r"(?m)^([a-z0-9._-]+)==(\S+)", text)) for text in (requirements, extras))
    assert pinned.items() <= with_extras.items()
    assert with_extras.keys() - pinned.keys() == {"django-anymail", "sentry-sdk"}


def test_same_requirements_give_the_same_bill(requirements: str) -> None:
    assert sbom.as_json(requirements) == sbom.as_json(requirements)


def test_licences_of_production_packages_are_compatible(bill: dict[str, Any]) -> None:
    licences = {component["name"]: component["licenses"][0]["expression"] for component in bill["components"]}
    assert {name: licence for name, licence in licences.items() if licence not in COMPATIBLE} == {}


def test_table_of_dependencies_has_the_licences_of_the_bill(bill: dict[str, Any]) -> None:
    licences = {component["name"]: component["licenses"][0]["expression"] for component in bill["components"]}
    rows = {row[0]: row[4] for row in _rows("Production")}
    assert {name: rows[name] for name in rows} == {name: licences[name] for name in rows}


@pytest.mark.parametrize(
    ("heading", "extra"),
    [("Production", None), ("Provider", "provider"), ("Sentry", "sentry"), ("Local", "local"), ("Development", "dev")],
)
def test_every_direct_dependency_is_explained(heading: str, extra: str | None) -> None:
    project = _project()
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    assert {row[0] for row in _rows(heading)} == _names(listed)
    assert all(all(row) for row in _rows(heading))


def audit(folder: Path, python: str, pip_audit: str = "") -> subprocess.CompletedProcess[str]:
    """Run .ci/audit with a `python3` that reaches no network."""
    for name, script in (("python3", python), ("pip", ""), ("pip-audit", pip_audit)):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
    return subprocess.run(
        ["bash", str(Path(ROOT, ".ci", "audit"))],
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


MAKES_VENV = '[ "$1" = -c ] || { mkdir "$3/bin" && cp "$(dirname "$0")"/pip* "$3/bin"; }'


def test_audit_says_that_it_was_skipped(tmp_path: Path) -> None:
    result = audit(tmp_path, "exit 1")
    assert result.returncode == 0
    assert "Dependencies were not checked for advisories: no advisory service answers" in result.stdout


def test_audit_says_that_the_service_failed(tmp_path: Path) -> None:
    result = audit(tmp_path, MAKES_VENV, "echo 503; exit 1")
    assert result.returncode == 0
    assert "Dependencies were not checked for advisories: the advisory service failed" in result.stdout


def test_audit_fails_on_a_known_vulnerability(tmp_path: Path) -> None:
    result = audit(tmp_path, MAKES_VENV, "echo Found 1 known vulnerability in 1 package; exit 1")
    assert result.returncode == 1
    assert "Upgrade (make lock ARGS=--upgrade)" in result.stderr


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads(Path(ROOT, "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _names(dependencies: list[str]) -> set[str]:
    return {re.split(r"[\[>=<]", dependency)[0].lower() for dependency in dependencies}


def _rows(heading: str) -> list[list[str]]:
    text = Path(ROOT, "docs", "dependencies.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [[row[0].strip("`").lower(), *row[1:]] for row in rows[2:]]
