"""Alerts are sent once for each cause and person, and again if they could not be sent."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from harness.smtp_server import ScriptedServer
from incidents import scheduler
from incidents.admin.alarms import alarms
from incidents.models import AlertMessage, AlertState, Incident, StaffAlert, StaffSession, StaleSubject
from incidents.publishing import stale
from incidents.staff_alerts.raising import delete_old_alerts
from incidents.staff_alerts.recipients import set_email_alerts
from incidents.status import Phase
from tests.factories import make_incident, make_maintenance, make_page, make_update
from tests.staff_alerts.conftest import NOW
from tests.support.receiver import Receiver, answer

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """The team's chat."""
    with Receiver() as running:
        settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
        settings.ALERT_WEBHOOK_URL = running.url
        yield running


def overdue(at: datetime = NOW - MINUTE) -> Incident:
    incident = make_incident()
    Incident.objects.filter(pk=incident.pk).update(next_update_by=at)
    StaleSubject.objects.all().delete()
    return incident


def subjects(smtp: ScriptedServer, address: str) -> list[str]:
    return [str(one.message["Subject"]) for one in smtp.to(address)]


def test_cause_is_sent_once_and_a_new_promise_is_a_new_cause(
    smtp: ScriptedServer, person: Callable[..., Any], clock: time_machine.Traveller
) -> None:
    person("karen")
    incident = overdue()
    for _beat in range(3):
        scheduler.alert_staff()
        clock.shift(MINUTE)
    assert len(smtp.to("karen@example.dk")) == 1
    Incident.objects.filter(pk=incident.pk).update(next_update_by=timezone.now() + HOUR)
    scheduler.alert_staff()
    clock.shift(61 * MINUTE)
    scheduler.alert_staff()
    assert len(smtp.to("karen@example.dk")) == 2


def test_email_is_in_the_language_of_the_person_and_leads_to_the_form(
    smtp: ScriptedServer, person: Callable[..., Any]
) -> None:
    make_page()
    for name, language in (("karen", "da"), ("james", "en")):
        StaffSession.objects.create(user=person(name), key_hash=name, network="", language=language)
    incident = overdue()
    scheduler.alert_staff()
    danish, english = smtp.to("karen@example.dk")[0], smtp.to("james@example.dk")[0]
    assert str(danish.message["Subject"]).startswith("Mail er forsinket: Opdateringen, der var lovet til")
    subject = "Mail is delayed: The update that was promised for 2 Mar 2026, 12:59 is overdue"
    assert str(english.message["Subject"]) == subject
    form = f"https://status.example.dk/admin/incidents/incident/{incident.pk}/update/"
    for email in (danish, english):
        assert form in email.text().splitlines()
        assert "https://status.example.dk/admin/alerts/" in email.text()
        assert email.message["Auto-Submitted"] == "auto-generated"


def test_only_staff_who_may_publish_and_have_an_address_are_alerted(
    smtp: ScriptedServer, person: Callable[..., Any]
) -> None:
    person("karen")
    person("reader", is_superuser=False)
    person("former", is_active=False)
    person("outside", is_staff=False)
    person("silent", email="")
    overdue()
    scheduler.alert_staff()
    assert [one.recipient for one in smtp.received] == ["karen@example.dk"]


def test_role_that_may_publish_one_kind_is_alerted_of_that_kind(
    smtp: ScriptedServer, person: Callable[..., Any], django_user_model: Any
) -> None:
    permission = django_user_model._meta.get_field("user_permissions").related_model
    ida = person("ida", is_superuser=False)
    ida.user_permissions.set(permission.objects.filter(codename="publish_maintenance"))
    overdue()
    make_maintenance(start=NOW + 10 * MINUTE, end=NOW + HOUR, auto_start=False)
    scheduler.alert_staff()
    assert len(smtp.to("ida@example.dk")) == 1
    assert "Udskiftning af disk" in subjects(smtp, "ida@example.dk")[0]


def test_person_can_switch_emails_off_and_on(smtp: ScriptedServer, person: Callable[..., Any]) -> None:
    karen = person("karen")
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(karen)
    client.post("/admin/alerts/", {})
    overdue()
    scheduler.alert_staff()
    assert smtp.received == []
    client.post("/admin/alerts/", {"email_alerts": "on"})
    overdue(NOW - 2 * MINUTE)
    scheduler.alert_staff()
    assert len(smtp.to("karen@example.dk")) == 1


def test_switching_off_stops_what_waits(
    smtp: ScriptedServer, person: Callable[..., Any], clock: time_machine.Traveller
) -> None:
    karen = person("karen")
    smtp.says = lambda stage, _recipient: "451 Busy" if stage == "RCPT" else None
    overdue()
    scheduler.alert_staff()
    set_email_alerts(user=karen, on=False)
    clock.shift(2 * MINUTE)
    scheduler.alert_staff()
    assert AlertMessage.objects.get().state == AlertState.CANCELLED


