"""Debian's Alertmanager sends alerts to the running product with the file that operators copy."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from harness.alertmanager import ALERTMANAGER, Alertmanager
from harness.product import Product, run_environment
from harness.waiting import wait_for
from statuspage.local.paths import ROOT

if not ALERTMANAGER and os.environ.get("REQUIRE_PROMETHEUS") != "1":
    pytest.skip("Alertmanager is not installed (apt-get install prometheus-alertmanager)", allow_module_level=True)

# What staff do in the newsroom: a token that may send alerts alone, and a rule for its alerts.
SET_UP = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from incidents import operations
from incidents.models import Component, UpdateTemplate
from incidents.staff.actors import command
from incidents.text import Text
by = command("test")
web = operations.add_component(fields={"name": Text(da="Web", en="Web"), "slug": "web"}, by=by)
template = UpdateTemplate.objects.filter(kind="incident", phase="investigating").exclude(title={})[0]
operations.add_alert_rule(
    fields={"name": "Nede", "conditions": "severity = critical", "component_label": "component", "template": template,
            "publish": True, "hold": 0, "quiet": 0, "minimum_open": 0},
    by=by,
)
owner = User.objects.get(username="admin")
ends = timezone.now() + timedelta(days=1)
token = operations.create_token(owner=owner, name="Alertmanager", scopes=["alerts"], expires_at=ends, by=by)
print("TOKEN", token.secret)
"""


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product()


@pytest.fixture(scope="module")
def alertmanager(site: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    output = manage(site, "shell", "--command", SET_UP)
    token = next(line.removeprefix("TOKEN ") for line in output.splitlines() if line.startswith("TOKEN "))
    with Alertmanager(tmp_path_factory.mktemp("alerts") / "alertmanager", target=site.url, token=token) as one:
        yield one


def manage(site: Product, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=run_environment({"SECRET_KEY": "a-key-for-tests-that-guards-nothing-at-all-0123456789", **site.variables}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def summary(site: Product) -> str:
    return site.get("/en/api/v2/incidents.json")[2]


def test_alert_opens_an_incident_and_its_end_resolves_it(site: Product, alertmanager: Alertmanager) -> None:
    labels = {"alertname": "WebDown", "severity": "critical", "component": "web"}
    alertmanager.alert({"labels": labels, "annotations": {"summary": "Not for readers"}})
    wait_for(lambda: '"investigating"' in summary(site))
    assert "Not for readers" not in summary(site)
    wait_for(lambda: '"partial_outage"' in site.get("/en/api/v2/components.json")[2])
    alertmanager.alert({"labels": labels, "endsAt": "2026-01-01T00:00:00Z"})
    wait_for(lambda: '"resolved"' in summary(site))
    assert '"partial_outage"' not in site.get("/en/api/v2/components.json")[2]


def test_contact_point_of_grafana_is_yaml_with_our_address() -> None:
    text = Path(ROOT, "deploy", "alerts", "grafana-contact-point.yml").read_text(encoding="utf-8")
    (point,) = yaml.safe_load(text)["contactPoints"]
    assert point["receivers"][0]["settings"]["url"].endswith("/api/v1/alerts/grafana")
