"""A link from any earlier message proves the mailbox: its owner needs no further message, whatever strangers do."""

import re
from collections.abc import Callable

import pytest
from pytest_django import Settings

from incidents import links, scheduler
from incidents.links import Purpose
from incidents.models import Delivery, Subscriber
from incidents.subscriptions import limits
from tests.factories import make_incident, make_subscriber
from tests.subscriptions.test_budget import request_link
from tests.subscriptions.visitor import (
    Visitor,
    confirmation_token,
    connect_token,
    manage_token,
    messages,
    text,
    unsubscribe_token,
)

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60
WEBHOOK = "https://hooks.example.com/status"
CHOICES = {"wants_incidents": "on", "scope": "all"}


def test_subscriber_who_left_by_mistake_comes_back_without_a_message(ben: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk", language="en", wants_maintenance=False)
    goodbye = ben.post(ben.page("unsubscribe", unsubscribe_token(subscriber)))
    path = re.search(r'href="([^"]+/again/[^"]+)"', goodbye.content.decode())
    assert path is not None
    form = ben.get(path[1])
    assert "a…@example.dk" in text(form)
    assert "anna@example.dk" not in form.content.decode()
    assert "You confirm by" not in text(form)
    assert "You are subscribed" in text(ben.post(path[1], CHOICES))
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.opt_in_round, subscriber.left_at) == ("active", 2, None)
    assert messages() == []
    again = text(ben.get(path[1]))
    assert "You are already subscribed" in again
    assert "Systems" not in again  # a link that may have been forwarded does not show the choices


def test_owner_is_not_locked_out_by_a_stranger_who_used_up_the_budget(ben: Visitor) -> None:
    tokens = []
    for _day in range(3):
        ben.sign_up()
        tokens.append(confirmation_token(Subscriber.objects.get()))
        ben.clock.shift(DAY)
    ben.clock.shift(8 * DAY)
    scheduler.forget_sign_ups()
    assert not Subscriber.objects.exists()
    ben.sign_up()
    assert messages() == []  # the budget is used up
    for token in tokens:
        expired = ben.post(ben.page("confirm", token))
        assert expired.status_code == 410
        assert ben.page("subscribe_again", token) in expired.content.decode()
    path = ben.page("subscribe_again", tokens[0])
    other = ben.post(path, {**CHOICES, "address": "eve@example.dk"})
    assert other.status_code == 422
    assert "sent to another address" in text(other)
    assert 'value="eve@example.dk"' in other.content.decode()
    assert "You are subscribed" in text(ben.post(path, {**CHOICES, "address": "Anna@example.dk"}))
    assert Subscriber.objects.get().state == "active"
    assert not Delivery.objects.exists()
    ben.sign_up()
    assert [one.letter for one in Delivery.objects.all()] == ["already_subscribed"]  # the budget is renewed


