from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Component, Delivery, StaleSubject, Subscriber
from incidents.notifications import audience, release
from incidents.operations import notifying
from incidents.status import ComponentStatus, Kind, Phase
from incidents.text import Text
from tests.factories import (
    make_component,
    make_incident,
    make_maintenance,
    make_statement,
    make_subscriber,
    make_update,
)
from tests.notifications.helpers import START, announced, states

pytestmark = pytest.mark.django_db


def reasons() -> dict[str, str]:
    """Address → skip reason; empty for subscribers who are notified."""
    return dict(Delivery.objects.values_list("subscriber__address", "skip_reason"))


def test_announcement_is_not_released_during_its_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_subscriber()
    with time_machine.travel(START, tick=False) as clock:
        make_incident(statement=make_statement(notify=True))
        assert release_held() == 0
        clock.shift(timedelta(seconds=21))
        assert release_held() == 1
    assert states() == {"queued": 1}


def test_announcement_cancelled_during_its_hold_creates_no_deliveries(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_subscriber()
    make_incident(statement=make_statement(notify=True))
    assert operations.cancel_announcement(announcement=Announcement.objects.get())
    assert release_held(timezone.now() + timedelta(minutes=1)) == 0
    assert not Delivery.objects.exists()


def test_released_announcement_cannot_be_cancelled() -> None:
    assert not operations.cancel_announcement(announcement=announced())


def test_update_that_does_not_notify_creates_no_announcement() -> None:
    make_incident(statement=make_statement(notify=False))
    assert not Announcement.objects.exists()


def test_announcement_is_not_released_before_the_page_is_published() -> None:
    make_subscriber()
    incident = make_incident(statement=make_statement(notify=True))
    assert StaleSubject.objects.filter(subject=f"incident:{incident.pk}").exists()
    assert release.release_due(timezone.now()) == 0
    assert release_held() == 1


def test_expanding_twice_creates_no_second_delivery() -> None:
    make_subscriber()
    announcement = announced()
    assert release_held() == 0
    assert audience.expand(announcement, timezone.now()) == 0
    assert Delivery.objects.count() == 1


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


def test_message_id_and_date_are_fixed_when_the_delivery_is_created() -> None:
    for _number in range(3):
        make_subscriber()
    first = announced()
    announced(first.update.incident)
    rows = Delivery.objects.all()
    assert len({row.message_id for row in rows}) == 6
    assert all(row.message_id.endswith("@status.example.dk>") for row in rows)
    assert all(row.dated_at.microsecond == 0 for row in rows)


def test_correction_during_the_hold_adds_no_announcement(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    incident = make_incident(statement=make_statement(notify=True))
    operations.correct_update(update=incident.updates.get(), text=Text(da="Rettet"), notify=True)
    assert Announcement.objects.count() == 1


def test_correction_is_announced_and_replaces_what_waits() -> None:
    make_subscriber()
    announcement = announced()
    operations.correct_update(update=announcement.update, text=Text(da="Rettet"), notify=True)
    assert release_held() == 1
    assert states() == {"queued": 1, "skipped": 1}


def test_correction_of_an_old_update_does_not_replace_a_newer_one() -> None:
    make_subscriber()
    with time_machine.travel(START, tick=False) as clock:
        old = announced()
        clock.shift(timedelta(hours=1))
        newer = announced(old.update.incident)
        operations.correct_update(update=old.update, text=Text(da="Rettet"), notify=True)
        release_held()
    assert states(announcement=newer) == {"queued": 1}


def test_withdrawing_an_incident_cancels_held_and_skips_waiting_deliveries(settings: Settings) -> None:
    make_subscriber()
    incident = announced().update.incident
    settings.ANNOUNCEMENT_HOLD = 20
    make_update(incident, notify=True)
    assert notifying.withdraw_announcements_of(incident) == 1
    assert set(Delivery.objects.values_list("skip_reason", flat=True)) == {"withdrawn"}
    assert release_held(timezone.now() + timedelta(minutes=1)) == 0


def test_withdrawing_an_incident_keeps_sent_deliveries() -> None:
    make_subscriber()
    incident = announced().update.incident
    Delivery.objects.update(state="sent", sent_at=timezone.now())
    assert notifying.withdraw_announcements_of(incident) == 0
    assert states() == {"sent": 1}


def test_number_of_queries_does_not_depend_on_the_audience(django_assert_max_num_queries: object) -> None:
    Subscriber.objects.bulk_create(
        Subscriber(address=f"r{number}@example.dk", language="da", state="active", confirmed_at=timezone.now())
        for number in range(500)
    )
    make_incident(statement=make_statement(notify=True, components={}))
    StaleSubject.objects.all().delete()
    assert Component.objects.count() == 0
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        release.release_due(timezone.now())
    assert Delivery.objects.count() == 500
