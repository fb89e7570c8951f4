"""A held announcement expands once, after its hold and after its page is published."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import release_held
from incidents.models import Delivery, StaleSubject
from incidents.notifications import audience, release
from tests.factories import (
    make_incident,
    make_statement,
    make_subscriber,
)
from tests.notifications.helpers import START, announced, states

pytestmark = pytest.mark.django_db


def test_announcement_is_not_released_during_its_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_subscriber()
    with time_machine.travel(START, tick=False) as clock:
        make_incident(statement=make_statement(notify=True))
        assert release_held() == 0
        clock.shift(timedelta(seconds=21))
        assert release_held() == 1
    assert states() == {"queued": 1}


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


def test_message_id_and_date_are_fixed_when_the_delivery_is_created() -> None:
    for _number in range(3):
        make_subscriber()
    first = announced()
    announced(first.update.incident)
    rows = Delivery.objects.all()
    assert len({row.message_id for row in rows}) == 6
    assert all(row.message_id.endswith("@status.example.dk>") for row in rows)
    assert all(row.dated_at.microsecond == 0 for row in rows)