def test_link_about_an_erased_subscriber_proves_nothing(ben: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk")
    ben.post(ben.page("erase", manage_token(subscriber)))
    for token in (unsubscribe_token(subscriber), manage_token(subscriber), confirmation_token(subscriber)):
        assert ben.get(ben.page("subscribe_again", token)).status_code == 404


def lost_sign_up(visitor: Visitor, address: str = "anna@example.dk") -> str:
    """Return the confirmation link's token of a sign-up that was deleted because nobody confirmed it."""
    visitor.sign_up(address)
    token = confirmation_token(Subscriber.objects.get())
    visitor.clock.shift(8 * DAY)
    scheduler.forget_sign_ups()
    return token


def test_typed_addresses_cannot_be_guessed_with_a_link(ben: Visitor) -> None:
    path = ben.page("subscribe_again", lost_sign_up(ben))
    tried = [ben.post(path, {**CHOICES, "address": f"{number}@example.dk"}).status_code for number in range(8)]
    assert tried == [422] * limits.OWNER.burst + [429] * 3


def test_link_proves_its_own_address_and_no_other_one_of_what_may_be_the_same_mailbox(ben: Visitor) -> None:
    path = ben.page("subscribe_again", lost_sign_up(ben, "anna+shop@example.dk"))
    assert ben.post(path, {**CHOICES, "address": "anna@example.dk"}).status_code == 422
    assert ben.post(path, {**CHOICES, "address": "Anna+Shop@example.dk"}).status_code == 200


@pytest.mark.parametrize("token_of", [manage_token, connect_token])
def test_link_about_an_erased_webhook_proves_the_mailbox_that_it_was_sent_to(
    ben: Visitor, settings: Settings, token_of: Callable[[Subscriber], str]
) -> None:
    webhook = make_subscriber(WEBHOOK, channel="webhook", owner="anna@example.dk")
    request_link(ben)
    ben.post(ben.page("unsubscribe", unsubscribe_token(webhook)))
    settings.LEFT_ADDRESS_KEPT_DAYS = 1
    ben.clock.shift(2 * DAY)
    scheduler.erase_departed()
    posted = ben.page("subscribe_again", unsubscribe_token(webhook))  # to the webhook, which others can read
    assert ben.post(posted, {**CHOICES, "address": "anna@example.dk"}).status_code == 404
    path = ben.page("subscribe_again", token_of(webhook))
    assert ben.post(path, {**CHOICES, "address": "eve@example.dk"}).status_code == 422
    assert "You are subscribed" in text(ben.post(path, {**CHOICES, "address": "anna@example.dk"}))


@pytest.mark.parametrize("token_of", [manage_token, unsubscribe_token, confirmation_token])
def test_old_link_gets_a_new_manage_link_by_email_and_nothing_else(ben: Visitor, token_of: object) -> None:
    subscriber = make_subscriber("anna@example.dk", language="en")
    token = token_of(subscriber)  # type: ignore[operator]
    for _attempt in range(2):
        ben.sign_up()  # a stranger
        ben.clock.shift(400 * DAY)
    before = len(messages())
    page = ben.get(ben.page("new_manage_link", token))
    assert "a…@example.dk" in text(page)
    assert len(messages()) == before
    sent = ben.post(ben.page("new_manage_link", token))
    assert "a…@example.dk" in text(sent)
    assert "anna@example.dk" not in sent.content.decode()
    assert messages()[before:] == ["manage"]
    assert ben.get(ben.page("manage", token)).status_code in {404, 410}
    for _ in range(3):
        answer = ben.post(ben.page("new_manage_link", token))
    assert answer.status_code == 429
    assert "Please try again in 24 hours" in text(answer)
    assert len(messages()) == before + 2


def test_expired_manage_link_offers_a_new_one(ben: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk")
    token = manage_token(subscriber)
    ben.clock.shift(DAY)
    assert ben.page("new_manage_link", token) in ben.get(ben.page("manage", token)).content.decode()


def test_expired_connect_link_connects_without_a_message(ben: Visitor) -> None:
    fields = {**CHOICES, "url": WEBHOOK, "address": "anna@example.dk", "stamp": ben.stamp()}
    ben.post(ben.page("subscribe_webhook"), fields)
    token = connect_token(Subscriber.objects.get())
    ben.clock.shift(4 * DAY)
    assert ben.page("connect_again", token) in ben.get(ben.page("connect", token)).content.decode()
    path = ben.page("connect_again", token)
    assert WEBHOOK not in ben.get(path).content.decode()  # its address is as secret as a password
    assert ben.post(path, {**CHOICES, "url": "http://x"}).status_code == 422
    answer = ben.post(path, {**CHOICES, "url": WEBHOOK})
    assert answer.status_code == 302
    assert "Post the code" in text(ben.get(answer["Location"]))
    assert [one.letter for one in Delivery.objects.all()] == ["webhook"]


def test_link_posted_to_a_webhook_proves_nothing(ben: Visitor) -> None:
    webhook = make_subscriber(WEBHOOK, channel="webhook", owner="anna@example.dk")
    token = unsubscribe_token(webhook)
    for name in ("subscribe_again", "connect_again", "new_manage_link"):
        assert ben.get(ben.page(name, token)).status_code == 404
        assert ben.post(ben.page(name, token), CHOICES).status_code == 404


def test_invalid_link_proves_nothing(ben: Visitor) -> None:
    for token in ("x", "a:1~b~c", "~", links.sign(Purpose.UNSUBSCRIBE, "aaaaaaaaaaaa")):
        for name in ("subscribe_again", "connect_again", "new_manage_link"):
            assert ben.get(ben.page(name, token)).status_code == 404


@pytest.mark.parametrize("state", ["active", "pending", "suspended"])
def test_unsubscribe_link_does_not_subscribe_who_has_not_left(ben: Visitor, state: str) -> None:
    """It is in every message about an incident, and those are forwarded."""
    subscriber = make_subscriber("anna@example.dk", state=state)
    path = ben.page("subscribe_again", unsubscribe_token(subscriber))
    assert ben.get(path).status_code == (200 if state == "active" else 404)
    ben.post(path, CHOICES)
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.opt_in_round) == (state, 1)


def test_unsubscribe_link_connects_no_webhook(ben: Visitor) -> None:
    token = unsubscribe_token(make_subscriber("anna@example.dk"))
    assert ben.post(ben.page("connect_again", token), {**CHOICES, "url": WEBHOOK}).status_code == 404


def test_unsubscribe_link_of_a_deleted_webhook_proves_nothing(ben: Visitor) -> None:
    fields = {**CHOICES, "url": WEBHOOK, "address": "anna@example.dk", "stamp": ben.stamp()}
    ben.post(ben.page("subscribe_webhook"), fields)
    token = unsubscribe_token(Subscriber.objects.get())
    ben.clock.shift(8 * DAY)
    scheduler.forget_sign_ups()
    assert ben.get(ben.page("subscribe_again", token)).status_code == 404


def test_holder_of_an_unsubscribe_link_cannot_renew_the_budget(ben: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk")
    for _ in range(5):
        ben.post(ben.page("unsubscribe", unsubscribe_token(subscriber)))
        ben.sign_up()
    assert messages() == ["confirmation"]


def test_suspended_subscriber_can_start_again(ben: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk", state="suspended", suspended_because="550 no such user")
    ben.post(ben.page("subscribe_again", manage_token(subscriber)), CHOICES)
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.suspended_because) == ("active", "")


def test_expired_confirmation_of_a_followed_incident_follows_without_a_message(ben: Visitor) -> None:
    incident = make_incident()
    ben.post(ben.page("follow", incident.pk), {"address": "anna@example.dk", "stamp": ben.stamp()})
    subscriber = Subscriber.objects.get()
    token = confirmation_token(subscriber)
    ben.clock.shift(4 * DAY)
    path = ben.page("follow_again", token, incident.pk)
    assert path in ben.post(ben.page("confirm", token)).content.decode()
    assert "a…@example.dk" in text(ben.get(path))
    assert "You are following this incident" in text(ben.post(path, {"language": "en"}))
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.wants_incidents) == ("active", False)
    assert subscriber.incident_choices.followed().get().incident == incident
    assert messages() == ["follow"]


def test_following_with_proof_confirms_nothing_that_a_stranger_asked_for(ben: Visitor) -> None:
    ben.sign_up()  # a stranger
    subscriber = Subscriber.objects.get()
    incident = make_incident()
    ben.post(ben.page("follow_again", confirmation_token(subscriber), incident.pk), {"language": "en"})
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.wants_incidents, subscriber.wants_maintenance) == ("active", False, False)
