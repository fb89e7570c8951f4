import json

import pytest
from pytest_django import Settings

from incidents.models import Delivery, Subscriber
from incidents.notifications.outbox import queue_message
from tests.factories import make_component, make_subscriber
from tests.notifications.helpers import announced
from tests.subscriptions.visitor import Visitor, manage_token, messages, text, unsubscribe_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscriber(ben: Visitor) -> Subscriber:
    return make_subscriber("anna@example.dk", language="en")


def ask_for_link(visitor: Visitor, address: str) -> str:
    answer = visitor.post(visitor.page("request_manage_link"), {"address": address})
    assert answer.status_code == 200
    return text(answer).replace(address, "ADDRESS")


def test_link_is_emailed_only_to_the_address(ben: Visitor, subscriber: Subscriber) -> None:
    known = ask_for_link(ben, "anna@example.dk")
    assert messages() == ["manage"]
    assert ask_for_link(ben, "stranger@example.dk") == known
    assert Delivery.objects.count() == 1


def test_stranger_cannot_fill_a_mailbox_with_links(ben: Visitor, subscriber: Subscriber) -> None:
    for _ in range(10):
        ask_for_link(ben, "anna@example.dk")
    assert messages() == ["manage"]


def test_link_works_for_an_hour(ben: Visitor, subscriber: Subscriber) -> None:
    path = ben.page("manage", manage_token(subscriber))
    assert ben.get(path).status_code == 200
    ben.clock.shift(60 * 60 + 1)
    for answer in (ben.get(path), ben.post(path, {"wants_incidents": "on"})):
        assert answer.status_code == 410
        assert "The link does not work any more" in text(answer)


def test_page_shows_the_current_choices(ben: Visitor) -> None:
    webmail, _other = make_component("webmail"), make_component()
    subscriber = make_subscriber(language="en", wants_maintenance=False)
    subscriber.components.add(webmail)
    page = ben.get(ben.page("manage", manage_token(subscriber))).content.decode()
    assert '<input type="radio" name="language" value="en" checked>' in page
    assert 'name="wants_incidents" id="id_wants_incidents" checked' in page
    assert 'name="wants_maintenance" id="id_wants_maintenance">' in page
    assert page.partition("</main>")[0].count("checked") == 4  # language, incidents, some systems, Webmail
    assert f'value="{webmail.pk}" checked' in page


def test_choices_can_be_changed(ben: Visitor, subscriber: Subscriber) -> None:
    webmail = make_component("webmail")
    answer = ben.post(
        ben.page("manage", manage_token(subscriber)),
        {"language": "da", "wants_maintenance": "on", "scope": "some", "components": [webmail.pk]},
    )
    assert "Your choices are saved." in text(answer)
    subscriber.refresh_from_db()
    assert (subscriber.language, subscriber.wants_incidents, subscriber.wants_maintenance) == ("da", False, True)
    assert list(subscriber.components.all()) == [webmail]


def test_pause_lasts_until_the_day_begins_in_the_page_s_zone(ben: Visitor, subscriber: Subscriber) -> None:
    path = ben.page("manage", manage_token(subscriber))
    ben.post(path, {"wants_incidents": "on", "paused_until": "2026-12-24"})
    subscriber.refresh_from_db()
    assert f"{subscriber.paused_until:%Y-%m-%d %H:%M}" == "2026-12-23 23:00"
    assert 'value="2026-12-24"' in ben.get(path).content.decode()
    ben.post(path, {"wants_incidents": "on", "paused_until": ""})
    subscriber.refresh_from_db()
    assert subscriber.paused_until is None


@pytest.mark.parametrize("day", ["2026-11-23", "1999-01-01", "2028-01-01", "tomorrow", "0000-00-00", "9999-12-31"])
def test_invalid_pause_is_refused_and_kept_in_the_form(ben: Visitor, subscriber: Subscriber, day: str) -> None:
    answer = ben.post(ben.page("manage", manage_token(subscriber)), {"wants_incidents": "on", "paused_until": day})
    assert answer.status_code == 422
    assert f'value="{day}"' in answer.content.decode()
    subscriber.refresh_from_db()
    assert subscriber.paused_until is None


def test_export_contains_everything_stored(ben: Visitor, subscriber: Subscriber) -> None:
    subscriber.components.add(make_component("webmail"))
    queue_message(subscriber, Delivery.Letter.MANAGE)
    answer = ben.get(ben.page("data", manage_token(subscriber)))
    stored = json.loads(answer.content)
    assert "attachment" in answer.headers["Content-Disposition"]
    assert stored["address"] == "anna@example.dk"
    assert stored["components"] == ["webmail"]
    assert [row["letter"] for row in stored["deliveries"]] == ["manage"]
    assert {field.name for field in Subscriber._meta.fields} <= set(stored)


