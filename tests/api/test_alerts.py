"""Alertmanager, Grafana and other programs send alerts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from incidents.api.alerts import NotAnAlert, read_alerts
from incidents.models import MonitoringAlert, TokenScope
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]

# The example of Alertmanager's documentation of its webhook, version 4.
ALERTMANAGER: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="Down"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "statuspage",
    "groupLabels": {"alertname": "Down"},
    "commonLabels": {"alertname": "Down"},
    "commonAnnotations": {},
    "externalURL": "http://monitoring.example:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Down", "instance": "web-1"},
            "annotations": {"summary": "web-1 is down"},
            "startsAt": "2026-03-02T12:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
            "fingerprint": "c5a1bd4e4b0ba1b1",
        }
    ],
}
# The body in Grafana's documentation of its webhook notifier.
GRAFANA = {
    "receiver": "My Super Webhook",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
            "annotations": {
                "description": "The system has high memory usage",
                "runbook_url": "https://myrunbook.com/runbook/1234",
                "summary": "This alert was triggered for zone us-1",
            },
            "startsAt": "2021-10-12T09:51:03.157076+02:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana",
            "dashboardURL": "",
            "panelURL": "",
            "values": {"B": 44.23943737541908, "C": 1},
        },
        {
            "status": "firing",
            "labels": {"alertname": "High CPU usage", "team": "blue", "zone": "eu-1"},
            "annotations": {"description": "The system has high CPU usage", "summary": "Triggered for zone eu-1"},
            "startsAt": "2021-10-12T09:56:03.157076+02:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://play.grafana.org/alerting/d1rdpdv7k/edit",
            "fingerprint": "bc97ff14869b13e3",
            "values": None,
        },
    ],
    "groupLabels": {},
    "commonLabels": {"team": "blue"},
    "commonAnnotations": {},
    "externalURL": "https://play.grafana.org/",
    "version": "1",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
    "title": "[FIRING:2]  (blue)",
    "state": "alerting",
    "message": "**Firing**\n\nLabels:\n - alertname = T2",
}


def send(client: ApiClient, address: str, body: Any, **headers: str) -> Any:
    given = {"Authorization": f"Bearer {client.secret}", **headers}
    return client.client.post(f"/api/v1/alerts{address}", body, content_type="application/json", headers=given)


def test_alertmanager_sends_an_alert_and_its_end(api: Api) -> None:
    client = api("alerts")
    answer = send(client, "/alertmanager", ALERTMANAGER)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    alert = MonitoringAlert.objects.get()
    assert (alert.labels["instance"], alert.summary, alert.ended_at) == ("web-1", "web-1 is down", None)
    assert alert.fired_at.isoformat() == "2026-03-02T12:00:00.123456+00:00"
    ended = {"alerts": [{**one, "status": "resolved"} for one in ALERTMANAGER["alerts"]]}
    assert send(client, "/alertmanager", ended).status_code == 202
    assert MonitoringAlert.objects.get().ended_at is not None


def test_grafana_sends_what_its_documentation_says(api: Api) -> None:
    assert send(api("alerts"), "/grafana", GRAFANA).json() == {"accepted": 2}
    assert set(MonitoringAlert.objects.values_list("summary", flat=True)) == {
        "This alert was triggered for zone us-1",
        "Triggered for zone eu-1",
    }


def test_program_sends_our_own_shape(api: Api) -> None:
    alert = {"labels": {"check": "checkout"}, "summary": "Orders fail", "link": "javascript:alert(1)"}
    assert send(api("alerts"), "", {"alerts": [alert]}).status_code == 202
    found = MonitoringAlert.objects.get()
    assert (found.summary, found.link, str(found)) == ("Orders fail", "", "Orders fail")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"alerts": [{}]},
        {"alerts": [{"labels": {}}]},
        {"alerts": [{"labels": {"a": "x" * 1_001}}]},
        {"alerts": [{"labels": {"a": "1"}, "status": "unknown"}]},
        {"alerts": [{"labels": {str(n): "1" for n in range(65)}}]},
    ],
)
def test_what_is_no_alert_is_refused_with_a_reason(api: Api, body: Any) -> None:
    answer = send(api("alerts"), "", body)
    assert answer.status_code == 422
    assert answer.json()["error"]


@pytest.mark.parametrize("scope", TokenScope.values)
def test_alerts_need_their_scope(api: Api, scope: str) -> None:
    allowed = scope in {"alerts", "publish"}
    answer = send(api(scope), "", {"alerts": [{"labels": {"a": "1"}}]})
    assert answer.status_code == (202 if allowed else 403)


def test_token_for_alerts_can_do_nothing_else(api: Api) -> None:
    client = api("alerts")
    assert client.get("/incidents").status_code == 403
    assert client.get("/components").status_code == 403
    assert client.post("/incidents", {"incident": {"name": "x"}}).status_code == 403


def test_alerts_without_a_token_are_refused(db: None) -> None:
    assert Client().post("/api/v1/alerts", {"alerts": []}, content_type="application/json").status_code == 401


def test_many_requests_in_a_row_are_taken(api: Api) -> None:
    client = api("alerts")
    answers = [send(client, "", {"alerts": [{"labels": {"n": str(n % 7)}}]}).status_code for n in range(150)]
    assert set(answers) == {202}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("severity = critical\ninstance=web-1", [{"severity": "critical", "instance": "web-1"}]),
        ('{"labels": {"a": "1"}}', [{"a": "1"}]),
        ('[{"labels": {"a": "1"}}, {"labels": {"b": "2"}}]', [{"a": "1"}, {"b": "2"}]),
        ('{"alerts": [{"status": "firing", "labels": {"a": "1"}, "annotations": {}}]}', [{"a": "1"}]),
    ],
)
def test_example_is_read_in_every_shape(text: str, labels: list[dict[str, str]]) -> None:
    assert [dict(alert.labels) for alert in read_alerts(text)] == labels


@pytest.mark.parametrize("text", ["severity", "{", '{"alerts": 1}', '{"alerts": [1]}', "[[]]", '{"labels": {}}', " "])
def test_example_that_is_no_alert_is_refused(text: str) -> None:
    with pytest.raises(NotAnAlert):
        read_alerts(text)
