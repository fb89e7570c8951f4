"""Announcements of updates and of corrections."""

from datetime import timedelta

import pytest
import time_machine
from pytest_django import Settings

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_incident,
    make_statement,
    make_subscriber,
)
from tests.notifications.helpers import START, announced, states

pytestmark = pytest.mark.django_db


def test_update_that_does_not_notify_creates_no_announcement() -> None:
    make_incident(statement=make_statement(notify=False))
    assert not Announcement.objects.exists()


def test_correction_during_the_hold_adds_no_announcement(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    incident = make_incident(statement=make_statement(notify=True))
    operations.correct_update(by=ANYBODY, update=incident.updates.get(), text=Text(da="Rettet"), notify=True)
    assert Announcement.objects.count() == 1


def test_correction_is_announced_and_replaces_what_waits() -> None:
    make_subscriber()
    announcement = announced()
    operations.correct_update(by=ANYBODY, update=announcement.update, text=Text(da="Rettet"), notify=True)
    assert release_held() == 1
    assert states() == {"queued": 1, "skipped": 1}


def test_correction_of_an_old_update_does_not_replace_a_newer_one() -> None:
    make_subscriber()
    with time_machine.travel(START, tick=False) as clock:
        old = announced()
        clock.shift(timedelta(hours=1))
        newer = announced(old.update.incident)
        operations.correct_update(by=ANYBODY, update=old.update, text=Text(da="Rettet"), notify=True)
        release_held()
    assert states(announcement=newer) == {"queued": 1}
