"""Verbs for announcements: cancel, withdraw."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Delivery
from incidents.operations import notifying
from tests.actors import ANYBODY
from tests.factories import (
    make_incident,
    make_statement,
    make_subscriber,
    make_update,
)
from tests.notifications.helpers import announced, states

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0


def test_announcement_cancelled_during_its_hold_creates_no_deliveries(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_subscriber()
    make_incident(statement=make_statement(notify=True))
    assert operations.cancel_announcement(by=ANYBODY, announcement=Announcement.objects.get())
    assert release_held(timezone.now() + timedelta(minutes=1)) == 0
    assert not Delivery.objects.exists()


def test_released_announcement_cannot_be_cancelled() -> None:
    assert not operations.cancel_announcement(by=ANYBODY, announcement=announced())


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
