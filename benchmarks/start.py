"""How long `make run` takes to serve the page, the first time and again, and a web server that is started again.

The first start creates the servers' data and loads the sample page. Later ones serve the page before the newsroom,
whose log-in page is requested next. The web server is the process that is started after a crash or an upgrade, beside
a PostgreSQL and a Valkey that run already.
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
        port = free_port()  # another one would change SITE_URL, and everything would be published again
        first, _newsroom = seconds_to_answer(name, port)
        again, newsroom = zip(*(seconds_to_answer(name, port) for _round in range(wanted.rounds)), strict=True)
    with product_environment() as environment:
        web = [seconds_to_serve(environment) for _round in range(wanted.rounds)]
    return [
        Figure("first", first, "s"),
        Figure("again", statistics.median(again), "s", "<=2.5"),
        Figure("again_newsroom", statistics.median(newsroom), "s"),
        Figure("web", statistics.median(web), "s", "<=1"),
    ]


def seconds_to_answer(folder: str, port: int) -> tuple[float, float]:
    """Start the product as `make run` does; return when the page and the newsroom were read, and stop it."""
    variables = {"PORT": str(port), "VAR_DIR": folder, "ADMIN_PASSWORD": "measured-measured"}
    environment = {"PATH": os.environ["PATH"], **variables}
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "statuspage.local"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        seconds = []
        for path in ("/da/", "/admin/login/"):
            wait_for_page(f"http://localhost:{port}{path}", process, PATIENCE, pause=0.02)
            seconds.append(time.monotonic() - begun)
        return seconds[0], seconds[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def seconds_to_serve(environment: Environment) -> float:
    begun = time.monotonic()
    with web_server(granian(), environment):
        return time.monotonic() - begun