def test_failure_is_tried_again_and_shown_to_staff(
    smtp: ScriptedServer, person: Callable[..., Any], clock: time_machine.Traveller
) -> None:
    person("karen")
    refusing = True
    smtp.says = lambda stage, _recipient: "451 4.7.500 Server busy" if refusing and stage == "DOT" else None
    overdue()
    scheduler.alert_staff()
    scheduler.alert_staff()
    assert AlertMessage.objects.get().attempts == 1
    clock.shift(MINUTE)
    scheduler.alert_staff()
    message = AlertMessage.objects.get()
    assert (message.state, message.attempts) == (AlertState.WAITING, 2)
    assert "Server busy" in message.error
    with translation.override("en"):
        assert "Alerts cannot be sent to staff by email" in alarms()[-1].sentence
    refusing = False
    clock.shift(2 * MINUTE)
    scheduler.alert_staff()
    assert AlertMessage.objects.get().state == AlertState.SENT
    assert len(smtp.to("karen@example.dk")) == 1
    with translation.override("en"):
        assert not any("Alerts cannot be sent" in alarm.sentence for alarm in alarms())


def test_alert_that_cannot_be_sent_for_a_day_is_given_up(
    smtp: ScriptedServer, person: Callable[..., Any], clock: time_machine.Traveller
) -> None:
    person("karen")
    smtp.says = lambda stage, _recipient: "451 Busy" if stage == "DOT" else None
    overdue()
    for _hour in range(26):
        scheduler.alert_staff()
        clock.shift(HOUR)
    first = AlertMessage.objects.earliest("pk")
    assert first.state == AlertState.FAILED
    assert first.attempts > 20


def test_cause_that_is_settled_first_is_not_sent(
    smtp: ScriptedServer, person: Callable[..., Any], clock: time_machine.Traveller
) -> None:
    person("karen")
    smtp.says = lambda stage, _recipient: "451 Busy" if stage == "DOT" else None
    incident = overdue()
    scheduler.alert_staff()
    smtp.says = lambda _stage, _recipient: None
    clock.shift(MINUTE)
    make_update(incident, Phase.RESOLVED)
    scheduler.alert_staff()
    assert AlertMessage.objects.get().state == AlertState.CANCELLED
    assert smtp.received == []


@pytest.mark.parametrize("format_", ["slack", "teams", "json"])
def test_chat_of_the_team_gets_a_link_to_the_form(receiver: Receiver, settings: Settings, format_: str) -> None:
    settings.ALERT_WEBHOOK_FORMAT = format_
    incident = overdue()
    scheduler.alert_staff()
    scheduler.alert_staff()
    (posted,) = receiver.posted
    url = f"https://status.example.dk/admin/incidents/incident/{incident.pk}/update/"
    content = json.loads(posted.body)
    if format_ == "slack":
        assert content["text"].splitlines()[0] == "*Mail er forsinket*"
        assert content["text"].splitlines()[2] == f"<{url}|Åbn formularen>"
    elif format_ == "teams":
        assert content["attachments"][0]["content"]["actions"][0]["url"] == url
    else:
        assert (content["alert"]["kind"], content["alert"]["url"]) == ("update_overdue", url)


def test_chat_that_refuses_is_tried_again_without_its_address_in_the_error(
    receiver: Receiver, clock: time_machine.Traveller
) -> None:
    receiver.says = lambda _posted: answer("503 Busy")
    overdue()
    scheduler.alert_staff()
    assert AlertMessage.objects.get().error == "503 Service Unavailable"
    receiver.says = lambda _posted: answer("204 No Content")
    clock.shift(MINUTE)
    scheduler.alert_staff()
    assert AlertMessage.objects.get().state == AlertState.SENT


def test_alert_is_kept_while_its_cause_holds(person: Callable[..., Any], clock: time_machine.Traveller) -> None:
    incident = overdue()
    scheduler.alert_staff()
    clock.shift(91 * DAY)
    delete_old_alerts(timezone.now())
    assert StaffAlert.objects.count() == 1
    make_update(incident, Phase.RESOLVED)
    delete_old_alerts(timezone.now())
    assert StaffAlert.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_several_schedulers_send_each_alert_once(
    smtp: ScriptedServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale, "publish_for_readers", lambda: None)
    person("karen")
    for _each in range(5):
        overdue()

    def beat(_number: int) -> None:
        try:
            scheduler.alert_staff()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as schedulers:
        list(schedulers.map(beat, range(8)))
    assert len(smtp.to("karen@example.dk")) == 5
