from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from incidents import scheduler
from incidents.models import Delivery, LetterLimit, Subscriber
from incidents.subscriptions import limits, service
from incidents.subscriptions.lifecycle import Choices
from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, messages, request_sign_up, text

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60
DANISH = Choices(language="da")


def test_one_message_a_day_and_three_until_confirmation(anna: Visitor) -> None:
    for _day in range(6):
        anna.sign_up()
        anna.sign_up()
        anna.clock.shift(DAY)
    assert messages() == ["confirmation"] * 3


def test_limit_of_three_outlasts_the_deleted_sign_up(anna: Visitor) -> None:
    for _day in range(6):
        anna.sign_up()
        anna.clock.shift(8 * DAY)
        service.delete_unconfirmed(now=timezone.now())
    assert Subscriber.objects.count() == 0
    anna.sign_up()
    assert messages() == []


def test_confirming_resets_the_limit(anna: Visitor) -> None:
    for _day in range(3):
        anna.sign_up()
        anna.clock.shift(DAY)
    anna.confirm(Subscriber.objects.get())
    anna.sign_up()
    assert messages() == ["confirmation"] * 3 + ["already_subscribed"]


def test_reminders_of_an_existing_subscription_are_limited(anna: Visitor) -> None:
    make_subscriber("anna@example.dk")
    for _day in range(6):
        anna.sign_up()
        anna.clock.shift(DAY)
    assert messages() == ["already_subscribed"] * 3


def test_spellings_of_one_mailbox_share_its_limit(anna: Visitor) -> None:
    for spelling in ("anna", "Anna", "anna+1", "anna+2", "anna+3", "anna+4"):
        anna.sign_up(f"{spelling}@example.dk")
    assert Delivery.objects.count() == 3


def test_one_network_is_limited_and_another_is_not(anna: Visitor, ben: Visitor) -> None:
    for number in range(40):
        request_sign_up(f"{number}@example.dk", network="192.0.2.0/24")
    assert Delivery.objects.count() == limits.NETWORK.burst
    assert Subscriber.objects.count() == limits.NETWORK.burst
    ben.sign_up()
    assert messages() == ["confirmation"]


def test_requests_refused_by_network_do_not_use_up_the_address_limit(anna: Visitor, ben: Visitor) -> None:
    """Otherwise a stranger could lock out an address with messages that were never sent."""
    for number in range(30):
        request_sign_up(f"{number}@example.dk", network="192.0.2.0/24")
    anna.sign_up()
    assert messages() == []
    ben.sign_up()
    assert messages() == ["confirmation"]


def test_one_copy_of_the_form_signs_up_a_few_addresses(anna: Visitor) -> None:
    stamp = anna.stamp()
    for number in range(10):
        anna.sign_up(f"{number}@example.dk", stamp=stamp)
    assert Delivery.objects.count() == limits.STAMP.burst


def test_limit_for_all_alarms_staff_once(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "EVERYBODY", limits.Limit("everybody", timedelta(hours=1), burst=2))
    for number in range(5):
        anna.sign_up(f"{number}@example.dk")
    assert Delivery.objects.count() == 2
    assert [record.levelname for record in caplog.records if "limit for all" in record.message] == ["ERROR"]


def test_limits_store_no_address_and_no_network(anna: Visitor) -> None:
    anna.sign_up()
    rows = str(list(LetterLimit.objects.values()))
    assert LetterLimit.objects.count() == 6
    assert "anna" not in rows
    assert "192.0.2" not in rows


def test_expired_limits_are_deleted(anna: Visitor) -> None:
    anna.sign_up()
    anna.clock.shift(2 * DAY)
    limits.prune(timezone.now())
    assert LetterLimit.objects.count() == 1  # how many messages the address was sent
    anna.clock.shift(366 * DAY)
    limits.prune(timezone.now())
    assert not LetterLimit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_twenty_concurrent_sign_ups_cause_one_message() -> None:
    def sign_up(_number: int) -> None:
        try:
            service.sign_up(address="anna@example.dk", choices=DANISH)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sign_up, range(20)))
    assert messages() == ["confirmation"]


def test_unconfirmed_sign_ups_are_deleted_after_seven_days(anna: Visitor) -> None:
    anna.sign_up()
    anna.clock.shift(7 * DAY - 60)
    scheduler.forget_sign_ups()
    assert Subscriber.objects.exists()
    anna.clock.shift(120)
    scheduler.forget_sign_ups()
    assert not Subscriber.objects.exists()


def test_unconfirmed_return_leaves_the_subscriber_unsubscribed(anna: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk", state="unsubscribed")
    anna.sign_up()
    anna.clock.shift(8 * DAY)
    assert service.delete_unconfirmed(now=timezone.now()) == 0
    subscriber.refresh_from_db()
    assert subscriber.state == "unsubscribed"


def test_limited_reader_gets_the_same_response(anna: Visitor) -> None:
    assert text(anna.sign_up()) == text(anna.sign_up())
