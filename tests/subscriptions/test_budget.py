"""One budget of messages per mailbox: one in 24 hours, three in 30 days, whatever form a stranger uses."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from incidents import links
from incidents.models import Delivery, Subscriber
from incidents.subscriptions import service
from tests.factories import make_incident, make_subscriber
from tests.subscriptions.visitor import Visitor, manage_token, messages, unsubscribe_token

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60
WEBHOOK = "https://hooks.example.com/status"


def connect_webhook(visitor: Visitor, address: str = "anna@example.dk", url: str = WEBHOOK) -> None:
    fields = {"url": url, "address": address, "wants_incidents": "on", "scope": "all", "stamp": visitor.stamp()}
    assert visitor.post(visitor.page("subscribe_webhook"), fields).status_code == 200


def request_link(visitor: Visitor, address: str = "anna@example.dk") -> None:
    assert visitor.post(visitor.page("request_manage_link"), {"address": address}).status_code == 200


def follow(visitor: Visitor) -> None:
    path = visitor.page("follow", make_incident().pk)
    assert visitor.post(path, {"address": "anna@example.dk", "stamp": visitor.stamp()}).status_code == 200


FORMS: dict[str, Callable[[Visitor], object]] = {
    "sign-up": lambda visitor: visitor.sign_up(),
    "follow": follow,
    "manage link": request_link,
    "webhook": connect_webhook,
    "other spelling": lambda visitor: visitor.sign_up("Anna+news@Example.dk"),
}


def test_one_message_a_day_and_three_in_thirty_days(anna: Visitor) -> None:
    for _day in range(6):
        anna.sign_up()
        anna.sign_up()
        anna.clock.shift(DAY)
    assert messages() == ["confirmation"] * 3


def test_budget_outlasts_the_deleted_sign_up(anna: Visitor) -> None:
    for _week in range(3):
        anna.sign_up()
        assert messages() == ["confirmation"]
        anna.clock.shift(8 * DAY)
        service.delete_unconfirmed(now=timezone.now())
    assert Subscriber.objects.count() == 0
    anna.sign_up()
    assert messages() == []
    anna.clock.shift(7 * DAY)  # 31 days after the first message
    anna.sign_up()
    assert messages() == ["confirmation"]


def test_confirming_renews_the_budget(anna: Visitor) -> None:
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


@pytest.mark.parametrize("first", FORMS)
def test_all_forms_draw_from_one_budget(anna: Visitor, first: str) -> None:
    subscriber = make_subscriber("anna@example.dk")
    FORMS[first](anna)
    for form in FORMS.values():
        form(anna)
    assert Delivery.objects.count() == 1
    anna.clock.shift(DAY)
    for form in FORMS.values():
        form(anna)
    assert Delivery.objects.count() == 2
    assert subscriber.deliveries.count() + Delivery.objects.exclude(subscriber=subscriber).count() == 2


def test_webhook_form_does_not_bomb_its_alleged_owner(anna: Visitor) -> None:
    for number in range(8):
        connect_webhook(anna, url=f"{WEBHOOK}/{number}")
        request_link(anna)
        request_link(anna, "anna+x@example.dk")
    assert Delivery.objects.count() == 1


def test_unconfirmed_entries_get_no_manage_link(anna: Visitor) -> None:
    make_subscriber("anna@example.dk", state="pending")
    make_subscriber(WEBHOOK, channel="webhook", owner="anna@example.dk", state="pending")
    request_link(anna)
    assert not Delivery.objects.exists()


def test_one_message_links_to_all_subscriptions_of_an_address(anna: Visitor) -> None:
    own = make_subscriber("anna@example.dk")
    make_subscriber(WEBHOOK, channel="webhook", owner="anna@example.dk")
    make_subscriber(f"{WEBHOOK}/2", channel="webhook", owner="anna@example.dk", state="pending")
    make_subscriber(f"{WEBHOOK}/3", channel="webhook", owner="ben@example.dk")
    request_link(anna)
    assert messages() == ["manage"]
    page = anna.get(anna.page("manage", manage_token(own))).content.decode()
    other = page.partition("Dine andre abonnementer")[2].partition("</ul>")[0]
    assert f">{WEBHOOK}</a>" in other
    assert other.count("<li>") == 1
    path = other.partition('href="')[2].partition('"')[0]
    anna.clock.shift(59 * 60)
    assert WEBHOOK in anna.get(path).content.decode()
    anna.clock.shift(61)  # no page of the other subscription makes the first link last longer
    assert anna.get(path).status_code == 410


@pytest.mark.parametrize("act", ["manage", "erase"])
def test_owner_who_acts_on_a_message_renews_the_budget(anna: Visitor, act: str) -> None:
    subscriber = make_subscriber("anna@example.dk")
    request_link(anna)
    fields = {"wants_incidents": "on", "scope": "all"}
    assert anna.post(anna.page(act, manage_token(subscriber)), fields).status_code == 200
    anna.sign_up()
    expected = "already_subscribed" if act == "manage" else "confirmation"
    assert Delivery.objects.latest("id").letter == expected


@pytest.mark.parametrize("page", ["unsubscribe", "unfollow"])
def test_unsubscribing_does_not_renew_the_budget(anna: Visitor, page: str) -> None:
    """The link is in every message about an incident, and those are forwarded."""
    subscriber, incident = make_subscriber("anna@example.dk"), make_incident()
    request_link(anna)
    token = links.sign(links.Purpose.UNSUBSCRIBE, f"{subscriber.pk}:{incident.pk}")
    assert anna.post(anna.page(page, token)).status_code == 200
    request_link(anna)
    anna.sign_up()
    assert Delivery.objects.count() == 1


def test_opening_a_page_does_not_renew_the_budget(anna: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk")
    request_link(anna)
    anna.get(anna.page("manage", manage_token(subscriber)))
    anna.get(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    request_link(anna)
    assert messages() == ["manage"]


def test_both_domains_of_gmail_are_one_mailbox(anna: Visitor) -> None:
    anna.sign_up("dana.h@gmail.com")
    anna.sign_up("danah@googlemail.com")
    assert Delivery.objects.count() == 1
