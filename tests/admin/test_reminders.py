"""Staff choose when subscribers are reminded of maintenance, and see who was."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import REMINDERS, Incident
from incidents.notifications import release
from incidents.publishing.store import changes
from incidents.staff.actors import SCHEDULER
from tests.admin.filling import filled
from tests.factories import make_maintenance, make_subscriber

pytestmark = pytest.mark.django_db
NEW = "/admin/incidents/maintenance/add/"


def chosen(incident: Incident) -> list[str]:
    incident.refresh_from_db()
    return [name for name in REMINDERS if getattr(incident, name)]


def test_new_maintenance_has_the_reminders_of_the_setting(publisher: Client, settings: Settings) -> None:
    settings.MAINTENANCE_REMINDERS = ["7d", "1h"]
    form = publisher.get(NEW).context["form"]
    assert [name for name in REMINDERS if form[name].value()] == ["remind_week_before", "remind_hour_before"]
    written = {"title_da": "Nyt", "text_da": "Nyt.", "scheduled_for": "2050-10-11T18:00",
               "scheduled_until": "2050-10-11T19:00", "action": "draft"}  # fmt: skip
    data = {**filled(form), **written}
    data.pop("remind_week_before")
    assert publisher.post(NEW, data).status_code == 302
    assert chosen(Incident.objects.get()) == ["remind_hour_before"]


def test_details_change_the_reminders(publisher: Client) -> None:
    now = timezone.now()
    incident = make_maintenance(start=now + timedelta(days=9), end=now + timedelta(days=10))
    address = incident_page(incident, "details")
    data = {**filled(publisher.get(address).context["form"]), "remind_week_before": "on"}
    data.pop("remind_day_before")
    assert publisher.post(address, data).status_code == 302
    assert chosen(incident) == ["remind_week_before", "remind_hour_before"]


@pytest.mark.usefixtures("public_store")
def test_page_of_the_maintenance_shows_the_reminder(publisher: Client) -> None:
    now = timezone.now()
    make_subscriber()
    incident = make_maintenance(start=now + timedelta(minutes=50), end=now + timedelta(hours=2))
    Incident.objects.filter(pk=incident.pk).update(published_at=now - timedelta(days=1))
    assert operations.remind_of_maintenance(incident=incident, by=SCHEDULER)
    held = publisher.get(incident_page(incident)).content.decode()
    assert "Reminder" in " ".join(held.split('<form class="held"')[1].split("</form>")[0].split())
    changes.repair()
    release.release_due(now + timedelta(minutes=1))
    assert "Reminder of planned maintenance" in publisher.get(incident_page(incident)).content.decode()
