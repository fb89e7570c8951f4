import pytest
from pytest_django import Settings

from incidents import links
from incidents.models import Delivery, Subscriber
from tests.subscriptions.visitor import Visitor, confirmation_token, text, unsubscribe_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def pending(anna: Visitor) -> Subscriber:
    anna.sign_up("anna@example.dk")
    return Subscriber.objects.get()


def test_opening_the_link_confirms_nothing(anna: Visitor, pending: Subscriber) -> None:
    answer = anna.get(anna.page("confirm", confirmation_token(pending)))
    pending.refresh_from_db()
    assert answer.status_code == 200
    assert pending.state == "pending"


def test_page_before_the_button_does_not_show_the_whole_address(anna: Visitor, pending: Subscriber) -> None:
    page = anna.get(anna.page("confirm", confirmation_token(pending))).content.decode()
    assert "a…@example.dk" in page
    assert "anna@example.dk" not in page


def test_button_confirms(anna: Visitor, pending: Subscriber) -> None:
    answer = anna.confirm(pending)
    pending.refresh_from_db()
    assert answer.status_code == 200
    assert pending.state == "active"
    assert pending.confirmed_at is not None


def test_confirming_twice_shows_that_the_subscription_is_active(ben: Visitor) -> None:
    ben.sign_up("anna@example.dk")
    pending = Subscriber.objects.get()
    ben.confirm(pending)
    for answer in (ben.confirm(pending), ben.get(ben.page("confirm", confirmation_token(pending)))):
        assert answer.status_code == 200
        assert "You are already subscribed" in text(answer)


def test_waiting_confirmation_is_skipped_after_confirming(anna: Visitor, pending: Subscriber) -> None:
    anna.confirm(pending)
    assert Delivery.objects.values_list("state", "skip_reason").get() == ("skipped", "confirmed")


def test_link_expires_after_three_days(ben: Visitor) -> None:
    ben.sign_up()
    pending = Subscriber.objects.get()
    path = ben.page("confirm", confirmation_token(pending))
    ben.clock.shift(72 * 60 * 60 - 60)
    assert ben.get(path).status_code == 200
    ben.clock.shift(120)
    for answer in (ben.get(path), ben.post(path)):
        assert answer.status_code == 410
        assert "The link does not work any more" in text(answer)
    pending.refresh_from_db()
    assert pending.state == "pending"


def test_link_does_not_resubscribe_an_unsubscribed_reader(anna: Visitor, pending: Subscriber) -> None:
    anna.confirm(pending)
    anna.post(anna.page("unsubscribe", unsubscribe_token(pending)))
    assert anna.confirm(pending).status_code == 410
    pending.refresh_from_db()
    assert pending.state == "unsubscribed"


def test_link_for_another_purpose_confirms_nothing(anna: Visitor, pending: Subscriber) -> None:
    for purpose in (links.Purpose.MANAGE, links.Purpose.UNSUBSCRIBE):
        assert anna.post(anna.page("confirm", links.sign(purpose, f"{pending.pk}:1"))).status_code == 404
    pending.refresh_from_db()
    assert pending.state == "pending"


def test_link_of_a_deleted_sign_up_is_gone(anna: Visitor, pending: Subscriber) -> None:
    token = confirmation_token(pending)
    pending.delete()
    assert anna.post(anna.page("confirm", token)).status_code == 410


def test_link_survives_a_change_of_key(anna: Visitor, pending: Subscriber, settings: Settings) -> None:
    token = confirmation_token(pending)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    assert anna.post(anna.page("confirm", token)).status_code == 200
