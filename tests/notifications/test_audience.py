"""Who is notified of an announcement, and why others are skipped."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incidents.models import Component, Delivery, StaleSubject, Subscriber
from incidents.notifications import audience, release
from incidents.status import ComponentStatus, Kind, Phase
from tests.factories import (
    make_component,
    make_incident,
    make_maintenance,
    make_statement,
    make_subscriber,
)
from tests.notifications.helpers import announced, states

pytestmark = pytest.mark.django_db


def reasons() -> dict[str, str]:
    """Address → skip reason; empty for subscribers who are notified."""
    return dict(Delivery.objects.values_list("subscriber__address", "skip_reason"))


def test_confirmed_subscribers_are_notified_or_skipped_with_a_reason() -> None:
    mail, web = make_component("mail"), make_component("web")
    make_subscriber("all@example.dk")
    make_subscriber("mail@example.dk").components.add(mail)
    make_subscriber("web@example.dk").components.add(web)
    make_subscriber("both@example.dk").components.add(mail, web)
    make_subscriber("maintenance@example.dk", wants_incidents=False)
    make_subscriber("paused@example.dk", paused_until=timezone.now() + timedelta(days=1))
    make_subscriber("back@example.dk", paused_until=timezone.now() - timedelta(days=1))
    make_subscriber("suspended@example.dk", state="suspended")
    make_subscriber("left@example.dk", state="unsubscribed")
    make_subscriber("new@example.dk", state="pending", confirmed_at=None)
    announced(components={mail.pk: ComponentStatus.PARTIAL_OUTAGE})
    assert reasons() == {
        "all@example.dk": "",
        "back@example.dk": "",
        "both@example.dk": "",
        "mail@example.dk": "",
        "maintenance@example.dk": "other_kind",
        "paused@example.dk": "paused",
        "suspended@example.dk": "suspended",
        "web@example.dk": "other_components",
    }


def test_followers_of_a_component_get_every_update_of_its_incident() -> None:
    mail = make_component("mail")
    make_subscriber("mail@example.dk").components.add(mail)
    incident = make_incident(components={mail: ComponentStatus.PARTIAL_OUTAGE})
    announced(incident)
    assert reasons() == {"mail@example.dk": ""}


def test_subscriber_with_chosen_components_gets_no_incident_without_components() -> None:
    make_subscriber("mail@example.dk").components.add(make_component("mail"))
    announced()
    assert reasons() == {"mail@example.dk": "other_components"}


def test_maintenance_is_announced_to_subscribers_who_want_it() -> None:
    make_subscriber("both@example.dk")
    make_subscriber("incidents@example.dk", wants_maintenance=False)
    start = timezone.now() + timedelta(days=1)
    incident = make_maintenance(start=start, end=start + timedelta(hours=1))
    announced(incident, phase=Phase.SCHEDULED)
    assert reasons() == {"both@example.dk": "", "incidents@example.dk": "other_kind"}


@pytest.mark.parametrize("kind", Kind)
def test_the_announced_number_of_people_is_notified(kind: Kind) -> None:
    mail = make_component("mail")
    for number in range(5):
        make_subscriber(f"da{number}@example.dk", language="da")
    make_subscriber("en@example.com", language="en", wants_maintenance=False)
    make_subscriber("other@example.com", language="en").components.add(make_component("web"))
    make_subscriber("german@example.de", language="de")
    expected = audience.count(kind, [mail.pk])
    if kind == Kind.INCIDENT:
        announced(components={mail.pk: ComponentStatus.MAJOR_OUTAGE})
        assert expected == {("email", "da"): 6, ("email", "en"): 1}
        assert states(language="da") == {"queued": 6}
        assert states(language="en") == {"queued": 1, "skipped": 1}
    else:
        assert expected == {("email", "da"): 6}


def test_subscriber_of_a_removed_language_gets_the_default_language() -> None:
    make_subscriber(language="de")
    announced()
    assert Delivery.objects.get().language == "da"


def test_number_of_queries_does_not_depend_on_the_audience(django_assert_max_num_queries: object) -> None:
    Subscriber.objects.bulk_create(
        Subscriber.new(f"r{number}@example.dk", language="da", state="active", confirmed_at=timezone.now())
        for number in range(500)
    )
    make_incident(statement=make_statement(notify=True, components={}))
    StaleSubject.objects.all().delete()
    assert Component.objects.count() == 0
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        release.release_due(timezone.now())
    assert Delivery.objects.count() == 500
