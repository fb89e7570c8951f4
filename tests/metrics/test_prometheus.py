"""Debian's Prometheus scrapes the running product with the files that operators copy."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from harness.product import Product
from harness.prometheus import PROMETHEUS, PROMTOOL, Prometheus
from harness.waiting import wait_for
from incidents.metrics import definitions
from statuspage.env import Environment
from tests.support.processes import of_folder

if not PROMETHEUS and os.environ.get("REQUIRE_PROMETHEUS") != "1":
    pytest.skip("Prometheus is not installed (Debian: apt-get install prometheus)", allow_module_level=True)

TOKEN = "a-token-of-prometheus"


@pytest.fixture(scope="module")
def running(product: Callable[..., Product]) -> Product:
    return product(METRICS_TOKEN=TOKEN)


@pytest.fixture(scope="module")
def prometheus(running: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("metrics") / "prometheus"
    with Prometheus(folder, target=f"127.0.0.1:{running.port}", token=TOKEN) as one:
        yield one


def scrape(running: Product) -> str:
    status, _headers, text = running.get("/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    return text


def value(running: Product, series: str) -> str:
    found = re.findall(rf"^statuspage_{re.escape(series)} (\S+)$", scrape(running), re.MULTILINE)
    return found[0] if found else ""


def allow_connections(running: Product, *, allowed: bool) -> None:
    """Let the product's database answer, or refuse and end all connections."""
    url = urlsplit(running.variables["DATABASE_URL"])
    settings = Environment.database(url)
    with psycopg.connect(
        dbname="postgres",
        user=settings["USER"],
        password=settings["PASSWORD"] or None,
        host=settings["HOST"],
        port=settings["PORT"] or None,
        autocommit=True,
    ) as connection:
        name, answer = sql.Identifier(settings["NAME"]), sql.Literal(allowed)
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, answer))
        if not allowed:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(ended, [settings["NAME"]])


def test_running_product_has_every_metric_in_valid_form(running: Product) -> None:
    wait_for(lambda: value(running, "scheduler_last_beat_timestamp_seconds"))
    running.get("/da/")
    text = scrape(running)
    assert re.findall(r"^# TYPE statuspage_(\w+) ", text, re.MULTILINE) == [one.name for one in definitions.ALL]
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_prometheus_scrapes_with_the_token_and_loads_the_rules(prometheus: Prometheus) -> None:
    def target() -> dict[str, str]:
        targets: list[dict[str, str]] = prometheus.ask("targets")["activeTargets"]
        return targets[0] if targets else {}

    wait_for(lambda: target().get("health") == "up")

    def rules() -> list[dict[str, str]]:
        return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

    wait_for(lambda: rules() and all(rule["health"] != "unknown" for rule in rules()))
    assert {rule["name"]: rule.get("lastError", "") for rule in rules() if rule["health"] != "ok"} == {}


def test_alert_fires_while_the_database_is_down_and_ends_with_it(running: Product, prometheus: Prometheus) -> None:
    wait_for(lambda: value(running, "database_up") == "1")
    wait_for(lambda: "StatusPageDatabaseDown" not in prometheus.firing())
    allow_connections(running, allowed=False)
    try:
        wait_for(lambda: "StatusPageDatabaseDown" in prometheus.firing())
        wait_for(lambda: (value(running, "pages_up"), value(running, "application_up")) == ("1", "1"))
    finally:
        allow_connections(running, allowed=True)
    wait_for(lambda: "StatusPageDatabaseDown" not in prometheus.firing())
    wait_for(lambda: value(running, "database_up") == "1")


def test_alert_fires_while_django_is_silent(running: Product, prometheus: Prometheus) -> None:
    wait_for(lambda: value(running, "application_up") == "1")
    processes = [pid for pid, command in of_folder(running.folder).items() if "statuspage.django_process" in command]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: "StatusPageApplicationDown" in prometheus.firing())
        assert (value(running, "application_up"), value(running, "pages_up")) == ("0", "1")
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: "StatusPageApplicationDown" not in prometheus.firing())


def test_alert_fires_while_a_worker_is_stopped(running: Product, prometheus: Prometheus) -> None:
    wait_for(lambda: value(running, 'workers{queue="messages"}') == "1")
    running.process.send_signal(signal.SIGSTOP)  # otherwise it starts the worker again
    try:
        for pid, command in of_folder(running.folder).items():
            if "rqworker" in command and "messages" in command:
                os.kill(pid, signal.SIGTERM)
        wait_for(lambda: "StatusPageNoWorker" in prometheus.firing())
    finally:
        running.process.send_signal(signal.SIGCONT)
    wait_for(lambda: "StatusPageNoWorker" not in prometheus.firing())
