"""How long it takes to rebuild the statuses of a component with a long history.

In the transaction of an update they are rebuilt from the start of its incident on: `newest_of`
is the usual case, `oldest_of` derives and compares the whole record. `from_empty` also stores it.
"""

import argparse
import json
import subprocess
import sys

from benchmarks.results import Figure
from benchmarks.support.product import product_environment
from statuspage.local.paths import ROOT

SIZE = 10_000


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks rebuild")
    parser.add_argument("--size", type=int, default=SIZE, help="incidents of the component, with three updates each")
    parser.add_argument("--rounds", type=int, default=15, help="rebuilds; the median counts")
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0") as environment:
        command = [sys.executable, "-m", "benchmarks.support.rebuilding", str(wanted.size), str(wanted.rounds)]
        output = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout
    found = json.loads(output)
    return [
        Figure(f"newest_of_{wanted.size}", found["newest"], "ms", "<=200"),
        Figure(f"oldest_of_{wanted.size}", found["oldest"], "ms"),
        Figure("from_empty", found["from_empty"], "ms"),
        Figure("changes", found["changes"]),
    ]
