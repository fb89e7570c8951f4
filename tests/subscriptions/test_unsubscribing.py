import pytest
from django.test import Client

from incidents import links
from incidents.models import Announcement, Delivery, Subscriber
from incidents.notifications.outbox import queue_message
from tests.factories import make_incident, make_subscriber
from tests.subscriptions.visitor import Visitor, text, unsubscribe_token

pytestmark = pytest.mark.django_db

ONE_CLICK = {
    "multipart": {"data": {"List-Unsubscribe": "One-Click"}},
    "urlencoded": {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
    "empty": {},
    "not what it says it is": {"data": b"\xff\x00--", "content_type": "multipart/form-data; boundary=x"},
}


@pytest.fixture
def subscriber(anna: Visitor) -> Subscriber:
    return make_subscriber("anna@example.dk")


@pytest.mark.parametrize("body", ONE_CLICK.values(), ids=ONE_CLICK.keys())
def test_one_click_unsubscribes_without_cookie_origin_or_referer(
    subscriber: Subscriber, body: dict[str, object]
) -> None:
    mail_program = Client(enforce_csrf_checks=True)
    path = links.dynamic("subscriptions:unsubscribe", "da", unsubscribe_token(subscriber))
    for _once_and_again in range(2):
        answer = mail_program.post(path, **body)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert not answer.cookies
    subscriber.refresh_from_db()
    assert subscriber.state == "unsubscribed"


def test_one_click_without_trailing_slash_is_not_redirected(anna: Visitor, subscriber: Subscriber) -> None:
    path = anna.page("unsubscribe", unsubscribe_token(subscriber)).removesuffix("/")
    assert anna.post(path).status_code == 200
    subscriber.refresh_from_db()
    assert subscriber.state == "unsubscribed"


def test_one_click_from_another_site_unsubscribes(anna: Visitor, subscriber: Subscriber) -> None:
    path = anna.page("unsubscribe", unsubscribe_token(subscriber))
    answer = anna.post(path, HTTP_ORIGIN="https://mail.example.com", HTTP_SEC_FETCH_SITE="cross-site")
    assert answer.status_code == 200


def test_opening_the_link_does_not_unsubscribe(anna: Visitor, subscriber: Subscriber) -> None:
    answer = anna.get(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    subscriber.refresh_from_db()
    assert answer.status_code == 200
    assert "a…@example.dk" in text(answer)
    assert subscriber.state == "active"


def test_unsubscribed_reader_gets_no_waiting_message(anna: Visitor, subscriber: Subscriber) -> None:
    announcement = Announcement.objects.create(update=make_incident().updates.get(), hold_until=subscriber.created_at)
    waiting = queue_message(subscriber, Delivery.Letter.ALREADY_SUBSCRIBED)
    deferred = Delivery.objects.create(
        subscriber=subscriber, announcement=announcement, language="da", state="deferred", message_id="<1@example.dk>"
    )
    anna.post(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    for delivery in (waiting, deferred):
        delivery.refresh_from_db()
        assert (delivery.state, delivery.skip_reason) == ("skipped", "unsubscribed")


def test_unsubscribing_sends_no_email(anna: Visitor, subscriber: Subscriber) -> None:
    anna.post(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    assert not Delivery.objects.exists()


def test_link_in_an_old_email_works_for_years(anna: Visitor, subscriber: Subscriber) -> None:
    path = anna.page("unsubscribe", unsubscribe_token(subscriber))
    anna.clock.shift(5 * 365 * 24 * 60 * 60)
    assert anna.post(path).status_code == 200
    subscriber.refresh_from_db()
    assert subscriber.state == "unsubscribed"


def test_link_works_after_the_subscriber_was_deleted(anna: Visitor, subscriber: Subscriber) -> None:
    path = anna.page("unsubscribe", unsubscribe_token(subscriber))
    subscriber.delete()
    assert anna.get(path).status_code == 200
    assert anna.post(path).status_code == 200


def test_unsubscribe_link_gives_no_other_access(anna: Visitor, subscriber: Subscriber) -> None:
    token = unsubscribe_token(subscriber)
    assert anna.get(anna.page("confirm", token)).status_code == 404
    assert anna.get(anna.page("manage", token)).status_code == 404


def test_page_links_to_sign_up_and_manage_link(ben: Visitor) -> None:
    answer = ben.post(ben.page("unsubscribe", unsubscribe_token(make_subscriber())))
    assert "You are unsubscribed" in text(answer)
    assert ben.page("subscribe") in answer.content.decode()
    assert ben.page("request_manage_link") in answer.content.decode()
