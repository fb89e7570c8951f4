"""How fast the home page is served: PublicSite under granian compared with nginx serving the same file.

One worker each, wrk with 32 connections, in turns. The figure is the median of the ratios of
all turns, so that other work on the machine affects both alike. For comparison, the same
template is rendered by a Django view for each request, under granian and under gunicorn.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path

from benchmarks.results import Figure, Missing
from benchmarks.support.product import (
    WEB_THREADS,
    Environment,
    WebServer,
    granian,
    gunicorn,
    product_environment,
    web_server,
)
from harness.nginx import NGINX, Nginx
from harness.ports import free_port

AIM = ">=0.75"
CONNECTIONS = 32
PATH = "/da/"
DJANGO_VIEW = "benchmarks.support.django_view:application"


@dataclass(frozen=True)
class Kind:
    """A way to request the page, and the expected status."""

    name: str
    headers: Callable[[str], dict[str, str]]
    status: int = 200


KINDS = (
    Kind("plain", lambda _url: {}),
    Kind("gzip", lambda _url: {"Accept-Encoding": "gzip"}),
    Kind("unchanged", lambda url: {"If-None-Match": fetch(url, {})[1]["ETag"]}, 304),
)


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement, in seconds")
    parser.add_argument("--threads", type=int, default=WEB_THREADS, help="of granian, as WEB_THREADS")
    wanted = parser.parse_args(options)
    check_programs()
    with product_environment(WEB_THREADS=str(wanted.threads)) as environment:
        with fast_servers(environment, wanted.threads) as (site, nginx):
            figures = [figure for kind in KINDS for figure in compared(kind, site, nginx, wanted)]
        return [*figures, *rendered_per_request(environment, figures[1].value, wanted)]


def check_programs() -> None:
    if not NGINX:
        raise Missing("nginx is missing (Debian: apt-get install nginx-light)")
    if not shutil.which("wrk"):
        raise Missing("wrk is missing (Debian: apt-get install wrk)")


@contextmanager
def fast_servers(environment: Environment, threads: int) -> Iterator[tuple[WebServer, WebServer]]:
    var, root = Path(environment["VAR_DIR"]), Path(environment["PUBLIC_ROOT"])
    nginx = Nginx(var / "nginx", public_root=root, var=var, application_port=free_port())
    with nginx, web_server(granian("statuspage.wsgi:application", threads), environment) as site:
        assert fetch(site.url, {})[0] == fetch(nginx.url, {})[0], "PublicSite and nginx do not serve the same page"
        yield site, WebServer(nginx.url, nginx.process.pid)


def compared(kind: Kind, site: WebServer, nginx: WebServer, wanted: argparse.Namespace) -> list[Figure]:
    """The ratio, the rates behind it, and the processor time per request, which a busy machine affects least."""
    ours, theirs = [], []
    for _ in range(wanted.rounds):
        ours.append(rate(site, kind, wanted.seconds))
        theirs.append(rate(nginx, kind, wanted.seconds))
    ratio = statistics.median(our.per_second / their.per_second for our, their in zip(ours, theirs, strict=True))
    figures = [Figure(f"{kind.name}_ratio", ratio, aim=AIM)]
    for name, rates in (("site", ours), ("nginx", theirs)):
        figures.append(Figure(f"{kind.name}_{name}", statistics.median(one.per_second for one in rates), "/s"))
        figures.append(Figure(f"{kind.name}_{name}_cpu", statistics.median(one.cost for one in rates), "us"))
    return figures


def rendered_per_request(environment: Environment, site_rate: float, wanted: argparse.Namespace) -> Iterator[Figure]:
    for name, command in (("granian", granian), ("gunicorn", gunicorn)):
        with ExitStack() as stack:
            django = stack.enter_context(
                web_server(command("benchmarks.support.django_view:application", wanted.threads), environment)
            )
            # It renders only some pages per second: in less time many connections would not get one.
            found = rate(django, KINDS[0], max(10, wanted.seconds)).per_second
        yield Figure(f"django_{name}", found, "/s")
        yield Figure(f"speedup_over_{name}", site_rate / found, "x")
    yield Figure("page", len(fetch_file(environment)) / 1000, "kB")


def fetch_file(environment: Environment) -> bytes:
    return Path(environment["PUBLIC_ROOT"], "da", "index.html").read_bytes()


@dataclass(frozen=True)
class Rate:
    """Requests per second, and the microseconds of processor time that the server spent on each."""

    per_second: float
    cost: float


def rate(server: WebServer, kind: Kind, seconds: int) -> Rate:
    headers = [word for name, value in kind.headers(server.url).items() for word in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *headers, f"{server.url}{PATH}"]
    before = server.processor_time()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    worked = server.processor_time() - before
    if "Non-2xx" in said and kind.status == 200:
        raise AssertionError(f"{server.url} answers with errors:\n{said}")
    requests = int(re.findall(r"(\d+) requests in", said)[0])
    return Rate(float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]), worked / max(requests, 1) * 1e6)


def fetch(url: str, headers: dict[str, str]) -> tuple[bytes, HTTPMessage]:
    request = urllib.request.Request(f"{url}{PATH}", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read(), answer.headers
