"""How long it takes to import a table of 100,000 subscribers."""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.results import Figure
from benchmarks.support.product import Environment, product_environment
from statuspage.local.paths import ROOT

LINES = 100_000


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks subscribers")
    parser.add_argument("--lines", type=int, default=LINES, help="of the table that is imported")
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0") as environment:
        imported = measured(environment, "import", wanted.lines)
    return [
        Figure("import", imported["seconds"], "s", "<=10"),
        Figure("import_processor", imported["processor"], "s"),
        Figure("import_memory", imported["memory"], "MB", "<=150"),
        Figure("imported", imported["stored"], aim=f">={wanted.lines}"),
    ]


def measured(environment: Environment, *command: object) -> dict[str, Any]:
    full = [sys.executable, "-m", "benchmarks.support.subscribers", *map(str, command)]
    output = subprocess.run(full, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found
