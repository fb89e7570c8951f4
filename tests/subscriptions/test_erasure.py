"""Erasure leaves a keyed hash, the day, and deliveries that say nothing about the person."""

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.crypto import salted_hmac
from pytest_django import Settings

from incidents import scheduler
from incidents.identity import canonical
from incidents.models import (
    Bounce,
    Delivery,
    Destination,
    IncidentChoice,
    MailDomain,
    RequestedMessage,
    Subscriber,
    SubscriptionRequest,
)
from incidents.notifications import release
from incidents.subscriptions import erasure, lifecycle, requests, service
from tests.factories import make_component, make_incident, make_subscriber
from tests.notifications.helpers import announced, claimed
from tests.subscriptions.visitor import Visitor, manage_token, unsubscribe_token

pytestmark = pytest.mark.django_db

WEBHOOK = "https://hooks.livets.dk/status"
QUUX = "quux@livets.dk"


def everything_stored() -> str:
    """Return all rows of all tables as text."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith(("inc", "django_a"))]
        rows: list[Any] = []
        for name in tables:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{name}" AS t')
            rows += [row for (row,) in cursor.fetchall()]
    return "\n".join(rows)


@pytest.fixture
def dan(anna: Visitor, settings: Settings) -> Subscriber:
    """A person with a domain, and a history: signed up, confirmed, changed, was sent news, bounced."""
    settings.ANNOUNCEMENT_HOLD = 0
    anna.sign_up("quux@livets.dk", language="en")
    subscriber = Subscriber.objects.get()
    anna.confirm(subscriber)
    anna.clock.shift(timedelta(days=2))
    subscriber.components.add(make_component("mail"))
    incident = make_incident()
    IncidentChoice.objects.create(subscriber=subscriber, incident=incident, confirmed_at=timezone.now())
    announced(incident)
    delivery = subscriber.deliveries.get(letter="update")
    subscriber.deliveries.update(reply="550 quux@livets.dk")
    for announcement in (delivery.announcement, None):
        Bounce.objects.create(subscriber=subscriber, announcement=announcement, consequence="counted", reply="quux")
    MailDomain.objects.create(name="livets.dk", group="livets.dk", known_at=timezone.now())
    Destination.objects.create(name="livets.dk")
    anna.sign_up("quux@livets.dk")
    requests.store(requests.to_manage("Quux@livets.dk"))
    subscriber.refresh_from_db()
    return subscriber


@pytest.mark.parametrize("secret", ["", "s", "ø" * 100])
@pytest.mark.parametrize("address", ["anna@example.dk", "Ånna+x@EXAMPLE.dk", "бо@пример.рф"])
def test_key_of_an_erased_address_is_a_salted_hmac(address: str, secret: str) -> None:
    value = canonical(address).upper()
    expected = salted_hmac("incidents.subscriptions.erased", value, secret, algorithm="sha256").hexdigest()
    assert lifecycle.erased_key(address, secret) == expected
    assert lifecycle.erased_keys([canonical(address), "b@c.dk"], secret)[0] == expected


def test_erased_subscriber_is_a_hash_and_a_day(anna: Visitor, dan: Subscriber) -> None:
    key = lifecycle.erased_key("quux@livets.dk")
    anna.post(anna.page("erase", manage_token(dan)))
    fresh, day = Subscriber(), datetime(2026, 11, 25, tzinfo=UTC)
    stored = Subscriber.objects.get()
    left = {
        field.name: getattr(stored, field.name)
        for field in Subscriber._meta.concrete_fields
        if not field.primary_key and getattr(stored, field.name) != getattr(fresh, field.name)
    }
    days = dict.fromkeys(("requested_at", "left_at", "created_at", "updated_at"), day)
    assert left == {"state": "unsubscribed", "erased_key": key, **days}
    assert not stored.components.exists()
    assert not stored.consents.exists()
    assert not IncidentChoice.objects.exists()
    assert not RequestedMessage.objects.exists()
    assert not SubscriptionRequest.objects.exists()


def test_no_table_names_the_person_after_the_erasure(anna: Visitor, dan: Subscriber) -> None:
    assert "livets" in everything_stored()
    service.erase(subscriber=dan)
    found = everything_stored()
    assert "livets" not in found
    assert "quux" not in found.casefold()
    delivery = Delivery.objects.get()  # the ledger still adds up
    assert (delivery.letter, delivery.destination, delivery.language, delivery.reply) == ("update", "", "", "")
    assert [bounce.reply for bounce in Bounce.objects.all()] == [""]


def test_domain_of_another_subscriber_is_kept(dan: Subscriber) -> None:
    make_subscriber("eva@livets.dk")
    service.erase(subscriber=dan)
    assert MailDomain.objects.exists()
    assert Destination.objects.exists()


def test_erased_webhook_leaves_neither_its_address_nor_its_owner(anna: Visitor) -> None:
    webhook = make_subscriber(WEBHOOK, channel="webhook", owner="quux@livets.dk")
    for name in ("https://hooks.livets.dk", "livets.dk"):
        Destination.objects.create(name=name)
    service.erase(subscriber=webhook)
    assert "livets" not in everything_stored()


@pytest.mark.parametrize("started_from", ["quux@livets.dk", WEBHOOK])
def test_all_subscriptions_of_the_mailbox_are_erased(anna: Visitor, started_from: str) -> None:
    make_subscriber("quux@livets.dk")
    make_subscriber(WEBHOOK, channel="webhook", owner="Quux@livets.dk")
    pending = {"state": "pending", "confirmed_at": None}
    make_subscriber("https://x.livets.dk", channel="webhook", owner="quux@livets.dk", **pending)
    other = make_subscriber(WEBHOOK, channel="webhook", owner="other@example.dk")
    page = anna.page("erase", manage_token(Subscriber.objects.get(address=started_from, canonical_address=QUUX)))
    shown = anna.get(page).content.decode()
    assert "<strong>quux@livets.dk</strong>" in shown.casefold()
    assert "webhooks" in shown
    assert "webhooks" in anna.post(page).content.decode()
    assert [one.pk for one in Subscriber.objects.exclude(address="")] == [other.pk]
    assert Subscriber.objects.exclude(erased_key="").count() == 3
    assert "quux" not in everything_stored().casefold()


def test_mx_group_is_forgotten_with_its_last_domain_and_kept_for_other_domains(dan: Subscriber) -> None:
    MailDomain.objects.update(group="mail.livets.dk")
    MailDomain.objects.create(name="example.dk", group="livets.dk", known_at=timezone.now())
    Destination.objects.create(name="mail.livets.dk")
    service.erase(subscriber=dan)
    assert [one.name for one in Destination.objects.all()] == ["livets.dk"]
    assert [one.name for one in MailDomain.objects.all()] == ["example.dk"]


def test_request_in_another_spelling_is_deleted(anna: Visitor) -> None:
    for address in ("søren@blåbær.dk", "SØREN@xn--blbr-roah.dk", "søren@example.dk"):
        SubscriptionRequest.objects.create(kind="manage", address=address)
    service.erase(subscriber=make_subscriber("søren@blåbær.dk"))
    assert SubscriptionRequest.objects.get().address == "søren@example.dk"


def test_batch_of_departed_subscribers_takes_as_many_queries_as_one(anna: Visitor) -> None:
    def queries(number: int) -> int:
        for one in range(number):
            left = timezone.now() - timedelta(days=40)
            make_subscriber(f"{one}@{one}.example.dk", state="unsubscribed", left_at=left)
        with CaptureQueriesContext(connection) as captured:
            assert erasure.erase_departed(timezone.now()) == number
        return len(captured)

    assert queries(20) == queries(1)


@pytest.mark.parametrize("days", [0, 30])
def test_address_of_a_departed_subscriber_is_hashed_after_a_while(anna: Visitor, settings: Settings, days: int) -> None:
    settings.LEFT_ADDRESS_KEPT_DAYS = days
    subscriber, stays = make_subscriber("quux@livets.dk"), make_subscriber("eva@example.dk")
    anna.post(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    anna.clock.shift(timedelta(days=days) - timedelta(minutes=1))
    scheduler.erase_departed()
    subscriber.refresh_from_db()
    assert subscriber.address == "quux@livets.dk"
    anna.clock.shift(timedelta(minutes=2))
    scheduler.erase_departed()
    subscriber.refresh_from_db()
    stays.refresh_from_db()
    assert (subscriber.address, subscriber.erased_key) == ("", lifecycle.erased_key("quux@livets.dk"))
    assert stays.address == "eva@example.dk"


def test_departed_subscribers_are_erased_in_batches(anna: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "BATCH", 2)
    left = timezone.now() - timedelta(days=40)
    for number in range(3):
        make_subscriber(f"{number}@example.dk", state="unsubscribed", left_at=left)
    assert [erasure.erase_departed(timezone.now()) for _ in range(3)] == [2, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_erasing_does_not_delay_announcements(monkeypatch: pytest.MonkeyPatch) -> None:
    started, released = Event(), Event()
    results: list[bool] = []

    def release() -> None:
        if started.is_set():
            released.set()

    def erase() -> None:
        started.set()
        results.append(released.wait(20))

    monkeypatch.setattr(scheduler, "release_announcements", release)
    monkeypatch.setattr(scheduler, "erase_departed", erase)
    scheduler.run(lambda: bool(results), pause=0.01)
    assert results[0]


def test_sign_up_of_a_returning_subscriber_that_is_never_confirmed_ends_in_the_hash_too(anna: Visitor) -> None:
    subscriber = make_subscriber("quux@livets.dk", state="unsubscribed", left_at=timezone.now())
    anna.sign_up("quux@livets.dk")
    anna.clock.shift(timedelta(days=8))
    scheduler.forget_sign_ups()
    subscriber.refresh_from_db()
    assert subscriber.state == "unsubscribed"
    anna.clock.shift(timedelta(days=31))
    scheduler.erase_departed()
    subscriber.refresh_from_db()
    assert subscriber.address == ""


def test_sign_up_form_says_how_long_the_address_is_kept(ben: Visitor, settings: Settings) -> None:
    for days, expected in ((30, "kept for 30 more days"), (1, "one more day"), (0, "your address is deleted")):
        settings.LEFT_ADDRESS_KEPT_DAYS = days
        assert expected in ben.get(ben.page("subscribe")).content.decode()


def test_message_in_flight_during_the_erasure_leaves_nothing(dan: Subscriber) -> None:
    Delivery.objects.update(state="sending", skip_reason="", **claimed(), reply="")
    service.erase(subscriber=dan)
    assert {delivery.destination for delivery in Delivery.objects.all()} == {""}
    assert release.release_due(timezone.now()) == 0
