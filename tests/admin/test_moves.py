"""A new planned time in the details of maintenance: staff decide whether subscribers are notified of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Announcement, Incident
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_incident, make_maintenance

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 10, 10, 12, 0, tzinfo=UTC)  # 14:00 in Copenhagen
START, END = NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def maintenance(clock: time_machine.Traveller) -> Incident:
    planned = make_maintenance(start=START, end=END)
    clock.shift(timedelta(minutes=1))
    return planned


def save(client: Client, incident: Incident, **typed: str) -> Any:
    address = incident_page(incident, "details")
    form = client.get(address).context["form"]
    return client.post(address, {**filled(form), **typed})


def test_new_time_is_announced_by_default(publisher: Client, maintenance: Incident) -> None:
    response = save(publisher, maintenance, scheduled_until="2023-10-11T18:00", move_text_en="The disk is late.")
    assert response.status_code == 302
    update = Announcement.objects.held().get().update
    assert update.author is not None
    assert update.text["en"] == (
        "The planned time has changed.\n\n- New time: 11 October 2023, 14:00–18:00 CEST\n"
        "- Former time: 11 October 2023, 14:00–16:00 CEST\n\nThe disk is late."
    )
    maintenance.refresh_from_db()
    assert maintenance.scheduled_until == END + timedelta(hours=2)


def test_time_can_be_changed_silently(publisher: Client, maintenance: Incident) -> None:
    save(publisher, maintenance, scheduled_until="2023-10-11T18:00", notify="no")
    maintenance.refresh_from_db()
    assert maintenance.scheduled_until == END + timedelta(hours=2)
    assert maintenance.updates.count() == 1
    assert not Announcement.objects.exists()


def test_other_details_notify_nobody(publisher: Client, maintenance: Incident) -> None:
    save(publisher, maintenance, scope_da="Alle")
    maintenance.refresh_from_db()
    assert maintenance.scope["da"] == "Alle"
    assert not Announcement.objects.exists()


def test_form_sent_twice_notifies_once(publisher: Client, maintenance: Incident) -> None:
    address = incident_page(maintenance, "details")
    data = {**filled(publisher.get(address).context["form"]), "scheduled_until": "2023-10-11T18:00"}
    for _attempt in range(2):
        assert publisher.post(address, data).status_code == 302
    assert Announcement.objects.count() == 1
    assert maintenance.updates.count() == 2


@pytest.mark.parametrize("typed", [{}, {"scheduled_until": "2023-10-11T18:00", "notify": "no"}])
def test_reason_that_nobody_would_read_is_refused(
    publisher: Client, maintenance: Incident, typed: dict[str, str]
) -> None:
    response = save(publisher, maintenance, move_text_da="Disken er forsinket.", **typed)
    assert response.status_code == 422
    assert "Disken er forsinket." in response.content.decode()
    assert list(response.context["form"].errors) == ["move_text"]


def test_impossible_time_is_refused_beside_the_field(publisher: Client, maintenance: Incident) -> None:
    response = save(publisher, maintenance, scheduled_until="2023-10-11T13:00", move_text_da="Disken.")
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["scheduled_until"]
    assert not Announcement.objects.exists()


def test_time_moved_back_within_the_hold_says_that_nobody_is_notified(
    publisher: Client, maintenance: Incident, clock: time_machine.Traveller
) -> None:
    save(publisher, maintenance, scheduled_until="2023-10-11T18:00")
    clock.shift(timedelta(seconds=5))
    response = save(publisher, maintenance, scheduled_until="2023-10-11T16:00")
    assert "not notified of either change" in publisher.get(response.url).content.decode()
    assert not Announcement.objects.exists()


def test_incidents_drafts_and_finished_work_do_not_ask(publisher: Client, maintenance: Incident) -> None:
    operations.withdraw(by=ANYBODY, incident=maintenance)
    for one in (make_incident(), maintenance):
        assert "notify" not in publisher.get(incident_page(one, "details")).context["form"].fields
