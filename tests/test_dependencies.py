"""Dependencies are explained, and the bill of materials is complete and valid."""

import re
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
    ("heading", "extra"), [("Production", None), ("Provider", "provider"), ("Local", "local"), ("Development", "dev")]
)
def test_every_direct_dependency_is_explained(heading: str, extra: str | None) -> None:
    project = _project()
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    assert {row[0] for row in _rows(heading)} == _names(listed)
    assert all(all(row) for row in _rows(heading))


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
