"""A script sends every form for many strangers: the budget holds, staff are alarmed, and a person can still sign up.

`python -m benchmarks signup_flood` does the same at full scale over HTTP.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone, translation
from pytest_django import Settings

from incidents.admin.alarms import alarms
from incidents.models import Delivery, Incident, RateLimit, Subscriber
from incidents.subscriptions import addresses, form_stamps, limits
from incidents.subscriptions.limits import Limit
from tests.factories import make_incident, make_subscriber
from tests.subscriptions.visitor import Visitor, messages, request_sign_up

pytestmark = pytest.mark.django_db

VICTIMS = 4
WEBHOOK = "https://hooks.example.com/status"
CHOICES = {"wants_incidents": "on", "scope": "all"}
FORMS = ("subscribe", "follow", "request_manage_link", "subscribe_webhook")
# The spellings of a mailbox, and the status with which each form answers them.
SPELLINGS: dict[Callable[[str, int], str], int] = {
    lambda name, _number: f"{name}@example.dk": 200,
    lambda name, _number: f"{name.upper()}@Example.DK": 200,
    lambda name, number: f"{name}+{number}@example.dk": 200,
    lambda name, _number: f"{name.replace('v', 'ｖ')}＠example.dk": 200,
    lambda name, _number: f"{name.replace('i', 'ı')}@example.dk": 422,  # cannot be written to
}


def flood(visitor: Visitor, incident: Incident) -> None:
    """Send each form in each spelling for each victim, always from another network."""
    every = product(SPELLINGS.items(), FORMS, range(VICTIMS))
    for number, ((spelled, status), name, victim) in enumerate(every):
        path = visitor.page(name, *([incident.pk] if name == "follow" else []))
        fields = {**CHOICES, "address": spelled(f"victim{victim}", number), "stamp": stamp(visitor), "url": WEBHOOK}
        answer = visitor.post(path, fields, REMOTE_ADDR=f"10.{number // 250}.{number % 250}.9")
        assert answer.status_code == status, (name, fields["address"])


def stamp(visitor: Visitor) -> str:
    fetched = form_stamps.new()
    visitor.clock.shift(3)
    return fetched


def test_no_form_and_no_spelling_gets_a_mailbox_a_second_message(anna: Visitor, settings: Settings) -> None:
    settings.EMAIL_SMTPUTF8 = True
    incident = make_incident()
    for victim in range(0, VICTIMS, 2):
        make_subscriber(f"victim{victim}@example.dk")
    flood(anna, incident)
    anna.sign_up()
    assert messages() == ["confirmation"]
    flood(anna, incident)
    sent = Delivery.objects.exclude(subscriber__address="anna@example.dk").select_related("subscriber")
    mailboxes = Counter(addresses.mailbox(delivery.subscriber.mail_address) for delivery in sent)
    assert mailboxes == {f"victim{victim}@example.dk": 1 for victim in range(VICTIMS)}
    anna.confirm(Subscriber.objects.get(address="anna@example.dk"))
    assert Subscriber.objects.active().filter(address="anna@example.dk").exists()


def repeat_sign_ups(visitor: Visitor, times: int) -> None:
    for number in range(times):
        request_sign_up(f"victim+{number}@example.dk", network=f"10.0.{number % 60}.0/24")
        visitor.clock.shift(1)


def test_flood_from_many_networks_alarms_staff_once_an_hour(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "EVERYBODY", Limit("everybody", timedelta(minutes=1), burst=10))
    for number in range(100):
        with suppress(limits.LimitReached):
            request_sign_up(f"v{number}@example.dk", network=f"10.{number}.0.0/24")
    assert Delivery.objects.count() == 10
    assert [record.levelname for record in caplog.records if "limit of messages" in record.message] == ["ERROR"]
    assert RateLimit.objects.filter(key=limits.ALARM.key("everybody")).count() == 1


def test_many_refusals_alarm_staff_for_an_hour(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "REFUSALS", Limit("refusals", limits.REFUSALS.interval, burst=20))
    repeat_sign_ups(anna, 10)
    assert limits.alarms(timezone.now()) == set()
    repeat_sign_ups(anna, 150)
    assert limits.alarms(timezone.now()) == {"refusals"}
    with translation.override("en"):
        assert any("somebody may be signing up strangers" in alarm.sentence for alarm in alarms())
    assert [record.levelname for record in caplog.records if "signing up strangers" in record.message] == ["ERROR"]
    anna.clock.shift(60 * 60)
    assert limits.alarms(timezone.now()) == set()
