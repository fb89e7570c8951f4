"""Staff who may only view can change nothing, neither by button nor by URL."""

import pytest
from django.test import Client
from django.urls import reverse

from incidents.models import Announcement, Component, Incident, Page, Subscriber, Update
from tests.admin.conftest import staff
from tests.factories import make_component, make_group, make_incident, make_page, make_statement, make_subscriber

pytestmark = pytest.mark.django_db


def test_viewer_sees_lists_and_incidents_without_buttons(viewer: Client) -> None:
    make_page()
    make_component()
    make_group()
    make_subscriber()
    incident = make_incident(statement=make_statement(notify=True))
    for model in "incident maintenance component componentgroup subscriber announcement delivery".split():
        assert viewer.get(reverse(f"admin:incidents_{model}_changelist")).status_code == 200, model
    page = viewer.get(reverse("admin:incidents_incident_change", args=[incident.pk])).content.decode()
    assert "Vi har fundet fejlen." in page
    assert "/update/" not in page
    assert "/cancel/" not in page
    front = viewer.get("/admin/").content.decode()
    assert "New incident" not in front
    assert "Post update" not in front


@pytest.mark.parametrize("name", ["update", "details", "withdraw", "publish_again"])
def test_viewer_changes_no_incident_by_address(viewer: Client, name: str) -> None:
    incident = make_incident()
    address = reverse(f"admin:incidents_incident_{name}", args=[incident.pk])
    assert viewer.get(address).status_code == 403
    assert viewer.post(address, {"action": "publish", "text_da": "x", "title_da": "x"}).status_code == 403
    incident.refresh_from_db()
    assert incident.is_public
    assert Update.objects.count() == 1


@pytest.mark.parametrize("name", ["draft", "publish", "discard", "correct"])
def test_viewer_changes_no_update_by_address(viewer: Client, name: str) -> None:
    incident = make_incident(draft=True)
    address = reverse(f"admin:incidents_incident_{name}", args=[incident.pk, incident.updates.get().pk])
    assert viewer.post(address, {"action": "publish", "text_da": "x"}).status_code == 403
    assert not Update.objects.get().is_public


def test_viewer_opens_no_incident_and_takes_nothing_back(viewer: Client) -> None:
    assert viewer.post("/admin/incidents/incident/add/", {"title_da": "x"}).status_code == 403
    incident = make_incident(statement=make_statement(notify=True))
    announcement = Announcement.objects.get()
    address = reverse("admin:incidents_incident_cancel", args=[incident.pk, announcement.pk])
    assert viewer.post(address).status_code == 403
    assert Incident.objects.count() == 1
    announcement.refresh_from_db()
    assert announcement.cancelled_at is None


def test_viewer_changes_no_component_and_no_page(viewer: Client) -> None:
    component, page = make_component("mail"), make_page()
    viewer.post(reverse("admin:incidents_component_change", args=[component.pk]), {"name_da": "Andet"})
    viewer.post(reverse("admin:incidents_page_change", args=[page.pk]), {"name_da": "Andet"})
    action = {"action": "set_major_outage", "confirmed": "yes", "_selected_action": component.pk}
    viewer.post(reverse("admin:incidents_component_changelist"), action)
    component.refresh_from_db()
    assert component.name["da"] == "mail (da)"
    assert component.status == "operational"
    assert Page.objects.get().name["da"] == "Nordhost driftsstatus"


def test_writer_of_incidents_changes_no_maintenance() -> None:
    client = staff("ida", "view_incident", "change_incident", "add_incident")
    assert client.get("/admin/incidents/incident/add/").status_code == 200
    assert client.get("/admin/incidents/maintenance/add/").status_code == 403


def test_stranger_is_sent_to_the_login() -> None:
    incident = make_incident()
    response = Client().get(reverse("admin:incidents_incident_update", args=[incident.pk]))
    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]


@pytest.mark.parametrize("model", ["subscriber", "announcement", "delivery"])
def test_ledgers_are_neither_added_to_nor_deleted_from(publisher: Client, model: str) -> None:
    assert publisher.get(reverse(f"admin:incidents_{model}_add")).status_code == 403
    subscriber = make_subscriber()
    address = reverse("admin:incidents_subscriber_delete", args=[subscriber.pk])
    assert publisher.post(address, {"post": "yes"}).status_code == 403
    assert Subscriber.objects.exists()


def test_incidents_and_components_are_not_deleted(publisher: Client) -> None:
    incident, component = make_incident(), make_component()
    for model, row in (("incident", incident), ("component", component)):
        address = reverse(f"admin:incidents_{model}_delete", args=[row.pk])
        assert publisher.post(address, {"post": "yes"}).status_code == 403
    assert Incident.objects.exists()
    assert Component.objects.exists()