def test_opening_the_erase_page_erases_nothing(ben: Visitor, subscriber: Subscriber) -> None:
    assert ben.get(ben.page("erase", manage_token(subscriber))).status_code == 200
    subscriber.refresh_from_db()
    assert subscriber.state == "active"


def test_erasure_deletes_personal_data_and_keeps_the_delivery(
    ben: Visitor, subscriber: Subscriber, settings: Settings
) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    subscriber.components.add(make_component())
    queue_message(subscriber, Delivery.Letter.MANAGE)
    announced()
    Delivery.objects.update(reply="550 5.1.1 <anna@example.dk> unknown")
    link = manage_token(subscriber)
    assert "Everything is deleted" in text(ben.post(ben.page("erase", link)))
    subscriber.refresh_from_db()
    delivery = Delivery.objects.get()  # messages about the subscription are gone
    assert (subscriber.address, subscriber.state, subscriber.components.count()) == ("", "unsubscribed", 0)
    assert (delivery.letter, delivery.state, delivery.reply) == ("update", "skipped", "")
    for name in ("manage", "erase", "data"):
        assert ben.get(ben.page(name, link)).status_code == 410


def test_several_erased_readers_can_sign_up_again(ben: Visitor, subscriber: Subscriber) -> None:
    other = make_subscriber("bo@example.dk")
    for one in (subscriber, other):
        ben.post(ben.page("erase", manage_token(one)))
    ben.sign_up("anna@example.dk")
    ben.sign_up("bo@example.dk")
    assert Subscriber.objects.filter(address="").count() == 2
    assert set(Subscriber.objects.filter(state="pending").values_list("address", flat=True)) == {
        "anna@example.dk",
        "bo@example.dk",
    }


def test_unsubscribe_link_of_an_erased_reader_works(ben: Visitor, subscriber: Subscriber) -> None:
    token = unsubscribe_token(subscriber)
    ben.post(ben.page("erase", manage_token(subscriber)))
    assert "You are unsubscribed" in text(ben.post(ben.page("unsubscribe", token)))


def test_unsubscribed_reader_can_see_and_erase_stored_data(ben: Visitor, subscriber: Subscriber) -> None:
    ben.post(ben.page("unsubscribe", unsubscribe_token(subscriber)))
    ask_for_link(ben, "anna@example.dk")
    assert messages() == ["manage"]
    assert "You are unsubscribed and get no emails" in text(ben.get(ben.page("manage", manage_token(subscriber))))


def test_choice_of_a_hidden_system_is_kept(ben: Visitor, subscriber: Subscriber) -> None:
    shown, other, hidden = make_component("webmail"), make_component("web"), make_component("old", hidden=True)
    subscriber.components.set([shown, hidden])
    path = ben.page("manage", manage_token(subscriber))
    ben.post(path, {"wants_incidents": "on", "scope": "some", "components": [other.pk]})
    assert set(subscriber.components.all()) == {other, hidden}


@pytest.mark.parametrize("scope", [{"scope": "some"}, {}])
def test_subscriber_of_only_a_hidden_system_can_save(
    ben: Visitor, subscriber: Subscriber, scope: dict[str, str]
) -> None:
    """Without `scope`: a page that shows no systems at all."""
    hidden = make_component("old", hidden=True)
    subscriber.components.set([hidden])
    path = ben.page("manage", manage_token(subscriber))
    assert ben.get(path).status_code == 200
    answer = ben.post(path, {"wants_incidents": "on", "language": "da", **scope})
    assert answer.status_code == 200
    subscriber.refresh_from_db()
    assert (subscriber.language, list(subscriber.components.all())) == ("da", [hidden])


def test_form_says_that_a_hidden_system_is_followed(ben: Visitor, subscriber: Subscriber) -> None:
    make_component("webmail")
    subscriber.components.set([make_component("old", hidden=True)])
    path = ben.page("manage", manage_token(subscriber))
    assert "You also follow a system that this page does not show at the moment." in text(ben.get(path))
    refused = ben.post(path, {"scope": "some"})
    assert "You also follow a system" in text(refused)


def test_choosing_all_systems_includes_hidden_ones(ben: Visitor, subscriber: Subscriber) -> None:
    subscriber.components.set([make_component("old", hidden=True)])
    ben.post(ben.page("manage", manage_token(subscriber)), {"wants_incidents": "on", "scope": "all"})
    assert not subscriber.components.exists()
