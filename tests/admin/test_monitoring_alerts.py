"""Alert rules in the newsroom: made, tried, and what they made of alerts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from incidents.models import AlertRule, AuditEntry, Component, Incident, MonitoringAlert
from incidents.monitoring_alerts.receiving import ReceivedAlert, receive_alerts
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_alert_rule, make_component, make_template

pytestmark = pytest.mark.django_db
Staff = Callable[..., Client]


def given(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Outage",
        "is_active": "on",
        "position": 0,
        "conditions": "severity = critical",
        "status": "major_outage",
        "impact": "major",
        "template": make_template().pk,
        "hold": 60,
        "quiet": 300,
        "minimum_open": 600,
        **fields,
    }


def test_rule_is_added_and_recorded(publisher: Client) -> None:
    web = make_component("web")
    answer = publisher.post(reverse("admin:incidents_alertrule_add"), given(component=web.pk, publish="on"))
    assert answer.status_code == 302, answer.content.decode()
    rule = AlertRule.objects.get()
    assert (rule.component, rule.publish, rule.notify, rule.resolve) == (web, True, False, False)
    assert AuditEntry.objects.filter(operation="add_alert_rule").exists()
    listed = publisher.get(reverse("admin:incidents_alertrule_changelist")).content.decode()
    assert "<code>severity = critical</code>" in listed


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"conditions": "severity is critical"}, "conditions"),
        ({"group_by": "a b"}, "group_by"),
        ({"component_label": "a b"}, "component_label"),
        ({"notify": "on"}, "notify"),
        ({"hold": 90_000}, "hold"),
        ({"status": "operational"}, "status"),
    ],
)
def test_wrong_field_is_named_and_nothing_is_stored(publisher: Client, fields: dict[str, Any], name: str) -> None:
    answer = publisher.post(reverse("admin:incidents_alertrule_add"), given(**fields))
    assert name in answer.context["adminform"].form.errors
    assert not AlertRule.objects.exists()


def test_template_that_a_rule_uses_cannot_be_deleted(publisher: Client) -> None:
    rule = make_alert_rule()
    address = reverse("admin:incidents_updatetemplate_delete", args=[rule.template_id])
    publisher.post(address, {"post": "yes"})
    assert AlertRule.objects.filter(pk=rule.pk).exists()
    assert type(rule.template).objects.filter(pk=rule.template_id).exists()


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (
            "severity = critical\ncomponent = web",
            ["Rule: all", "After 1 minute an incident is", "Component: Web, Partial outage."],
        ),
        ('{"labels": {"severity": "critical", "component": "web"}}', ["Rule: all"]),
        ("severity = warning", ["No rule fits."]),
    ],
)
def test_example_shows_what_would_happen_and_does_nothing(publisher: Client, example: str, expected: list[str]) -> None:
    make_component("web", name=Text(da="Web", en="Web"))
    make_alert_rule(name="all", conditions="severity = critical", component_label="component")
    page = publisher.post(reverse("admin:incidents_alertrule_try"), {"example": example}).content.decode()
    for sentence in expected:
        assert sentence in page
    assert not MonitoringAlert.objects.exists()
    assert not Incident.objects.exists()


def test_example_that_is_not_understood_is_explained_and_kept(publisher: Client) -> None:
    answer = publisher.post(reverse("admin:incidents_alertrule_try"), {"example": "{no"})
    assert answer.status_code == 422
    assert "{no" in answer.content.decode()


def test_alerts_are_listed_with_their_rule_and_labels(publisher: Client) -> None:
    make_alert_rule(name="Databaser", conditions="team = db", component=Component.objects.first())
    receive_alerts([ReceivedAlert({"alertname": "Down", "team": "db"}, link="https://example.dk/x")], by=ANYBODY)
    receive_alerts([ReceivedAlert({"alertname": "Slow"})], by=ANYBODY)
    address = reverse("admin:incidents_monitoringalert_changelist")
    page = publisher.get(address).content.decode()
    assert ("Databaser" in page, "No rule fits." in page) == (True, True)
    unmatched = publisher.get(address, {"state": "unmatched"}).content.decode()
    assert ("Slow" in unmatched, "Down" in unmatched) == (True, False)
    found = publisher.get(address, {"q": "db"}).content.decode()
    assert ("Slow" in found, "Down" in found) == (False, True)
    row = MonitoringAlert.objects.get(labels__alertname="Down")
    one = publisher.get(reverse("admin:incidents_monitoringalert_change", args=[row.pk])).content.decode()
    assert "<code>team = db</code>" in one
    assert 'href="https://example.dk/x"' in one
