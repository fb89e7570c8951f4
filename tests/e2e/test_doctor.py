"""`manage.py doctor` looks at a running product."""

import json
import subprocess
import sys
from collections.abc import Callable

from harness.product import Product, run_environment
from harness.waiting import wait_for
from statuspage.local.paths import ROOT

KEY = "a-key-for-tests-that-guards-nothing-but-is-long-enough-for-the-checks"
ALL_WORKERS = "delivery: 1, messages: 1, posts: 1, requests: 1"


def doctor(site: Product, *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json", *options],
        cwd=ROOT,
        env=run_environment({"SECRET_KEY": KEY, **site.variables}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, {one["check"]: one for one in json.loads(done.stdout)}


def failed(results: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: one["found"] for name, one in results.items() if one["state"] == "FAIL"}


def test_running_product_is_healthy_and_a_stopped_one_is_named_with_what_it_lacks(
    product: Callable[..., Product],
) -> None:
    site = product(sample_data=True)
    # The page is served before the workers and the scheduler have loaded.
    wait_for(lambda: ALL_WORKERS in doctor(site, "--only", "workers")[1]["workers"]["found"])
    wait_for(lambda: doctor(site, "--only", "scheduler")[0] == 0)
    code, results = doctor(site)
    assert (code, failed(results)) == (0, {})
    site.stop()
    code, results = doctor(site, "--skip", "scheduler")  # its heartbeat counts for a while
    assert code == 1
    assert failed(results)["workers"] == "no worker for delivery, messages, requests"
    assert "not reached" in failed(results)["page"]


def test_other_checks_run_while_database_and_queue_are_down(product: Callable[..., Product]) -> None:
    site = product(sample_data=False)
    site.variables |= {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    code, results = doctor(site)
    assert code == 1
    assert "Connection refused" in failed(results)["database"]
    assert "Connection refused" in failed(results)["queue"]
    assert failed(results)["scheduler"].startswith("not checked: ")
    assert {results[name]["state"] for name in ("page", "store", "disk")} == {"OK"}
