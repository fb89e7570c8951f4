"""Writes the bill of materials of the production packages: `make sbom`.

CycloneDX, as JSON. Names, versions, hashes and dependencies are those of requirements.txt; licences are those of the
installed packages. The same commit gives the same file. docs/dependencies.md says why no generator does this.
"""

import json
import re
import uuid
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from statuspage import __version__
from statuspage.local.paths import ROOT

SPEC_VERSION = "1.6"
REQUIREMENTS = Path(ROOT, "requirements.txt")
# For packages whose metadata has no SPDX expression: what their licence file is.
LICENCE_FILES = {
    "async-timeout": "Apache-2.0",
    "bleach": "Apache-2.0",
    "django-ninja": "MIT",
    "pyrage": "MIT",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "segno": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
    "webencodings": "BSD-3-Clause",
}
_PRODUCT = f"pkg:generic/statuspage@{__version__}"
_PINNED = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+) (?P<rest>(?:.|\n)*?)(?=^\S|\Z)", re.MULTILINE)


@dataclass(frozen=True)
class Package:
    """A package of requirements.txt; `needed_by` has the names of packages, or `statuspage` for the product."""

    name: str
    version: str
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL, by which the bill refers to it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def packages(requirements: str) -> list[Package]:
    """Return what a compiled file pins."""
    return [
        Package(
            name=found["name"],
            version=found["version"],
            hashes=tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", found["rest"])),
            needed_by=tuple(re.findall(r"^    #(?: via|  ) +([a-z][a-z0-9._-]*)", found["rest"], re.MULTILINE)),
        )
        for found in _PINNED.finditer(requirements)
    ]


def licence(package: Package) -> str:
    """Return the SPDX expression of the installed package; it must be the pinned version."""
    declared = metadata.metadata(package.name)
    if declared["Version"] != package.version:
        raise ValueError(f"{package.name} {declared['Version']} is installed, and {package.version} pinned.")
    if "License-Expression" in declared:
        return declared["License-Expression"]
    if package.name in LICENCE_FILES:
        return LICENCE_FILES[package.name]
    if "License" in declared:
        return declared["License"]
    raise ValueError(f"{package.name} declares no licence: read its licence file and add it to LICENCE_FILES.")


def bill(requirements: str) -> dict[str, Any]:
    """Return the bill of materials of a compiled file."""
    pinned = packages(requirements)
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, _PRODUCT + requirements)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": _PRODUCT,
                "name": "statuspage",
                "version": __version__,
                "licenses": [{"expression": "BSD-3-Clause"}],
                "purl": _PRODUCT,
            }
        },
        "components": [_component(package) for package in pinned],
        "dependencies": [
            _needs("statuspage", _PRODUCT, pinned),
            *(_needs(package.name, package.purl, pinned) for package in pinned),
        ],
    }


def as_json(requirements: str) -> str:
    """Return the bill of materials as the text of a file."""
    return json.dumps(bill(requirements), indent=2) + "\n"


def _component(package: Package) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        # Of each file of the release: which one is installed depends on the machine.
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.hashes],
        "licenses": [{"expression": licence(package)}],
        "purl": package.purl,
    }


def _needs(name: str, reference: str, pinned: list[Package]) -> dict[str, Any]:
    return {"ref": reference, "dependsOn": [package.purl for package in pinned if name in package.needed_by]}


def main() -> None:
    target = Path(ROOT, "var", f"statuspage-{__version__}.cdx.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(as_json(REQUIREMENTS.read_text(encoding="utf-8")), encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
