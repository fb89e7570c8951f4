import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import Component, Delivery, Subscriber
from incidents.text import Text
from tests.factories import make_component, make_group, make_subscriber
from tests.subscriptions.visitor import Visitor, confirmation_token, messages, text, unsubscribe_token

pytestmark = pytest.mark.django_db


def test_form_explains_controller_purpose_and_retention(ben: Visitor) -> None:
    said = text(ben.get(ben.page("subscribe")))
    assert "Nordhost ApS keeps your email address and these choices in order to send you the emails" in said
    assert "if you do not, your address is deleted after seven days" in said
    assert "Your consent lasts until you unsubscribe" in said


def test_signing_up_sends_a_confirmation_email(anna: Visitor) -> None:
    answer = anna.sign_up("anna@example.dk")
    assert answer.status_code == 200
    assert "anna@example.dk" in text(answer)
    subscriber = Subscriber.objects.get()
    assert subscriber.state == "pending"
    assert messages() == ["confirmation"]
    assert Delivery.objects.get().language == "da"


def test_consent_is_recorded_with_text_time_and_method(anna: Visitor) -> None:
    anna.sign_up()
    subscriber = Subscriber.objects.get()
    assert (subscriber.consent_text, subscriber.consent_method) == ("2026-11-26-2", "form")
    assert f"{subscriber.requested_at:%Y-%m-%d %H:%M}" == "2026-11-23 12:00"


def test_language_defaults_to_that_of_the_page(anna: Visitor, ben: Visitor) -> None:
    anna.sign_up("a@example.dk")
    ben.sign_up("b@example.dk")
    anna.sign_up("c@example.dk", language="en")
    chosen = dict(Subscriber.objects.values_list("address", "language"))
    assert chosen == {"a@example.dk": "da", "b@example.dk": "en", "c@example.dk": "en"}


def test_form_preselects_the_language_of_the_page(ben: Visitor) -> None:
    assert '<input type="radio" name="language" value="en" checked>' in ben.get(ben.page("subscribe")).content.decode()


def test_some_systems_and_kinds_can_be_chosen(anna: Visitor) -> None:
    webmail, _website = make_component("webmail"), make_component("website")
    anna.sign_up(scope="some", components=[webmail.pk], wants_maintenance="")
    subscriber = Subscriber.objects.get()
    assert list(subscriber.components.all()) == [webmail]
    assert subscriber.wants_incidents
    assert not subscriber.wants_maintenance


def test_systems_are_listed_by_group_without_hidden_ones(ben: Visitor) -> None:
    make_component("webmail", group=make_group(), name=Text(en="Webmail"))
    make_component("secret", hidden=True, name=Text(en="Secret"))
    said = text(ben.get(ben.page("subscribe")))
    assert "Mail Webmail" in said
    assert "Secret" not in said


def test_hidden_system_cannot_be_chosen(ben: Visitor) -> None:
    hidden = make_component("secret", hidden=True)
    assert ben.sign_up(scope="some", components=[hidden.pk]).status_code == 422
    assert not Subscriber.objects.exists()


def test_system_without_a_translation_is_marked_as_such(ben: Visitor) -> None:
    make_component("databaser", name=Text(da="Databaser"))
    page = ben.get(ben.page("subscribe")).content.decode()
    assert '<span lang="da">Databaser</span>' in page
    assert "Not yet translated into English" in page


def test_newest_choices_count_until_confirmation(anna: Visitor) -> None:
    anna.sign_up(language="da")
    anna.sign_up(language="en", wants_maintenance="")
    subscriber = Subscriber.objects.get()
    assert (subscriber.language, subscriber.wants_maintenance) == ("en", False)
    assert messages() == ["confirmation"]


def test_second_sign_up_keeps_the_choices_and_is_answered_by_email(anna: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk", language="en")
    anna.sign_up(language="da", wants_maintenance="")
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.language, subscriber.wants_maintenance) == ("active", "en", True)
    assert messages() == ["already_subscribed"]


def test_signing_up_after_unsubscribing_is_a_new_opt_in(anna: Visitor) -> None:
    anna.sign_up()
    subscriber = Subscriber.objects.get()
    first_link = confirmation_token(subscriber)
    anna.confirm(subscriber)
    anna.post(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    anna.clock.shift(25 * 60 * 60)
    anna.sign_up()
    subscriber.refresh_from_db()
    assert subscriber.state == "pending"
    assert messages() == ["confirmation", "confirmation"]
    assert anna.post(anna.page("confirm", first_link)).status_code == 410
    anna.confirm(subscriber)
    subscriber.refresh_from_db()
    assert subscriber.state == "active"


def test_suspended_address_can_opt_in_again(anna: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk", state="suspended", suspended_because="550 5.1.1")
    anna.sign_up()
    subscriber.refresh_from_db()
    anna.confirm(subscriber)
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.suspended_because) == ("active", "")


def test_address_in_another_case_is_the_same_subscriber(anna: Visitor) -> None:
    anna.sign_up("Anna@Example.DK")
    anna.clock.shift(25 * 60 * 60)
    anna.sign_up("anna@example.dk")
    assert [one.address for one in Subscriber.objects.all()] == ["Anna@example.dk"]


def test_form_needs_as_many_queries_for_many_systems_as_for_few(anna: Visitor) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            anna.get(anna.page("subscribe"))
        return len(captured)

    make_component(group=make_group())
    few = queries()
    for _ in range(20):
        make_component(group=make_group())
    assert queries() == few
    assert Component.objects.count() == 21
