"""The front page, and how many queries the pages take."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from incidents.models import Announcement, Delivery, Incident, StaleSubject
from incidents.notifications import audience
from incidents.status import ComponentStatus, Phase
from incidents.wording import shape
from tests.factories import (
    make_component,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_subscriber,
    make_update,
)

pytestmark = pytest.mark.django_db


def test_open_incident_is_one_press_away_from_an_update(publisher: Client) -> None:
    incident, over = make_incident(), make_incident()
    make_update(over, Phase.RESOLVED)
    page = publisher.get("/admin/").content.decode()
    assert reverse("admin:incidents_incident_update", args=[incident.pk]) in page
    assert reverse("admin:incidents_incident_update", args=[over.pk]) not in page
    assert reverse("admin:incidents_incident_add") in page


def test_overdue_promise_is_marked(publisher: Client) -> None:
    make_incident()
    Incident.objects.update(next_update_by=timezone.now() - timedelta(minutes=1))
    assert "overdue" in publisher.get("/admin/").content.decode()


def test_drafts_and_scheduled_updates_stand_on_the_front_page(publisher: Client) -> None:
    incident = make_incident(draft=True)
    later = make_update(make_incident(), publish_at=timezone.now() + timedelta(hours=1))
    page = publisher.get("/admin/").content.decode()
    for update in (incident.updates.get(), later):
        assert reverse("admin:incidents_incident_draft", args=[update.incident_id, update.pk]) in page


def test_deliveries_in_trouble_and_unpublished_changes_are_counted(publisher: Client) -> None:
    StaleSubject.objects.all().delete()
    assert "Everything is published." in publisher.get("/admin/").content.decode()
    make_subscriber()
    make_incident(statement=make_statement(notify=True))
    announcement = Announcement.objects.get()
    audience.expand(announcement, timezone.now())
    Delivery.objects.update(state="deferred")
    StaleSubject.objects.update(error="disk full")
    page = publisher.get("/admin/").content.decode()
    assert "Deferred 1" in page
    assert "could not be published" in page


def test_progress_of_publishing_everything_again_is_shown_until_it_is_done(publisher: Client) -> None:
    StaleSubject.objects.all().delete()
    row = StaleSubject.objects.create(subject="archive", is_shown=True, version="this", done=4_200, total=20_448)
    english = publisher.get("/admin/publishing/").content.decode()
    assert "Publishing all pages again after an upgrade: 4,200 of 20,448" in english
    assert 'value="4200" max="20448"' in english
    assert "Everything is published." not in english
    danish = publisher.get("/admin/publishing/", headers={"accept-language": "da"}).content.decode()
    assert "Alle sider udgives igen efter en opgradering: 4.200 af 20.448" in danish
    row.delete()
    assert "<progress" not in publisher.get("/admin/").content.decode()


def fill() -> None:
    """One more of everything."""
    component = make_component()
    subscriber = make_subscriber()
    subscriber.components.add(component)
    incident = make_incident(components={component: ComponentStatus.PARTIAL_OUTAGE})
    now = timezone.now()
    make_maintenance(start=now + timedelta(days=1), end=now + timedelta(days=2), components=(component,))
    make_update(incident, notify=True, components={component.pk: ComponentStatus.DEGRADED_PERFORMANCE})
    make_incident(draft=True)
    audience.expand(Announcement.objects.latest("id"), now)


LISTS = [
    f"/admin/incidents/{model}/"
    for model in "incident maintenance component subscriber announcement delivery componentgroup".split()
]


def queries(publisher: Client, addresses: list[str]) -> dict[str, int]:
    """How many each page asks, the second time it is fetched."""
    counts = {}
    for address in addresses:
        publisher.get(address)
        with CaptureQueriesContext(connection) as asked:
            assert publisher.get(address).status_code == 200
        counts[address] = len(asked)
    return counts


def test_queries_do_not_grow_with_the_rows(publisher: Client) -> None:
    addresses = ["/admin/", "/admin/incidents/incident/add/", *LISTS]
    make_page()
    fill()
    few = queries(publisher, addresses)
    for _ in range(4):
        fill()
    assert queries(publisher, addresses) == few


def test_queries_do_not_grow_with_the_updates_of_an_incident(publisher: Client) -> None:
    incident = make_incident()
    addresses = [reverse(f"admin:incidents_incident_{name}", args=[incident.pk]) for name in ("change", "update")]
    make_update(incident, notify=True, components={make_component().pk: ComponentStatus.PARTIAL_OUTAGE})
    few = queries(publisher, addresses)
    for _ in range(5):
        make_update(incident, notify=True, components={make_component().pk: ComponentStatus.PARTIAL_OUTAGE})
    assert queries(publisher, addresses) == few


@pytest.mark.parametrize("status", ComponentStatus)
def test_states_have_the_shapes_that_readers_see(publisher: Client, status: ComponentStatus) -> None:
    incident = make_incident(components={make_component(status=status): status})
    update = reverse("admin:incidents_incident_update", args=[incident.pk])
    change = reverse("admin:incidents_incident_change", args=[incident.pk])
    for address in ("/admin/", "/admin/incidents/component/", update, change):
        assert shape(status) in publisher.get(address).content.decode(), address


def test_style_sheets_draw_no_other_marks() -> None:
    path = finders.find("css/admin/states.css")
    assert isinstance(path, str)
    style = "".join(sheet.read_text() for sheet in Path(path).parent.glob("*.css"))
    assert not set("✓◆▼◐✕●") & set(style)
    for status in ComponentStatus:
        assert f".state-{status} " in style
