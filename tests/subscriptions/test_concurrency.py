"""Concurrent verbs: unsubscribing and erasing take precedence over callers that read the row before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models.deletion import Collector
from django.utils import timezone

from harness.waiting import wait_for
from incidents.models import Delivery, Destination, Subscriber, SubscriptionRequest
from incidents.subscriptions import budget, requests, service
from incidents.subscriptions.lifecycle import Choices
from incidents.subscriptions.service import LinkState
from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, manage_token, unsubscribe_token
from tests.support.database import is_connection_blocked

DANISH = Choices("da")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """One further thread, with a database connection of its own."""
    with ThreadPoolExecutor(1) as threads:
        yield threads
        threads.submit(connections.close_all).result()


def stored(subscriber: Subscriber) -> Subscriber:
    return Subscriber.objects.get(pk=subscriber.pk)


@pytest.mark.django_db(transaction=True)
def test_sign_up_does_not_undo_a_concurrent_unsubscription(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = make_subscriber("anna@example.dk")
    futures: list[Any] = []

    def unsubscribe_concurrently(_address: str) -> bool:
        futures.append(pool.submit(service.unsubscribe, token=unsubscribe_token(subscriber)))
        wait_for(lambda: futures[0].done() or is_connection_blocked())
        return True

    monkeypatch.setattr(budget, "has_room", unsubscribe_concurrently)
    service.sign_up(address="anna@example.dk", choices=DANISH)
    assert futures[0].result()[0] == LinkState.VALID
    assert stored(subscriber).state == "unsubscribed"


@pytest.mark.django_db(transaction=True)
def test_sign_up_that_waited_for_an_erasure_creates_a_new_subscriber(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = make_subscriber("anna@example.dk")
    futures: list[Any] = []

    def sign_up_concurrently(_address: str) -> None:
        futures.append(pool.submit(service.sign_up, address="anna@example.dk", choices=DANISH))
        wait_for(is_connection_blocked)

    with monkeypatch.context() as patch:
        patch.setattr(budget, "renew", sign_up_concurrently)
        erased = service.erase(subscriber=subscriber)
    assert erased == LinkState.VALID
    futures[0].result()
    assert (stored(subscriber).address, stored(subscriber).state) == ("", "unsubscribed")
    assert Subscriber.objects.by_mail("anna@example.dk").get().state == "pending"


@pytest.mark.django_db(transaction=True)
def test_sign_up_confirmed_during_cleanup_is_kept(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    requested_at = timezone.now() - timedelta(days=8)
    subscriber = make_subscriber("anna@example.dk", state="pending", confirmed_at=None, requested_at=requested_at)
    futures: list[Any] = []

    def confirm() -> int:
        late = Subscriber.objects.filter(pk=subscriber.pk, state="pending")
        return late.update(state="active", confirmed_at=timezone.now())

    def confirm_concurrently(collector: Collector) -> Any:
        """Runs between the query for unconfirmed sign-ups and the deletion."""
        futures.append(pool.submit(confirm))
        wait_for(lambda: futures[0].done() or is_connection_blocked())
        return delete(collector)

    delete = Collector.delete
    monkeypatch.setattr(Collector, "delete", confirm_concurrently)
    service.delete_unconfirmed(now=timezone.now())
    assert Subscriber.objects.count() == futures[0].result()


@pytest.mark.django_db
def test_saving_outdated_choices_does_not_resubscribe() -> None:
    seen = make_subscriber("anna@example.dk")
    service.unsubscribe(token=unsubscribe_token(seen))
    assert service.change_choices(subscriber=seen, choices=Choices("en")) == LinkState.VALID
    assert (stored(seen).state, stored(seen).language) == ("unsubscribed", "en")
    assert stored(seen).left_at is not None


@pytest.mark.django_db
def test_outdated_subscriber_does_not_restore_an_erased_address() -> None:
    seen = make_subscriber("anna@example.dk")
    service.erase(subscriber=stored(seen))
    left = stored(seen).left_at
    assert service.change_choices(subscriber=seen, choices=DANISH) == LinkState.EXPIRED
    assert service.erase(subscriber=seen) == LinkState.EXPIRED
    assert service.end_subscription(seen) is False
    assert (stored(seen).address, stored(seen).state, stored(seen).left_at) == ("", "unsubscribed", left)


@pytest.mark.django_db
def test_subscriber_read_before_a_new_opt_in_changes_nothing() -> None:
    seen = make_subscriber("anna@example.dk")
    Subscriber.objects.update(opt_in_round=2)
    assert service.change_choices(subscriber=seen, choices=Choices("en")) == LinkState.EXPIRED
    assert service.erase(subscriber=seen) == LinkState.EXPIRED
    assert (stored(seen).address, stored(seen).language, stored(seen).state) == ("anna@example.dk", "da", "active")


@pytest.mark.django_db
def test_ending_a_subscription_keeps_newer_choices() -> None:
    seen = make_subscriber("anna@example.dk")
    service.change_choices(subscriber=seen, choices=Choices("en", wants_maintenance=False))
    assert service.end_subscription(seen) is True
    assert service.end_subscription(seen) is False
    present = stored(seen)
    assert (present.state, present.language, present.wants_maintenance) == ("unsubscribed", "en", False)


@pytest.mark.parametrize("name", ["manage", "erase"])
def test_link_that_expires_while_the_form_is_open_shows_the_expired_page(
    ben: Visitor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    subscriber = make_subscriber("anna@example.dk", language="en")
    check = service.check_manage_link

    def erase_concurrently(token: str) -> tuple[LinkState, Subscriber | None]:
        result = check(token)
        service.erase(subscriber=stored(subscriber))
        return result

    monkeypatch.setattr(service, "check_manage_link", erase_concurrently)
    answer = ben.post(ben.page(name, manage_token(subscriber)), {"wants_incidents": "on"})
    assert answer.status_code == 410
    assert "The link does not work any more" in answer.content.decode()
    assert stored(subscriber).address == ""


@pytest.mark.django_db(transaction=True)
def test_manage_link_requested_during_an_erasure_is_not_sent(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = make_subscriber("anna@example.dk")
    futures: list[Any] = []

    def erase_concurrently(_address: str) -> bool:
        futures.append(pool.submit(service.erase, subscriber=subscriber))
        wait_for(lambda: futures[0].done() or is_connection_blocked())
        return True

    monkeypatch.setattr(budget, "has_room", erase_concurrently)
    service.send_manage_link(address="anna@example.dk")
    assert futures[0].result() == LinkState.VALID
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_request_that_is_processed_during_an_erasure_is_a_new_sign_up(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = make_subscriber("anna@example.dk")
    requests.store(requests.to_subscribe("anna@example.dk", DANISH))
    futures: list[Any] = []

    def process_concurrently(_address: str) -> None:
        futures.append(pool.submit(requests.process_due, timezone.now()))
        wait_for(is_connection_blocked)

    monkeypatch.setattr(budget, "renew", process_concurrently)
    assert service.erase(subscriber=subscriber) == LinkState.VALID
    assert futures[0].result() == 1
    assert stored(subscriber).address == ""
    assert Subscriber.objects.by_mail("anna@example.dk").get().state == "pending"
    assert not SubscriptionRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_mailbox_erased_from_two_pages_at_once_is_erased_once(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = make_subscriber("anna@example.dk")
    webhook = make_subscriber("https://example.dk/hook", channel="webhook", owner="anna@example.dk")
    futures: list[Any] = []

    def erase_concurrently(_address: str) -> None:
        futures.append(pool.submit(service.erase, subscriber=webhook))
        wait_for(is_connection_blocked)

    monkeypatch.setattr(budget, "renew", erase_concurrently)
    assert service.erase(subscriber=mail) == LinkState.VALID
    assert futures[0].result() == LinkState.EXPIRED
    assert not Subscriber.objects.exclude(address="").exists()


@pytest.mark.django_db(transaction=True)
def test_last_two_subscribers_of_a_domain_erased_at_once_leave_no_domain(pool: ThreadPoolExecutor) -> None:
    anna, ben = make_subscriber("anna@example.dk"), make_subscriber("ben@example.dk")
    Destination.objects.create(name="example.dk")
    with transaction.atomic():
        service.erase(subscriber=anna)
        erased = pool.submit(service.erase, subscriber=ben)
        wait_for(is_connection_blocked)
    assert erased.result() == LinkState.VALID
    assert not Destination.objects.exists()
