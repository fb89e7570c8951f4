from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from incidents import scheduler
from incidents.models import Delivery, RateLimit, RequestedMessage, Subscriber, SubscriptionRequest
from incidents.subscriptions import limits, service
from incidents.subscriptions.lifecycle import Choices
from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, messages, request_sign_up, text

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60
DANISH = Choices(language="da")


def test_whole_office_can_sign_up_at_once(page: Any) -> None:
    for number in range(250):
        request_sign_up(f"{number}@example.dk", network="192.0.2.0/24")
    assert Delivery.objects.count() == 250


def test_visitor_beyond_the_limit_of_a_network_is_told_so_and_loses_nothing(
    anna: Visitor, ben: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "NETWORK", limits.Limit("network", timedelta(minutes=2), burst=2))
    for number in range(2):
        anna.sign_up(f"{number}@example.dk")
    ben.client.defaults["REMOTE_ADDR"] = anna.client.defaults["REMOTE_ADDR"]
    for visitor, told in ((anna, "Send formularen igen om 2 minutter"), (ben, "send it again in 2 minutes")):
        answer = visitor.sign_up()
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "110")
        assert told in text(answer)
        assert f'href="/{visitor.language}/follow/"' in answer.content.decode()
        assert 'value="anna@example.dk"' in answer.content.decode()
        anna.clock.shift(-5)
    assert messages() == []
    assert sum("one network" in record.message for record in caplog.records) == 1
    anna.clock.shift(120)
    assert anna.sign_up().status_code == 200
    assert messages() == ["confirmation"]


@pytest.mark.parametrize("form", ["subscribe", "subscribe_webhook", "request_manage_link"])
def test_every_form_says_that_too_many_use_it(ben: Visitor, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUESTS", limits.Limit("requests", timedelta(hours=1)))
    ben.sign_up("first@example.dk")
    fields = {"address": "anna@example.dk", "wants_incidents": "on", "url": "https://example.com/", "scope": "all"}
    answer = ben.post(ben.page(form), {**fields, "stamp": ben.stamp()})
    assert answer.status_code == 429
    assert "A great many people are sending this form right now" in text(answer)
    assert "in 60 minutes" in text(answer)
    assert not SubscriptionRequest.objects.exists()


@pytest.mark.parametrize("address", ["known@example.dk", "unknown@example.dk"])
def test_answer_does_not_tell_whether_the_last_message_to_everybody_was_used(
    ben: Visitor, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_subscriber("known@example.dk")
    monkeypatch.setattr(limits, "EVERYBODY", limits.Limit("everybody", timedelta(hours=1)))
    ben.post(ben.page("request_manage_link"), {"address": address})
    assert ben.sign_up("probe@example.dk").status_code == 200


def test_request_refused_by_network_does_not_use_up_the_budget_of_the_mailbox(
    anna: Visitor, ben: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a stranger could lock out an address with messages that were never sent."""
    monkeypatch.setattr(limits, "NETWORK", limits.Limit("network", timedelta(minutes=2)))
    anna.sign_up("first@example.dk")
    assert anna.sign_up().status_code == 429
    ben.sign_up()
    assert messages() == ["confirmation"]


def test_one_copy_of_the_form_signs_up_a_few_addresses_and_the_next_copy_goes_on(ben: Visitor) -> None:
    stamp = ben.stamp()
    for number in range(10):
        answer = ben.sign_up(f"{number}@example.dk", stamp=stamp)
    assert Delivery.objects.count() == limits.STAMP.burst
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert "This form has been sent several times" in text(answer)
    assert f'value="{stamp}"' not in answer.content.decode()
    assert ben.sign_up().status_code == 200


def test_limit_for_all_alarms_staff_once(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "EVERYBODY", limits.Limit("everybody", timedelta(hours=1), burst=2))
    for number in range(5):
        anna.sign_up(f"{number}@example.dk")
    assert Delivery.objects.count() == 2
    assert [record.levelname for record in caplog.records if "limit of messages" in record.message] == ["ERROR"]


def test_limits_store_no_address_and_no_network(anna: Visitor) -> None:
    anna.sign_up()
    rows = str([*RateLimit.objects.values(), *RequestedMessage.objects.values()])
    assert (RateLimit.objects.count(), RequestedMessage.objects.count()) == (4, 1)
    assert "anna" not in rows
    assert "192.0.2" not in rows


def test_expired_limits_are_deleted(anna: Visitor) -> None:
    anna.sign_up()
    anna.clock.shift(DAY)
    scheduler.forget_sign_ups()
    assert not RateLimit.objects.exists()
    assert RequestedMessage.objects.exists()
    anna.clock.shift(29 * DAY)
    scheduler.forget_sign_ups()
    assert not RequestedMessage.objects.exists()


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
    subscriber = make_subscriber("anna@example.dk", state="unsubscribed", left_at=timezone.now())
    anna.sign_up()
    anna.clock.shift(8 * DAY)
    assert service.delete_unconfirmed(now=timezone.now()) == 0
    subscriber.refresh_from_db()
    assert subscriber.state == "unsubscribed"


def test_limited_reader_gets_the_same_response(anna: Visitor) -> None:
    assert text(anna.sign_up()) == text(anna.sign_up())
