"""Two verbs at the same time: leaving and being forgotten win over whoever read the row before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models.deletion import Collector
from django.utils import timezone

from harness.waiting import wait_for
from incidents.models import Delivery, Subscriber
from incidents.subscriptions import lifecycle, limits, service
from incidents.subscriptions.lifecycle import Choices
from incidents.subscriptions.service import LinkState
from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, letters, manage_link, unsubscription
from tests.support.database import is_somebody_blocked

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
def test_unsubscribing_while_somebody_signs_the_address_up_again_is_not_undone(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = make_subscriber("anna@example.dk")
    presses: list[Any] = []

    def one_click_meanwhile(**_wish: str) -> bool:
        presses.append(pool.submit(service.unsubscribe, token=unsubscription(subscriber)))
        wait_for(lambda: presses[0].done() or is_somebody_blocked())
        return True

    monkeypatch.setattr(limits, "may_sign_up", one_click_meanwhile)
    service.sign_up(address="anna@example.dk", choices=DANISH)
    assert presses[0].result()[0] == LinkState.VALID
    assert stored(subscriber).state == "unsubscribed"


@pytest.mark.django_db(transaction=True)
def test_sign_up_that_waited_for_an_erasure_begins_with_a_stranger(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = make_subscriber("anna@example.dk")
    presses: list[Any] = []
    forget = lifecycle.end_subscription

    def sign_up_meanwhile(locked: Subscriber) -> None:
        presses.append(pool.submit(service.sign_up, address="anna@example.dk", choices=DANISH))
        wait_for(is_somebody_blocked)
        forget(locked)

    monkeypatch.setattr(lifecycle, "end_subscription", sign_up_meanwhile)
    assert service.erase(subscriber=subscriber) == LinkState.VALID
    presses[0].result()
    assert (stored(subscriber).address, stored(subscriber).state) == ("", "unsubscribed")
    assert Subscriber.objects.by_mail("anna@example.dk").get().state == "pending"


@pytest.mark.django_db(transaction=True)
def test_who_confirms_while_old_sign_ups_are_forgotten_is_kept(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = timezone.now() - timedelta(days=8)
    subscriber = make_subscriber("anna@example.dk", state="pending", confirmed_at=None, requested_at=asked)
    presses: list[Any] = []

    def confirm() -> int:
        late = Subscriber.objects.filter(pk=subscriber.pk, state="pending")
        return late.update(state="active", confirmed_at=timezone.now())

    def confirmed_meanwhile(collector: Collector) -> Any:
        """Between the look at who is late and the deletion."""
        presses.append(pool.submit(confirm))
        wait_for(lambda: presses[0].done() or is_somebody_blocked())
        return delete(collector)

    delete = Collector.delete
    monkeypatch.setattr(Collector, "delete", confirmed_meanwhile)
    service.delete_unconfirmed(now=timezone.now())
    assert Subscriber.objects.count() == presses[0].result()


@pytest.mark.django_db
def test_choices_that_were_read_before_somebody_left_do_not_bring_them_back() -> None:
    seen = make_subscriber("anna@example.dk")
    service.unsubscribe(token=unsubscription(seen))
    assert service.change_choices(subscriber=seen, choices=Choices("en")) == LinkState.VALID
    assert (stored(seen).state, stored(seen).language) == ("unsubscribed", "en")
    assert stored(seen).left_at is not None


@pytest.mark.django_db
def test_what_was_read_before_an_erasure_does_not_bring_the_address_back() -> None:
    seen = make_subscriber("anna@example.dk")
    service.erase(subscriber=stored(seen))
    left = stored(seen).left_at
    assert service.change_choices(subscriber=seen, choices=DANISH) == LinkState.EXPIRED
    assert service.erase(subscriber=seen) == LinkState.EXPIRED
    assert service.end_subscription(seen) is False
    assert (stored(seen).address, stored(seen).state, stored(seen).left_at) == ("", "unsubscribed", left)


@pytest.mark.django_db
def test_what_was_read_in_an_earlier_round_changes_and_erases_nothing() -> None:
    seen = make_subscriber("anna@example.dk")
    Subscriber.objects.update(opt_in_round=2)
    assert service.change_choices(subscriber=seen, choices=Choices("en")) == LinkState.EXPIRED
    assert service.erase(subscriber=seen) == LinkState.EXPIRED
    assert (stored(seen).address, stored(seen).language, stored(seen).state) == ("anna@example.dk", "da", "active")


@pytest.mark.django_db
def test_staff_who_end_a_subscription_write_no_older_choices() -> None:
    seen = make_subscriber("anna@example.dk")
    service.change_choices(subscriber=seen, choices=Choices("en", wants_maintenance=False))
    assert service.end_subscription(seen) is True
    assert service.end_subscription(seen) is False
    present = stored(seen)
    assert (present.state, present.language, present.wants_maintenance) == ("unsubscribed", "en", False)


@pytest.mark.parametrize("name", ["manage", "erase"])
def test_link_that_ends_while_the_form_is_read_shows_the_page_of_an_old_link(
    ben: Visitor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    subscriber = make_subscriber("anna@example.dk", language="en")
    look = service.check_manage_link

    def erased_meanwhile(token: str) -> tuple[LinkState, Subscriber | None]:
        found = look(token)
        service.erase(subscriber=stored(subscriber))
        return found

    monkeypatch.setattr(service, "check_manage_link", erased_meanwhile)
    answer = ben.post(ben.page(name, manage_link(subscriber)), {"wants_incidents": "on"})
    assert answer.status_code == 410
    assert "The link does not work any more" in answer.content.decode()
    assert stored(subscriber).address == ""


@pytest.mark.django_db(transaction=True)
def test_link_asked_for_during_an_erasure_is_written_to_nobody(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = make_subscriber("anna@example.dk")
    presses: list[Any] = []

    def erased_meanwhile(**_wish: str) -> bool:
        presses.append(pool.submit(service.erase, subscriber=subscriber))
        wait_for(lambda: presses[0].done() or is_somebody_blocked())
        return True

    monkeypatch.setattr(limits, "may_send_manage_link", erased_meanwhile)
    service.send_manage_links(address="anna@example.dk")
    assert presses[0].result() == LinkState.VALID
    assert letters("") == ["manage"]
    assert Delivery.objects.get().state == "skipped"
