"""Somebody signs strangers up by the thousand: the limits hold, staff hear of it, and a person gets through.

`python -m benchmarks signup_flood` does the same at full size over HTTP.
"""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from incidents.admin.alarms import alarms
from incidents.models import Delivery, LetterLimit, Subscriber
from incidents.subscriptions import limits
from incidents.subscriptions.limits import Limit
from tests.subscriptions.visitor import Visitor, letters, request_sign_up

pytestmark = pytest.mark.django_db

ATTEMPTS, VICTIMS, NETWORKS = 120, 8, 60


def bomb(visitor: Visitor, *, attempts: int) -> None:
    """Every attempt comes from another network and names the next victim."""
    for number in range(attempts):
        victim = f"victim{number % VICTIMS}"
        address = f"{victim}+{number}@example.dk" if number % 2 else f"{victim}@ex.dk"
        request_sign_up(address, network=f"10.0.{number % NETWORKS}.0/24")
        visitor.clock.shift(1)


def test_each_victim_gets_the_few_letters_that_the_limits_say_and_a_person_gets_through(anna: Visitor) -> None:
    bomb(anna, attempts=ATTEMPTS // 2)
    anna.sign_up()
    assert letters() == ["confirmation"]
    bomb(anna, attempts=ATTEMPTS // 2)
    sent = Delivery.objects.exclude(subscriber__address="anna@example.dk")
    for victim in range(VICTIMS):
        mailbox = sent.filter(subscriber__address__regex=rf"^victim{victim}[+]")
        assert mailbox.count() <= limits.MAILBOX.burst
    assert sent.count() <= VICTIMS * limits.MAILBOX.burst
    anna.confirm(Subscriber.objects.get(address="anna@example.dk"))
    assert Subscriber.objects.active().count() == 1


def test_flood_from_many_networks_alarms_staff_once_an_hour(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "EVERYBODY", Limit("everybody", timedelta(minutes=1), burst=10))
    for number in range(100):
        request_sign_up(f"v{number}@example.dk", network=f"10.{number}.0.0/24")
    assert Delivery.objects.count() == 10
    assert [record.levelname for record in caplog.records if "limit for all" in record.message] == ["ERROR"]
    assert LetterLimit.objects.filter(key=limits.ALARM.key("everybody")).count() == 1


def test_one_who_is_refused_again_and_again_is_seen_by_staff_for_an_hour(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "REFUSALS", Limit("refusals", limits.REFUSALS.interval, burst=20))
    bomb(anna, attempts=10)
    assert limits.alarms(timezone.now()) == set()
    bomb(anna, attempts=150)
    assert limits.alarms(timezone.now()) == {"refusals"}
    with translation.override("en"):
        assert any("somebody may be signing up strangers" in alarm.sentence for alarm in alarms())
    assert [record.levelname for record in caplog.records if "signing up strangers" in record.message] == ["ERROR"]
    anna.clock.shift(60 * 60)
    assert limits.alarms(timezone.now()) == set()
