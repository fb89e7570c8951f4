"""A script signs up thousands of strangers: the limits hold, staff are alarmed, and a person can still sign up.

`python -m benchmarks signup_flood` does the same at full scale over HTTP.
"""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from incidents.admin.alarms import alarms
from incidents.models import Delivery, RateLimit, Subscriber
from incidents.subscriptions import limits
from incidents.subscriptions.limits import Limit
from tests.subscriptions.visitor import Visitor, messages, request_sign_up

pytestmark = pytest.mark.django_db

ATTEMPTS, VICTIMS, NETWORKS = 120, 8, 60


def flood(visitor: Visitor, *, attempts: int) -> None:
    """Make attempts that each come from another network and name the next victim."""
    for number in range(attempts):
        victim = f"victim{number % VICTIMS}"
        address = f"{victim}+{number}@example.dk" if number % 2 else f"{victim}@ex.dk"
        request_sign_up(address, network=f"10.0.{number % NETWORKS}.0/24")
        visitor.clock.shift(1)


def test_limits_protect_each_victim_and_let_a_person_sign_up(anna: Visitor) -> None:
    flood(anna, attempts=ATTEMPTS // 2)
    anna.sign_up()
    assert messages() == ["confirmation"]
    flood(anna, attempts=ATTEMPTS // 2)
    sent = Delivery.objects.exclude(subscriber__address="anna@example.dk")
    for victim in range(VICTIMS):
        mailbox = sent.filter(subscriber__address__regex=rf"^victim{victim}[+]")
        assert mailbox.count() <= 1
    assert sent.count() <= VICTIMS * 2
    anna.confirm(Subscriber.objects.get(address="anna@example.dk"))
    assert Subscriber.objects.active().count() == 1


def test_flood_from_many_networks_alarms_staff_once_an_hour(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "EVERYBODY", Limit("everybody", timedelta(minutes=1), burst=10))
    for number in range(100):
        with suppress(limits.LimitReached):
            request_sign_up(f"v{number}@example.dk", network=f"10.{number}.0.0/24")
    assert Delivery.objects.count() == 10
    assert [record.levelname for record in caplog.records if "limit for all" in record.message] == ["ERROR"]
    assert RateLimit.objects.filter(key=limits.ALARM.key("everybody")).count() == 1


def test_many_refusals_alarm_staff_for_an_hour(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "REFUSALS", Limit("refusals", limits.REFUSALS.interval, burst=20))
    flood(anna, attempts=10)
    assert limits.alarms(timezone.now()) == set()
    flood(anna, attempts=150)
    assert limits.alarms(timezone.now()) == {"refusals"}
    with translation.override("en"):
        assert any("somebody may be signing up strangers" in alarm.sentence for alarm in alarms())
    assert [record.levelname for record in caplog.records if "signing up strangers" in record.message] == ["ERROR"]
    anna.clock.shift(60 * 60)
    assert limits.alarms(timezone.now()) == set()
