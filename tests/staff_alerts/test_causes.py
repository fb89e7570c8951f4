"""What waits for a person now."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from incidents.models import AlertKind, Delivery, DeliveryState, Destination, Incident, StaleSubject, Update
from incidents.notifications.addressing import relay_name
from incidents.staff_alerts.causes import causes
from incidents.status import Kind, Phase
from tests.factories import make_incident, make_maintenance, make_subscriber, make_update
from tests.staff_alerts.conftest import NOW

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def kinds() -> list[str]:
    return [alert.kind for alert in causes(timezone.now())]


def test_nothing_waits_at_first() -> None:
    make_incident()
    make_maintenance(start=NOW + 2 * HOUR, end=NOW + 3 * HOUR)
    assert kinds() == []


def test_promise_and_silence_are_two_causes(clock: time_machine.Traveller) -> None:
    make_incident()
    Incident.objects.update(next_update_by=NOW + HOUR)
    StaleSubject.objects.all().delete()
    clock.shift(2 * HOUR)
    assert kinds() == [AlertKind.UPDATE_OVERDUE]
    clock.shift(2 * HOUR)
    assert kinds() == [AlertKind.UPDATE_OVERDUE, AlertKind.NO_UPDATE]


def test_drafts_and_ended_incidents_do_not_wait(clock: time_machine.Traveller) -> None:
    make_incident(draft=True)
    ended = make_incident()
    clock.shift(MINUTE)
    make_update(ended, Phase.RESOLVED)
    StaleSubject.objects.all().delete()
    clock.shift(30 * HOUR)
    assert kinds() == []


@pytest.mark.parametrize(
    ("auto_start", "after", "kind"),
    [
        (False, 30 * MINUTE, AlertKind.STARTS_SOON),
        (True, 30 * MINUTE, None),
        (True, 61 * MINUTE, AlertKind.NOT_STARTED),
        (False, 61 * MINUTE, AlertKind.NOT_STARTED),
        (True, 121 * MINUTE, AlertKind.PAST_END),
    ],
)
def test_maintenance_waits_only_if_the_scheduler_does_not_change_it(
    clock: time_machine.Traveller, *, auto_start: bool, after: timedelta, kind: AlertKind | None
) -> None:
    make_maintenance(start=NOW + HOUR, end=NOW + 2 * HOUR, auto_start=auto_start)
    StaleSubject.objects.all().delete()
    clock.shift(after)
    assert kinds() == ([kind] if kind else [])


def test_the_setting_says_how_soon_maintenance_starts(settings: Settings) -> None:
    make_maintenance(start=NOW + HOUR, end=NOW + 2 * HOUR, auto_start=False)
    settings.ALERT_BEFORE_START = 60
    assert kinds() == [AlertKind.STARTS_SOON]


def test_kind_of_event_can_be_chosen() -> None:
    make_incident()
    Incident.objects.update(next_update_by=NOW - MINUTE)
    assert causes(NOW, [Kind.MAINTENANCE]) == []
    assert len(causes(NOW, [Kind.INCIDENT])) == 1


@pytest.mark.parametrize("minutes", [4, 6])
def test_publishing_has_stopped_after_five_minutes(minutes: int) -> None:
    StaleSubject.objects.create(subject="page", since=NOW - minutes * MINUTE)
    assert kinds() == ([AlertKind.PUBLISHING_STOPPED] if minutes > 5 else [])


def test_long_archive_that_is_being_written_has_not_stopped() -> None:
    row = StaleSubject.objects.create(subject="archive", since=NOW - HOUR)
    assert kinds() == []
    row.error = "/en/history/2023/10/: OSError: No space left on device"
    row.save()
    assert kinds() == [AlertKind.PUBLISHING_STOPPED]


def deliver(**fields: Any) -> Delivery:
    """A confirmation that has been due for six minutes."""
    subscriber = make_subscriber()
    due = {"letter": "confirmation", "language": "da", "message_id": "<a@b>", "next_attempt_at": NOW - 6 * MINUTE}
    return Delivery.objects.create(subscriber=subscriber, **{**due, **fields})


@pytest.mark.parametrize(("channel", "kind"), [("email", "emails_stopped"), ("slack", "webhooks_stopped")])
def test_delivery_has_stopped_if_nothing_is_sent_for_five_minutes(channel: str, kind: str) -> None:
    deliver(channel=channel)
    (alert,) = causes(NOW)
    assert (alert.kind, alert.since) == (kind, NOW - 6 * MINUTE)
    deliver(channel=channel, state=DeliveryState.SENT, sent_at=NOW - MINUTE)
    assert causes(NOW) == []


def test_worker_that_sends_has_not_stopped() -> None:
    deliver()
    deliver(state=DeliveryState.SENDING, holder=1, claimed_at=NOW - MINUTE)
    assert causes(NOW) == []


def test_failing_destination_has_not_stopped_delivery() -> None:
    deliver(destination="example.dk")
    Destination.objects.create(name="example.dk", failing_since=NOW - HOUR, retry_at=NOW + HOUR)
    assert causes(NOW) == []


def test_delivery_has_stopped_if_our_mail_server_fails() -> None:
    relay = Destination.objects.create(name=relay_name(), failing_since=NOW - 4 * MINUTE, retry_at=NOW + MINUTE)
    assert causes(NOW) == []
    relay.failing_since = NOW - 6 * MINUTE
    relay.save()
    (alert,) = causes(NOW)
    assert (alert.kind, alert.since) == (AlertKind.EMAILS_STOPPED, NOW - 6 * MINUTE)


def test_number_of_queries_does_not_depend_on_the_number_of_causes(clock: time_machine.Traveller) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            causes(timezone.now())
        return len(seen)

    def add(number: int) -> None:
        for _each in range(number):
            incident = make_incident()
            Update.objects.create(incident=incident, phase=Phase.MITIGATED)
            make_maintenance(start=NOW + HOUR, end=NOW + 2 * HOUR, auto_start=False)

    add(1)
    clock.shift(30 * HOUR)
    StaleSubject.objects.all().delete()
    one = count()
    clock.shift(-30 * HOUR)
    add(9)
    clock.shift(30 * HOUR)
    StaleSubject.objects.all().delete()
    assert len(causes(timezone.now())) == 30
    assert count() == one <= 11
