"""The record of consent keeps every round and every change of what it covers, and is only added to."""

import json
from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction

from incidents import scheduler
from incidents.models import ConsentRecord, Subscriber
from incidents.subscriptions import service
from incidents.subscriptions.lifecycle import CONSENT_TEXT
from tests.factories import make_component, make_incident, make_subscriber
from tests.notifications.helpers import announced
from tests.subscriptions.visitor import Visitor, manage_token, unsubscribe_token

pytestmark = pytest.mark.django_db


def steps(subscriber: Subscriber) -> list[tuple[str, int, str, str]]:
    return [(one.step, one.opt_in_round, one.method, one.text) for one in subscriber.consents.all()]


def test_every_round_and_every_change_is_recorded(anna: Visitor) -> None:
    component = make_component("mail")
    anna.sign_up(scope="some", components=[component.pk], language="en")
    subscriber = Subscriber.objects.get()
    anna.clock.shift(timedelta(hours=1))
    anna.confirm(subscriber)
    manage = anna.page("manage", manage_token(subscriber))
    choices = {"language": "en", "wants_incidents": "on", "wants_maintenance": "on"}
    anna.post(manage, {**choices, "scope": "some", "components": [component.pk]})  # the same as before: no step
    anna.post(manage, {**choices, "scope": "all"})
    anna.post(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    anna.post(anna.page("subscribe_again", unsubscribe_token(subscriber)), {"wants_incidents": "on", "scope": "all"})
    assert steps(subscriber) == [
        ("requested", 1, "form", CONSENT_TEXT),
        ("confirmed", 1, "email", ""),
        ("changed", 1, "page", ""),
        ("ended", 1, "email", ""),
        ("confirmed", 2, "form", CONSENT_TEXT),
    ]
    covered = list(subscriber.consents.values_list("language", "components", "wants_maintenance"))
    assert covered == [("en", ["mail"], True)] * 2 + [("en", [], True)] * 2 + [("da", [], False)]
    first, second = subscriber.consents.all()[:2]
    assert first.at is not None
    assert second.at is not None
    assert second.at - first.at == timedelta(hours=1)


def test_following_an_incident_is_recorded_with_the_incident(anna: Visitor) -> None:
    incident = make_incident()
    anna.post(anna.page("follow", incident.pk), {"address": "anna@example.dk", "stamp": anna.stamp()})
    subscriber = Subscriber.objects.get()
    anna.confirm(subscriber)
    assert [(one.step, one.incidents, one.wants_incidents) for one in subscriber.consents.all()] == [
        ("requested", [incident.pk], False),
        ("confirmed", [incident.pk], False),
    ]


def test_incident_that_a_stranger_asked_to_follow_is_not_part_of_the_consent(anna: Visitor) -> None:
    subscriber = make_subscriber("anna@example.dk")
    anna.post(anna.page("follow", make_incident().pk), {"address": "anna@example.dk", "stamp": anna.stamp()})
    choices = {"language": "en", "wants_incidents": "on", "scope": "all"}
    anna.post(anna.page("manage", manage_token(subscriber)), choices)
    assert [(one.step, len(one.incidents)) for one in subscriber.consents.all()] == [("requested", 1), ("changed", 0)]


@pytest.mark.parametrize(("state", "left"), [("unsubscribed", True), ("suspended", False)])
def test_unconfirmed_return_leaves_state_and_choices_as_their_owner_left_them(
    anna: Visitor, state: str, left: bool
) -> None:
    component = make_component("mail")
    anna.sign_up(language="en", scope="some", components=[component.pk])
    subscriber = Subscriber.objects.get()
    anna.confirm(subscriber)
    if left:
        anna.post(anna.page("unsubscribe", unsubscribe_token(subscriber)))
    else:
        Subscriber.objects.update(state="suspended", suspended_because="550 no such user")
    anna.clock.shift(timedelta(days=2))
    anna.sign_up(language="da")  # a stranger
    anna.clock.shift(timedelta(days=8))
    scheduler.forget_sign_ups()
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.language) == (state, "en")
    assert list(subscriber.components.all()) == [component]


def test_end_by_staff_is_recorded(anna: Visitor) -> None:
    subscriber = make_subscriber()
    service.end_subscription(subscriber)
    assert steps(subscriber) == [("ended", 1, "staff", "")]


def test_record_cannot_be_changed(anna: Visitor) -> None:
    anna.sign_up()
    with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic():
        ConsentRecord.objects.update(text="2019-01-01")


def test_own_data_names_incident_tries_bounces_and_consent(anna: Visitor, settings: object) -> None:
    settings.ANNOUNCEMENT_HOLD = 0  # type: ignore[attr-defined]
    anna.sign_up(language="da")
    subscriber = Subscriber.objects.get()
    anna.confirm(subscriber)
    incident = make_incident(title={"da": "Mailen er nede", "en": "Mail is down"})
    announced(incident)
    delivery = subscriber.deliveries.get(letter="update")
    subscriber.deliveries.filter(pk=delivery.pk).update(attempts=3)
    subscriber.bounces.create(announcement=delivery.announcement, consequence="counted", status="5.1.1")
    answer = anna.get(anna.page("data", manage_token(subscriber)))
    data = json.loads(answer.content)
    newest = data["deliveries"][-1]
    assert (newest["incident"], newest["incident_title"]["en"]) == (incident.pk, "Mail is down")
    assert newest["attempts"] == 3
    assert [(one["incident"], one["status"]) for one in data["bounces"]] == [(incident.pk, "5.1.1")]
    assert [one["step"] for one in data["consents"]] == ["requested", "confirmed"]
