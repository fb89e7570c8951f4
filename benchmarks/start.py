"""How long `make run` takes to serve the page, the first time and again, and a web server that is started again.

The first start creates the servers' data and loads the sample page. The web server is the process that is started
after a crash or an upgrade, beside a PostgreSQL and a Valkey that run already.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import Figure
from benchmarks.support.product import Environment, granian, product_environment, wait_for_page, web_server
from harness.ports import free_port
from statuspage.local.paths import ROOT

PATIENCE = 120  # seconds


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks start")
    parser.add_argument("--rounds", type=int, default=5, help="starts of each kind; the median counts")
    wanted = parser.parse_args(options)
    with tempfile.TemporaryDirectory(prefix="statuspage-bench-") as name:
        Path(name).chmod(0o755)  # the user of PostgreSQL must be able to enter
        first = seconds_to_page(name)
        again = [seconds_to_page(name) for _round in range(wanted.rounds)]
    with product_environment() as environment:
        web = [seconds_to_serve(environment) for _round in range(wanted.rounds)]
    return [
        Figure("first", first, "s"),
        Figure("again", statistics.median(again), "s", "<=2.5"),
        Figure("web", statistics.median(web), "s", "<=1"),
    ]


def seconds_to_page(folder: str) -> float:
    """Start the product as `make run` does, and stop it once the page was read."""
    port = str(free_port())
    environment = {"PATH": os.environ["PATH"], "PORT": port, "VAR_DIR": folder, "ADMIN_PASSWORD": "measured-measured"}
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "statuspage.local"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        wait_for_page(f"http://127.0.0.1:{port}/da/", process, PATIENCE, pause=0.02)
        return time.monotonic() - begun
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def seconds_to_serve(environment: Environment) -> float:
    begun = time.monotonic()
    with web_server(granian(), environment):
        return time.monotonic() - begun
